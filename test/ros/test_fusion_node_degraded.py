# SPDX-License-Identifier: Apache-2.0
"""The fusion node goes on with one camera while the other is silent, frozen or astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from going_on_alone import BACK_WITHIN, TIMEOUT, check_order, goes_on_alone_and_comes_back
from image_messages import header
from live_cameras import LATCHED, SECOND, SOURCE, Change, LiveCameras, nanoseconds
from rclpy.node import Node
from sensor_msgs.msg import Image
from spinning import Client
from std_msgs.msg import String
from test_fusion_node import HEIGHT, fusion_node, pixels
from test_fusion_node_control import number, set_parameter
from test_fusion_node_perception import OVERLAY, boxes_only, sighted
from vision_msgs.msg import Detection2DArray

from bifuse_core.engine.detection import PictureDetector
from bifuse_core.engine.perception import NOTHING

__all__ = ["boxes_only", "sighted"]

Spin = Callable[[Node], Node]


def silent(*cameras: str) -> Change:
    return lambda camera, message: None if camera in cameras else message


def held(frozen: str) -> Callable[[str, Image], Image]:
    """Let a camera repeat its picture, under new stamps."""
    picture: list[Image] = []

    def change(camera: str, message: Image) -> Image:
        if camera == frozen:
            picture.append(message)
            message.data = picture[0].data
        return message

    return change


def both_held() -> Change:
    held_thermal, held_rgb = held("thermal"), held("rgb")
    return lambda camera, message: held_rgb(camera, held_thermal(camera, message))


def astray(by: int) -> Change:
    """Let the stamps of the thermal camera be wrong."""

    def change(camera: str, message: Image) -> Image:
        if camera == "thermal":
            message.header = header(nanoseconds(message.header) + by, message.header.frame_id)
        return message

    return change


@pytest.mark.parametrize(
    ("failure", "left", "reason"),
    [
        pytest.param(silent("thermal"), "rgb", "no images on /thermal/image_raw", id="no thermal"),
        pytest.param(silent("rgb"), "thermal", "no images on /rgb/image_raw", id="no rgb"),
        pytest.param(held("thermal"), "rgb", "on /thermal/image_raw is frozen", id="held thermal"),
        pytest.param(held("rgb"), "thermal", "on /rgb/image_raw is frozen", id="held rgb"),
        pytest.param(astray(4 * SECOND // 5), "rgb", "sync.slop is 0.020 s", id="astray"),
    ],
)
def test_the_other_goes_on_alone_and_pairs_come_back(
    running: Spin, client: Client, failure: Change, left: str, reason: str
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    values = goes_on_alone_and_comes_back(cameras, failure, left, reason)
    kinds = ("thermal", "rgb")
    assert [int(values[f"{camera} frozen"]) > 0 for camera in kinds] == [
        "frozen" in reason and camera != left for camera in kinds
    ]


def test_still_pictures_of_both_are_fused_with_a_warning(running: Spin, client: Client) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    still = both_held()

    def warned() -> Any:
        statuses = [s for m in cameras.diagnostics for s in m.status]
        return [s for s in statuses if "are still" in s.message and s.level == s.WARN]

    cameras.until(warned, "diagnostics say so", still)
    since = cameras.stamp
    cameras.until(lambda: len(cameras.after(since)) >= 5, "pairs go on", still)
    assert cameras.source() == "fused"


def test_without_both_it_says_so_and_publishes_nothing(running: Spin, client: Client) -> None:
    failure = silent("thermal", "rgb")
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    cameras.until(lambda: cameras.source() == "none", "it says that there is nothing", failure)
    published = len(cameras.fused)
    cameras.diagnostics.clear()
    errors = cameras.until(
        lambda: [
            s for m in cameras.diagnostics for s in m.status if s.level == DiagnosticStatus.ERROR
        ],
        "diagnostics say so",
        failure,
    )
    assert "/thermal/image_raw and /rgb/image_raw" in errors[0].message
    assert len(cameras.fused) == published
    mended = cameras.stamp
    cameras.until(lambda: cameras.after(mended), "pairs are back")
    assert nanoseconds(cameras.after(mended)[0].header) - mended <= BACK_WITHIN
    cameras.until(lambda: cameras.source() == "fused", "it says so")
    check_order(cameras)


def test_a_camera_that_was_never_there_is_done_without_after_a_while(
    running: Spin, client: Client
) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    first = cameras.step(silent("thermal"))
    cameras.until(lambda: cameras.of("rgb"), "rgb goes on alone", silent("thermal"))
    # A camera may take a moment longer than the other to come up. Busy machines step less often.
    assert len(cameras.sent) >= 10 and nanoseconds(cameras.fused[0].header) > first
    late: list[String] = client.listen(String, SOURCE, LATCHED)
    client.until(lambda: late, "who subscribes late is told too")
    assert late[-1].data == "rgb"


def test_the_timeout_is_live_and_zero_turns_it_off(running: Spin, client: Client) -> None:
    running(fusion_node(**TIMEOUT))
    cameras = LiveCameras(client)
    cameras.start()
    assert set_parameter(client, "degraded.timeout", number(0.0)) == (True, "")
    cameras.start()
    cameras.diagnostics.clear()
    cameras.until(
        lambda: any("no images on" in s.message for m in cameras.diagnostics for s in m.status),
        "diagnostics say that it is missing",
        silent("thermal"),
    )
    assert not cameras.of("rgb")
    assert set_parameter(client, "degraded.timeout", number(0.3)) == (True, "")
    cameras.until(lambda: cameras.of("rgb"), "rgb goes on alone", silent("thermal"))
    accepted, reason = set_parameter(client, "degraded.timeout", number(11.0))
    assert not accepted
    assert "range" in reason


def test_boxes_go_on_and_the_overlay_says_that_it_is_one_camera(
    running: Spin, client: Client, boxes_only: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureDetector, "__call__", lambda *_: NOTHING)
    running(fusion_node(**boxes_only, **TIMEOUT))
    cameras = LiveCameras(client)
    overlays: list[Image] = client.listen(Image, OVERLAY, 5)
    boxes: list[Detection2DArray] = client.listen(Detection2DArray, "/fusion_node/detections", 5)
    cameras.start()
    cameras.until(lambda: overlays, "an overlay is drawn")
    plain = {nanoseconds(m.header): pixels(m) for m in cameras.fused}
    drawn = overlays[-1]
    np.testing.assert_array_equal(pixels(drawn), plain[nanoseconds(drawn.header)])
    cameras.until(lambda: len(cameras.of("thermal")) >= 3, "thermal alone", silent("rgb"))
    cameras.until(
        lambda: boxes[-1].header.frame_id == overlays[-1].header.frame_id == "thermal_optical",
        "boxes and overlay are those of the thermal camera",
        silent("rgb"),
    )
    drawn = overlays[-1]
    grey = cameras.sent[nanoseconds(drawn.header)]["thermal"]
    changed = (pixels(drawn) != grey[..., None]).any(axis=2)
    assert changed[:6, :40].mean() > 0.5
    assert not changed[HEIGHT // 2 :].any()
