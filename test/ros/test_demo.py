# SPDX-License-Identifier: Apache-2.0
"""The demo from end to end: real nodes in processes of their own, and what they leave."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rich.console import Console
from sensor_msgs.msg import Image
from spinning import Client

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_detector, create_segmenter
from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.demo.__main__ import leave_results, main
from bifuse_ros.demo.play import DemoError
from bifuse_ros.demo.recording import Recording
from bifuse_ros.topics import DETECTIONS, FUSED, LABELS, MASK, OVERLAY, RGB, THERMAL

Start = Callable[..., subprocess.Popen[str]]
Refused = Callable[..., tuple[int, str]]
pytestmark = pytest.mark.slow

BLIND = ("--detector", "none", "--segmenter", "none")


def test_the_demo_leaves_all_its_results(process: Start, tmp_path: Path) -> None:
    demo = process("bifuse_ros.demo", "--out", "results", "--seconds", "0.2", "--rate", "5")
    output, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, output
    results = tmp_path / "results"
    sheet = cv2.imread(str(results / "contact_sheet.png"))
    assert sheet is not None
    # Five conditions of four pictures each: thermal, RGB, fused and overlay. A busy machine may
    # leave one out.
    rows = len(Recording.read(results / "bag").middles(5))
    assert sheet.shape[1] / sheet.shape[0] == pytest.approx(4 * 640 / (rows * 480), rel=0.05)
    # A blank sheet would have no variance.
    assert sheet.std() > 20
    assert cv2.imreadanimation(str(results / "animation.webp"))[0]
    report = (results / "report.html").read_text()
    for word in ("fused images", "pairs lost", "data:image/png;base64", "contact_sheet.png"):
        assert word in report
    reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is missing")
    bag = results / "bag" / "bag.mcap"
    topics = [message.channel.topic for message in reader.read_ros2_messages(str(bag))]
    for topic in ("/thermal/image_raw", "/rgb/image_raw", "/fusion_node/fused/image"):
        # 5 x 0.2 s x 25 Hz; on a busy machine many pairs are displaced.
        assert 5 <= topics.count(topic) <= 25
    assert "/diagnostics" in topics
    assert "/fusion_node/fused/camera_info" in topics


def test_the_demo_shows_what_the_networks_see(process: Start, tmp_path: Path) -> None:
    detector, segmenter = tmp_path / "detector.safetensors", tmp_path / "segmenter.safetensors"
    save_weights(detector, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    segformer = create_segmenter("segformer_b0", len(SEGMENTATION_CLASSES))
    save_weights(segmenter, "segformer_b0", segformer, {}, SEGMENTATION_CLASSES)
    write_pairs(tmp_path, 12)
    options = ["--detector", "fcos_small", "--detector-weights", str(detector)]
    options += ["--segmenter", "segformer_b0", "--segmenter-weights", str(segmenter)]
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), "--out", "results", *options)
    output, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, output
    results = tmp_path / "results"
    recording = Recording.read(results / "bag")
    for topic in (DETECTIONS, MASK, OVERLAY):
        assert recording.stamps[topic]
        assert set(recording.stamps[topic]) <= set(recording.stamps[FUSED])
    (moment,) = recording.moments(recording.stamps[OVERLAY][:1])
    assert moment.overlay is not None
    assert moment.overlay.shape == moment.fused.shape
    report = (results / "report.html").read_text()
    for word in (
        "detections rate",
        "masks rate",
        "overlays rate",
        "segmentation: segmenter sha256",
    ):
        assert word in report
    reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is missing")
    names = {
        entry.class_name
        for message in reader.read_ros2_messages(str(results / "bag" / "bag.mcap"), [LABELS])
        for entry in message.ros_msg.class_map
    }
    assert names == set(SEGMENTATION_CLASSES)


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the demo here, with options that must not let it start; return exit code and error."""

    def call(*options: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["bifuse demo", *map(str, options)])
        monkeypatch.setattr("bifuse_ros.demo.__main__.play", never)
        try:
            code = main()
        except SystemExit as end:
            code = int(str(end.code))
        return code, capfd.readouterr().err

    def never(*_: object) -> None:
        raise AssertionError("the demo has started")

    return call


def test_an_input_that_is_not_there_ends_it_with_one_line(refused: Refused) -> None:
    code, error = refused("--input", "/nowhere")
    assert code == 1
    assert error.count("\n") == 1
    assert "/nowhere: no such file or folder" in error


def write_pairs(folder: Path, count: int) -> None:
    for side in ("ir", "vi"):
        (folder / side).mkdir()
        for number in range(count):
            picture = np.random.default_rng(number).integers(0, 255, (48, 64), np.uint8)
            cv2.imwrite(str(folder / side / f"{number}.png"), picture)


def test_a_damaged_picture_ends_it_with_the_name_of_the_file(
    process: Start, tmp_path: Path
) -> None:
    write_pairs(tmp_path, 2)
    damaged = tmp_path / "vi" / "1.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), *BLIND)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1, output
    assert "1.png" in output


def test_a_single_pair_is_enough(process: Start, tmp_path: Path) -> None:
    write_pairs(tmp_path, 1)
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), "--out", "results", *BLIND)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output
    assert (tmp_path / "results" / "animation.webp").is_file()


def test_a_run_without_a_fused_image_is_a_failure(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    for topic in (THERMAL, RGB, FUSED):
        writer.add_topic(topic, "sensor_msgs/msg/Image", [QoSProfile(depth=1)])
    writer.close()
    with pytest.raises(DemoError, match="no fused image"):
        leave_results(Namespace(out=tmp_path, input=[]), "nothing", Console())


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="Ctrl-C"),
        pytest.param([signal.SIGINT] * 2, id="Ctrl-C twice", marks=pytest.mark.long),
        pytest.param([signal.SIGHUP], id="terminal closed", marks=pytest.mark.long),
    ],
)
def test_interrupted_while_it_plays_it_takes_its_nodes_with_it(
    process: Start, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    write_pairs(tmp_path, 120)
    results = tmp_path / "results"
    options = ["--rate", "4", *BLIND, "--out", str(results)]
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), *options)
    assert demo.stdout
    assert any(re.search(r"thermal [1-9]", line) for line in demo.stdout)
    assert len(nodes_of(results)) == 3
    for each in signals:
        demo.send_signal(each)
        time.sleep(0.3)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    assert nodes_of(results) == []


def nodes_of(results: Path) -> list[str]:
    """Return the command lines of the nodes whose parameters lie below this folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            line = file.read_bytes().replace(b"\0", b" ").decode()
            if "--params-file" in line and str(results) in line:
                found.append(line)
    return found


def test_ctrl_c_while_scenes_are_prepared(process: Start, tmp_path: Path) -> None:
    results = tmp_path / "results"
    demo = process("bifuse_ros.demo", "--out", str(results), "--seconds", "60")
    log = results / "logs" / "camera_node.log"
    end = time.monotonic() + 60
    while not (log.exists() and "preparing" in log.read_text()) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)
    assert len(nodes_of(results)) == 2
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    assert nodes_of(results) == []


def test_it_deletes_nothing_but_what_a_demo_has_left(refused: Refused, tmp_path: Path) -> None:
    precious = tmp_path / "mine" / "bag" / "my_recording.mcap"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    code, error = refused("--out", tmp_path / "mine")
    assert code == 1
    assert "holds something else than an earlier demo" in error
    assert precious.read_text() == "precious"


def test_it_does_not_mix_with_cameras_that_are_there(
    process: Start, client: Client, tmp_path: Path
) -> None:
    client.create_publisher(Image, RGB, qos_profile_sensor_data)
    demo = process("bifuse_ros.demo", "--out", str(tmp_path / "results"))
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert f"somebody publishes {RGB}" in output
    assert "ROS_DOMAIN_ID" in output


@pytest.mark.parametrize(
    "options",
    [
        ["--rate", "-3"],
        ["--seconds", "0"],
        ["--network", "x"],
        ["--network", "tardal"],
        ["--detector", "x"],
    ],
)
def test_wrong_options_are_refused_before_anything_is_done(
    refused: Refused, tmp_path: Path, options: list[str]
) -> None:
    code, error = refused("--out", tmp_path / "results", *options)
    assert code == 2
    assert options[0] in error
    assert not (tmp_path / "results").exists()
