# SPDX-License-Identifier: Apache-2.0
"""Faults of cameras, weights and company: counted, survived, and over within a second."""

from __future__ import annotations

import signal
import subprocess
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_messages import header, image
from lifecycle_msgs.msg import State, Transition
from live_cameras import SECOND, Change, LiveCameras, nanoseconds
from rcl_interfaces.msg import Log
from rclpy.node import Node
from sensor_msgs.msg import Image
from spinning import Client
from std_srvs.srv import Trigger
from test_fusion_node import HEIGHT, WIDTH, fusion_node
from test_fusion_node_control import KEPT, state, transition

from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_fusion

Spin = Callable[[Node], Node]
TIMEOUT = {"degraded.timeout": 0.3}
FRAMES = 5
"""Pictures of a camera that a fault lasts for."""


def stamped(by: int) -> Change:
    """Let a thermal stamp be wrong."""

    def change(camera: str, message: Image) -> Image:
        if camera == "thermal":
            stamp = nanoseconds(message.header) + by
            message.header = header(stamp, message.header.frame_id)
        return message

    return change


def stopped() -> Change:
    """Let the thermal clock stand still."""
    stood: list[Any] = []

    def change(camera: str, message: Image) -> Image:
        if camera == "thermal":
            stood.append(message.header)
            message.header = stood[0]
        return message

    return change


def shown(picture: np.ndarray[Any, Any], encoding: str) -> Change:
    """Let the thermal camera show another picture."""

    def change(camera: str, message: Image) -> Image:
        if camera == "rgb":
            return message
        return image(picture, encoding, nanoseconds(message.header), message.header.frame_id)

    return change


def too_long(camera: str, message: Image) -> Image:
    """Let a camera claim more rows than it sends."""
    message.height *= 100
    return message


def cut(camera: str, message: Image) -> Image:
    message.data = array("B", bytes(message.data)[:100])
    return message


def empty(camera: str, message: Image) -> Image:
    message.width = message.height = message.step = 0
    return message


NO_READING = np.full((HEIGHT, WIDTH), np.nan, np.float32)


@pytest.mark.parametrize(
    ("fault", "counter"),
    [
        pytest.param(cut, "thermal rejected", id="truncated"),
        pytest.param(too_long, "rgb rejected", id="oversized"),
        pytest.param(empty, "thermal rejected", id="zero size"),
        pytest.param(shown(NO_READING, "32FC1"), "thermal rejected", id="NaN"),
        pytest.param(
            shown(np.zeros((HEIGHT, WIDTH), np.uint8), "mono8"),
            "thermal frozen",
            id="flat and held",
        ),
        pytest.param(shown(np.zeros((8, 8), np.uint8), "mono8"), "failed", id="another size"),
        pytest.param(
            shown(np.zeros((HEIGHT, WIDTH), np.uint8), "rgb33"),
            "thermal rejected",
            id="another encoding",
        ),
        pytest.param(stopped(), "pairing duplicate", id="duplicate stamps"),
        pytest.param(stamped(-SECOND // 5), "pairing late", id="late stamps"),
        pytest.param(stamped(100 * SECOND), "pairing stale", id="a future stamp"),
    ],
)
def test_a_fault_is_counted_and_over_within_a_second(
    running: Spin, client: Client, fault: Change, counter: str
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    for _ in range(1 if "stale" in counter else FRAMES):
        cameras.step(fault)
    end = cameras.stamp
    cameras.until(lambda: cameras.source() == "fused" and cameras.after(end), "pairs are back")
    pairs = [m for m in cameras.after(end) if nanoseconds(m.header) <= cameras.stamp]
    assert nanoseconds(pairs[0].header) - end <= SECOND
    cameras.status(lambda values, _: int(values.get(counter, 0)) > 0)


@pytest.mark.parametrize("by", [3600 * SECOND, -3600 * SECOND], ids=["forward", "back"])
def test_a_jump_of_both_clocks_is_over_within_a_second(
    running: Spin, client: Client, by: int
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    cameras.stamp += by
    before = cameras.stamp

    def back() -> list[int]:
        stamps = [nanoseconds(m.header) for m in cameras.fused]
        return [stamp for stamp in stamps if before < stamp < before + 100 * SECOND]

    stamps = cameras.until(back, "pairs are back")
    assert stamps[0] - before <= SECOND


def test_a_flat_picture_is_fused_like_any_other(running: Spin, client: Client) -> None:
    running(fusion_node(**TIMEOUT, **{"thermal.range": "percentile"}))
    cameras = LiveCameras(client)
    cameras.start()
    flat = shown(np.full((HEIGHT, WIDTH), 7, np.uint8), "mono8")
    stamp = cameras.step(flat)
    cameras.until(lambda: cameras.after(stamp), "pairs go on")
    assert stamp in [nanoseconds(m.header) for m in cameras.fused]


def test_encodings_may_change_between_two_pictures(running: Spin, client: Client) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()

    def others(camera: str, message: Image) -> Image:
        picture = cameras.sent[cameras.stamp][camera]
        stamp, frame_id = nanoseconds(message.header), message.header.frame_id
        if camera == "thermal":
            return image(picture.astype(np.uint16) * 100, "mono16", stamp, frame_id)
        return image(picture[..., ::-1], "bgr8", stamp, frame_id)

    last = cameras.stamp
    cameras.until(lambda: len(cameras.after(last)) >= 3, "they are fused", others)
    assert nanoseconds(cameras.after(last)[0].header) - last <= SECOND
    last = cameras.stamp
    cameras.until(lambda: len(cameras.after(last)) >= 3, "and so are those of before")
    status = cameras.status(lambda values, _: int(values.get("fused", 0)) >= 6)
    values = {v.key: v.value for v in status.values}
    assert [values[f"{camera} rejected"] for camera in ("thermal", "rgb")] == ["0", "0"]
    assert values["failed"] == "0"


def test_weights_that_cannot_be_used_leave_those_that_are(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    weights = tmp_path / "edge.safetensors"
    save_weights(weights, "edge", create_fusion("edge"), {})
    sound = weights.read_bytes()
    running(fusion_node(**TIMEOUT, weights=str(weights)))
    cameras = LiveCameras(client)
    cameras.start()

    def refused() -> str:
        answer = client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request())
        assert not answer.success
        last = cameras.stamp
        cameras.until(lambda: cameras.after(last), "pairs go on")
        return str(answer.message)

    weights.unlink()
    assert str(weights) in refused()
    weights.write_bytes(sound[:-10])
    assert "sha256" in refused()
    weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert "sha256" in refused()
    save_weights(weights, "tardal", create_fusion("tardal"), {})
    assert "tardal" in refused()
    save_weights(weights, "edge", create_fusion("edge"), {})
    assert client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request()).success


def test_two_nodes_of_one_name_are_reported(running: Spin, client: Client) -> None:
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    running(fusion_node(autostart=False))
    running(fusion_node(autostart=False))
    client.until(
        lambda: [entry for entry in log if "another node is named /fusion_node" in entry.msg],
        "the log names it",
    )


@pytest.mark.parametrize(
    ("signal_name", "label", "reached"),
    [
        ("SIGTERM", Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
        ("SIGINT", Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, State.PRIMARY_STATE_FINALIZED),
    ],
    ids=["inactive", "finalized"],
)
def test_signals_end_it_cleanly_in_the_other_states(
    client: Client,
    process: Callable[..., subprocess.Popen[str]],
    signal_name: str,
    label: int,
    reached: int,
) -> None:
    options = ["-p", "segmenter:=none", "-p", "detector:=none", "-p", "autostart:=false"]
    node = process("bifuse_ros.fusion_node", "--ros-args", *options)
    assert transition(client, label)
    assert state(client) == reached
    node.send_signal(getattr(signal, signal_name))
    output, _ = node.communicate(timeout=15)
    assert node.returncode == 0, output
    assert "Traceback" not in output
