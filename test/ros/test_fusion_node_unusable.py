# SPDX-License-Identifier: Apache-2.0
"""The fusion node goes on while pictures come that are of no use, and uses them when they are."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from going_on_alone import BACK_WITHIN, TIMEOUT, check_order, goes_on_alone_and_comes_back
from image_messages import image
from live_cameras import SECOND, Change, LiveCameras, nanoseconds
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from spinning import Client
from test_fusion_node import HEIGHT, WIDTH, fusion_node

from bifuse_core.engine.engine import Engine

Spin = Callable[[Node], Node]
NO_READING = "cannot be used (the thermal picture has no finite pixel)"
random = np.random.default_rng(0)


def without_reading(camera: str, message: Image) -> Image:
    """Let the thermal camera measure nothing, differently each time, so that it is not frozen."""
    if camera == "rgb":
        return message
    nothing = random.choice(np.array([np.nan, np.inf, -np.inf], np.float32), (HEIGHT, WIDTH))
    return image(nothing, "32FC1", nanoseconds(message.header), message.header.frame_id)


def halved(camera: str, message: Image) -> Image:
    """Let the thermal camera have half the size."""
    if camera == "rgb":
        return message
    picture = np.frombuffer(message.data, np.uint8).reshape(HEIGHT, WIDTH)[::2, ::2]
    return image(picture, "mono8", nanoseconds(message.header), message.header.frame_id)


def truncated(camera: str, message: Image) -> Image:
    """Let the thermal camera send half of each picture: that is refused at its receipt."""
    if camera == "rgb":
        return message
    cut = image(np.zeros((HEIGHT, WIDTH), np.uint8), "mono8", nanoseconds(message.header))
    cut.data = cut.data[: len(cut.data) // 2]
    return cut


def without(lost: str, change: Change) -> Change:
    return lambda camera, message: None if camera == lost else change(camera, message)


def compressed(camera: str, message: Image, *, damaged: str = "") -> CompressedImage:
    """Compress a picture; of a damaged one the second half is missing."""
    shape = (HEIGHT, WIDTH, 3) if camera == "rgb" else (HEIGHT, WIDTH)
    picture = np.frombuffer(message.data, np.uint8).reshape(shape)
    picture = picture[..., ::-1] if camera == "rgb" else picture
    kind = "jpeg" if camera == damaged else "png"
    data = cv2.imencode(f".{kind}", picture)[1].tobytes()
    data = data[: len(data) // 2] if camera == damaged else data
    return CompressedImage(header=message.header, format=kind, data=array("B", data))


def damaged_rgb(camera: str, message: Image) -> CompressedImage:
    return compressed(camera, message, damaged="rgb")


@pytest.mark.parametrize(
    ("failure", "reason", "counter"),
    [
        pytest.param(
            without_reading,
            f"the pictures on /thermal/image_raw {NO_READING}",
            "thermal rejected",
            id="NaN",
        ),
        pytest.param(
            halved,
            "pairs cannot be fused (thermal is 48x32, rgb is 96x64",
            "failed",
            id="another size",
        ),
        pytest.param(
            truncated,
            "the images on /thermal/image_raw are refused (",
            "thermal rejected",
            id="half a picture",
        ),
    ],
)
def test_rgb_goes_on_alone_and_pairs_come_back(
    running: Spin, client: Client, failure: Change, reason: str, counter: str
) -> None:
    running(fusion_node(**TIMEOUT))
    values = goes_on_alone_and_comes_back(LiveCameras(client), failure, "rgb", reason)
    assert int(values[counter]) > 0


def test_damaged_jpegs_leave_the_thermal_camera(running: Spin, client: Client) -> None:
    transports = {f"{camera}.transport": "compressed" for camera in ("thermal", "rgb")}
    running(fusion_node(**TIMEOUT, **transports))
    cameras = LiveCameras(client, compressed, kind=CompressedImage, suffix="/compressed")
    reason = "the pictures on /rgb/image_raw/compressed cannot be used ("
    values = goes_on_alone_and_comes_back(cameras, damaged_rgb, "thermal", reason)
    assert int(values["rgb rejected"]) > 0


@pytest.mark.parametrize("failure", [without_reading, halved], ids=["NaN", "another size"])
def test_every_second_bad_picture_changes_nothing(
    running: Spin, client: Client, failure: Change
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    for number in range(30):
        cameras.step(failure if number % 2 else None)
    cameras.status(lambda values, _: int(values["thermal rejected"]) + int(values["failed"]) > 2)
    assert {message.data for message in cameras.sources} == {"fused"}


def test_a_slow_engine_is_no_fault(
    running: Spin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused: list[int] = []

    def slow(_: Engine, thermal: Any, rgb: Any, stamp: int) -> Any:
        fused.append(stamp)
        time.sleep(1.0)
        return rgb

    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    monkeypatch.setattr(Engine, "fuse", slow)
    bad = 0

    def sometimes(camera: str, message: Image) -> Image:
        nonlocal bad
        bad += camera == "thermal"
        return without_reading(camera, message) if bad % 4 == 0 else message

    cameras.until(lambda: len(fused) >= 4, "it fuses slowly", sometimes)
    assert {message.data for message in cameras.sources} == {"fused"}


def test_without_a_usable_picture_it_says_so_and_tries_what_comes(
    running: Spin, client: Client
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    failure = without("rgb", without_reading)
    cameras.until(lambda: cameras.source() == "none", "it says that there is nothing", failure)
    cameras.diagnostics.clear()
    published = len(cameras.fused)
    errors = cameras.until(
        lambda: [
            s for m in cameras.diagnostics for s in m.status if s.level == DiagnosticStatus.ERROR
        ],
        "diagnostics say so",
        failure,
    )
    assert "no images on /rgb/image_raw for" in errors[-1].message
    assert f"the pictures on /thermal/image_raw {NO_READING}" in errors[-1].message
    assert len(cameras.fused) == published
    mended = cameras.stamp
    only_thermal = without("rgb", lambda _, message: message)
    cameras.until(lambda: len(cameras.of("thermal")) >= 3, "thermal goes on", only_thermal)
    assert nanoseconds(cameras.of("thermal")[0].header) - mended <= BACK_WITHIN
    mended = cameras.stamp
    cameras.until(lambda: cameras.after(mended) and cameras.source() == "fused", "pairs are back")
    check_order(cameras)


def test_an_engine_that_fails_leaves_the_reference(
    running: Spin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    running(fusion_node(**TIMEOUT, reference="thermal"))
    cameras = LiveCameras(client)
    cameras.start()
    monkeypatch.setattr(Engine, "fuse", broken)
    lost = cameras.stamp
    cameras.until(lambda: cameras.of("thermal"), "thermal goes on alone")
    assert nanoseconds(cameras.of("thermal")[0].header) - lost <= SECOND // 2
    cameras.until(
        lambda: any(
            "thermal alone: pairs cannot be fused (out of memory)" in status.message
            for message in cameras.diagnostics
            for status in message.status
        ),
        "diagnostics say why",
    )
    monkeypatch.undo()
    mended = cameras.stamp
    cameras.until(lambda: cameras.source() == "fused", "pairs are back")
    assert cameras.stamp - mended <= BACK_WITHIN
    check_order(cameras)
