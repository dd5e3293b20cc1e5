# SPDX-License-Identifier: Apache-2.0
"""The fusion node with cameras that do not see the same pixels, on real topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from image_messages import image
from rcl_interfaces.msg import Log, ParameterType, ParameterValue
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from spinning import Client
from test_fusion_node_control import KEPT, set_parameter

from bifuse_ros.fusion_node import FusionNode

RGB_SIZE, THERMAL_SIZE = (64, 96), (24, 32)
HALF = [0.5, 0.0, -8.0, 0.0, 0.5, -4.0, 0.0, 0.0, 1.0]
WARM = np.s_[10:16, 20:28]
"""Rows and columns of a warm object in the thermal picture."""
WARM_IN_RGB = np.s_[29:39, 57:71]
"""Within it in the RGB picture, by HALF and by the camera_info below."""
PERIOD = 40_000_000
Spin = Callable[[Node], Node]


class Rig:
    """A node with an alignment, and two cameras of two sizes before it."""

    def __init__(self, running: Spin, client: Client, **parameters: Any) -> None:
        values = {"detector": "none", "segmenter": "none", "network": "max"}
        values |= {"warm_up.width": 96, "warm_up.height": 64} | parameters
        node = FusionNode(
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
        )
        node.start()
        self.client = client
        running(node)
        self.cameras = {
            camera: client.create_publisher(Image, f"/{camera}/image_raw", qos_profile_sensor_data)
            for camera in ("thermal", "rgb")
        }
        self.infos = {
            camera: client.create_publisher(
                CameraInfo, f"/{camera}/camera_info", qos_profile_sensor_data
            )
            for camera in ("thermal", "rgb")
        }
        self.fused: list[Image] = client.listen(Image, "/fusion_node/fused/image", 5)
        self.diagnostics: list[DiagnosticArray] = client.listen(DiagnosticArray, "/diagnostics", 10)
        self.stamp = 1_700_000_000_000_000_000
        publishers = (*self.cameras.values(), *self.infos.values())
        client.until(
            lambda: (
                all(p.get_subscription_count() for p in publishers)
                and client.count_publishers("/fusion_node/fused/image")
            ),
            "the node subscribes",
        )

    def send(self) -> None:
        thermal, rgb = np.full(THERMAL_SIZE, 10, np.uint8), np.full((*RGB_SIZE, 3), 60, np.uint8)
        thermal[WARM] = 250
        self.stamp += PERIOD
        self.cameras["thermal"].publish(image(thermal, "mono8", self.stamp, "thermal"))
        self.cameras["rgb"].publish(image(rgb, "rgb8", self.stamp, "rgb"))
        self.client.pause(0.1)

    def inform(self, camera: str, size: tuple[int, int], focal: float) -> None:
        rows, columns = size
        k = [focal, 0.0, (columns - 1) / 2, 0.0, focal, (rows - 1) / 2, 0.0, 0.0, 1.0]
        info = CameraInfo(height=rows, width=columns, distortion_model="plumb_bob", k=k)
        info.d = [0.0] * 5
        self.infos[camera].publish(info)

    def send_until(self, condition: Callable[[], Any], what: str) -> None:
        def sent() -> Any:
            self.send()
            return condition()

        self.client.until(sent, what)

    def of_rgb(self) -> list[Image]:
        """Return what came under headers of the RGB camera; busy machines lose some of it."""
        return [message for message in self.fused if message.header.frame_id == "rgb"]

    def says(self, text: str) -> None:
        """Send pairs until the diagnostics say so."""
        self.send_until(
            lambda: any(
                s.message.startswith(text) for each in self.diagnostics for s in each.status
            ),
            f"diagnostics say: {text}",
        )

    def fused_picture(self) -> np.ndarray[Any, Any]:
        self.send_until(lambda: self.fused, "a pair is fused")
        message = self.fused[-1]
        return np.asarray(message.data).reshape(message.height, message.width, 3)

    def values(self, condition: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        def found() -> dict[str, str] | None:
            for status in (s for each in self.diagnostics for s in each.status):
                values = {v.key: v.value for v in status.values}
                if condition(values):
                    return values
            return None

        return self.client.until(found, "diagnostics say so")


def warm_place(picture: np.ndarray[Any, Any]) -> None:
    assert picture.shape == (*RGB_SIZE, 3)
    assert picture[WARM_IN_RGB].min() > 200
    picture = picture.copy()
    picture[27:41, 55:73] = 60
    assert picture.max() < 100


def test_a_homography_puts_what_is_warm_in_its_place(running: Spin, client: Client) -> None:
    rig = Rig(running, client, **{"alignment.method": "homography", "alignment.homography": HALF})
    picture = rig.fused_picture()
    warm_place(picture)
    # Columns 0 to 14 lie beyond the thermal camera.
    assert (picture[:, :14] == 60).all()
    assert rig.values(lambda v: v.get("alignment") == "homography")["failed"] == "0"


def test_calibrated_cameras_are_aligned_while_both_are_known(running: Spin, client: Client) -> None:
    rig = Rig(
        running,
        client,
        **{
            "alignment.method": "calibrated",
            "alignment.translation": [0.2, 0.0, 0.0],
            "alignment.distance": 10.0,
        },
    )
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    rig.inform("rgb", RGB_SIZE, 100.0)

    def explained() -> bool:
        rig.send()
        return any("thermal/camera_info" in entry.msg for entry in log)

    client.until(explained, "the log names the topic that is missing")
    rig.values(lambda v: int(v.get("failed", 0)) > 0)
    rig.send_until(lambda: rig.of_rgb(), "rgb goes on alone")
    rig.says("rgb alone: pairs cannot be fused (nothing has arrived on thermal/camera_info")
    assert all(set(message.data) == {60} for message in rig.of_rgb())
    # The parallax of 0.2 m at 10 m is one thermal pixel, by which the lens is shifted back.
    info = CameraInfo(height=24, width=32, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [50.0, 0.0, 16.75, 0.0, 50.0, 11.75, 0.0, 0.0, 1.0]
    rig.infos["thermal"].publish(info)
    rig.send_until(lambda: max(rig.fused[-1].data) > 200, "the thermal camera is seen")
    warm_place(rig.fused_picture())
    values = rig.values(lambda v: "parallax at 5 m (pixels)" in v)
    assert values["alignment"] == "calibrated"
    assert values["alignment distance (m)"] == "10"
    # 100 pixels * 0.2 m * (1/5 - 1/10)
    assert values["parallax at 5 m (pixels)"] == "2.0"
    assert values["parallax at 10 m (pixels)"] == "0.0"
    # Pictures of another size than their camera_info are of no use beside the others.
    rig.inform("thermal", (48, 64), 50.0)
    rig.send_until(lambda: set(rig.fused[-1].data) == {60}, "rgb goes on alone")
    rig.says("rgb alone: pairs cannot be fused (a picture is 32x24, its camera_info is for 64x48")
    rig.infos["thermal"].publish(info)
    rig.send_until(lambda: max(rig.fused[-1].data) > 200, "the thermal camera is seen again")


def test_an_alignment_that_cannot_be_is_refused_live(running: Spin, client: Client) -> None:
    rig = Rig(running, client, **{"alignment.method": "homography", "alignment.homography": HALF})
    two = ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=[1.0, 2.0])
    successful, reason = set_parameter(client, "alignment.homography", two)
    assert not successful
    assert "alignment.homography is [1.0, 2.0]; it takes 9 finite" in reason
    warm_place(rig.fused_picture())
