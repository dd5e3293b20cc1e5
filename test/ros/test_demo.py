# SPDX-License-Identifier: Apache-2.0
"""The demo from end to end: real nodes in processes of their own, and what they leave."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

Start = Callable[..., subprocess.Popen[str]]
pytestmark = pytest.mark.slow


def test_the_demo_leaves_all_its_results(process: Start, tmp_path: Path) -> None:
    demo = process("bifuse_ros.demo", "--out", "results", "--seconds", "0.4")
    output, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, output
    results = tmp_path / "results"
    sheet = cv2.imread(str(results / "contact_sheet.png"))
    assert sheet is not None
    # Five conditions, three pictures each; a blank sheet would have no variance.
    assert sheet.shape[0] > sheet.shape[1]
    assert sheet.std() > 20
    assert cv2.imreadanimation(str(results / "animation.webp"))[0]
    report = (results / "report.html").read_text()
    for word in ("fused images", "pairs lost", "data:image/png;base64", "contact_sheet.png"):
        assert word in report
    reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is missing")
    bag = results / "bag" / "bag.mcap"
    topics = [message.channel.topic for message in reader.read_ros2_messages(str(bag))]
    for topic in ("/thermal/image_raw", "/rgb/image_raw", "/fusion_node/fused/image"):
        # 5 x 0.4 s x 25 Hz; on a busy machine some pairs are displaced.
        assert 25 <= topics.count(topic) <= 50
    assert "/diagnostics" in topics
    assert "/fusion_node/fused/camera_info" in topics


def test_an_input_that_is_not_there_ends_it_with_one_line(process: Start) -> None:
    demo = process("bifuse_ros.demo", "--input", "/nowhere")
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "/nowhere: no such file or folder" in output
    assert "Traceback" not in output


def test_without_a_fused_image_it_fails(process: Start, tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        (tmp_path / side).mkdir()
        picture = tmp_path / side / "0.png"
        cv2.imwrite(str(picture), cv2.UMat(20, 20, cv2.CV_8UC1).get())
        (tmp_path / side / "1.png").write_bytes(picture.read_bytes()[:30])
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), "--rate", "1000")
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode != 0
    assert "1.png" in output


def test_ctrl_c_ends_the_demo_and_its_nodes(process: Start, tmp_path: Path) -> None:
    demo = process("bifuse_ros.demo", "--out", "results", "--seconds", "60")
    log = tmp_path / "results" / "logs" / "fusion_node.log"
    end = time.monotonic() + 60
    while not log.exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    running = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert str(tmp_path / "results") not in running
