# SPDX-License-Identifier: Apache-2.0
"""The fusion node on real topics: what goes in, what comes out, what is refused."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from image_messages import header, image, scene
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from spinning import PATIENCE, Client

from bifuse_core.engine.engine import Engine
from bifuse_ros.fusion_node import FusionNode

WIDTH, HEIGHT = 96, 64
PERIOD = 40_000_000
Spin = Callable[[Node], Node]


def fusion_node(**parameters: Any) -> FusionNode:
    """Return a node for small still pictures that sees nothing in them, unless told otherwise."""
    small = {"warm_up.width": WIDTH, "warm_up.height": HEIGHT, "degraded.timeout": 0.0}
    values = small | {"detector": "none", "segmenter": "none"} | parameters
    node = FusionNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
    )
    node.start()
    return node


class Cameras:
    """Publishes pairs to a fusion node and listens to what it makes of them."""

    def __init__(self, client: Client, *, kind: Any = Image, suffix: str = "") -> None:
        self.client = client
        self.publishers = {
            camera: client.create_publisher(
                kind, f"/{camera}/image_raw{suffix}", qos_profile_sensor_data
            )
            for camera in ("thermal", "rgb")
        }
        self.fused: list[Image] = client.listen(Image, "/fusion_node/fused/image", 5)
        self.diagnostics: list[DiagnosticArray] = client.listen(DiagnosticArray, "/diagnostics", 10)
        self.stamp = 1_700_000_000_000_000_000
        client.until(self.connected, "the node subscribes")

    def connected(self) -> bool:
        counts = [publisher.get_subscription_count() for publisher in self.publishers.values()]
        return min(counts) > 0 and self.client.count_publishers("/fusion_node/fused/image") > 0

    def send(self, thermal: Any, rgb: Any) -> None:
        for camera, message in (("thermal", thermal), ("rgb", rgb)):
            self.publishers[camera].publish(message)

    def send_scene(self, seed: int = 0) -> tuple[Any, Any]:
        """Send a good pair under the next stamp and return its pictures."""
        self.stamp += PERIOD
        thermal, rgb = scene(seed, WIDTH, HEIGHT)
        self.send(
            image(thermal, "mono8", self.stamp, "thermal_optical"),
            image(rgb, "rgb8", self.stamp, "rgb_optical"),
        )
        return thermal, rgb

    def await_scene(self, seed: int = 0) -> Image:
        """Send good pairs until one of them comes back fused, and return that."""

        def sent_and_back() -> Image | None:
            self.send_scene(seed)
            self.client.pause(0.1)
            stamps = [m.header.stamp for m in self.fused]
            return self.fused[-1] if header(self.stamp).stamp in stamps else None

        return self.client.until(sent_and_back, "a good pair is fused")

    def status(self, condition: Callable[[dict[str, str], str], bool]) -> DiagnosticStatus:
        """Wait for a diagnostic status that meets the condition on (values, message)."""

        def found() -> DiagnosticStatus | None:
            for status in (s for array_ in self.diagnostics for s in array_.status):
                if condition({v.key: v.value for v in status.values}, status.message):
                    return status
            return None

        return self.client.until(found, "diagnostics say so")


def pixels(message: Image) -> np.ndarray[Any, Any]:
    return np.asarray(message.data).reshape(message.height, message.width, 3)


def test_a_pair_comes_back_fused_under_the_reference_header(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    message = cameras.await_scene(seed=3)
    assert message.header == header(cameras.stamp, "rgb_optical")
    assert (message.width, message.height) == (WIDTH, HEIGHT)
    assert (message.encoding, message.step) == ("rgb8", WIDTH * 3)
    thermal, rgb = scene(3, WIDTH, HEIGHT)
    expected = Engine("edge").fuse(thermal, rgb, 0)
    assert np.abs(pixels(message).astype(int) - expected).max() <= 1


def test_the_thermal_camera_can_be_the_reference(running: Spin, client: Client) -> None:
    running(fusion_node(reference="thermal"))
    cameras = Cameras(client)
    infos = client.listen(CameraInfo, "/fusion_node/fused/camera_info", 5)
    publisher = client.create_publisher(CameraInfo, "/thermal/camera_info", qos_profile_sensor_data)
    client.until(lambda: publisher.get_subscription_count(), "camera_info is subscribed")
    publisher.publish(CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="mine"))
    client.pause(0.3)
    assert cameras.await_scene().header.frame_id == "thermal_optical"
    client.until(lambda: infos, "camera_info is published beside")
    assert infos[-1].distortion_model == "mine"
    assert infos[-1].header.frame_id == "thermal_optical"


def test_sixteen_bit_thermal_of_padded_big_endian_rows(running: Spin, client: Client) -> None:
    running(fusion_node(**{"thermal.unit": "centikelvin", "thermal.range": "fixed"}))
    cameras = Cameras(client)
    thermal, rgb = scene(4, WIDTH, HEIGHT)
    counts = (25315 + thermal.astype(np.uint16) * 30).astype(np.uint16)

    def sent_and_back() -> bool:
        cameras.stamp += PERIOD
        cameras.send(
            image(counts, "mono16", cameras.stamp, padding=6, big_endian=True),
            image(rgb[..., ::-1], "bgr8", cameras.stamp, padding=7),
        )
        client.pause(0.1)
        return bool(cameras.fused)

    client.until(sent_and_back, "the pair is fused")
    degrees = counts / 100 - 273.15
    normalised = np.clip((degrees + 20) / 80, 0, 1) * 255
    expected = Engine("edge").fuse(normalised.astype(np.uint8), rgb, 0)
    assert np.abs(pixels(cameras.fused[-1]).astype(int) - expected).max() <= 3


def test_compressed_cameras(running: Spin, client: Client) -> None:
    running(fusion_node(**{"thermal.transport": "compressed", "rgb.transport": "compressed"}))
    cameras = Cameras(client, kind=CompressedImage, suffix="/compressed")
    thermal, rgb = scene(5, WIDTH, HEIGHT)

    def sent_and_back() -> bool:
        cameras.stamp += PERIOD
        for camera, picture in (("thermal", thermal), ("rgb", rgb[..., ::-1])):
            png = array("B", cv2.imencode(".png", picture)[1].tobytes())
            message = CompressedImage(header=header(cameras.stamp), format="png", data=png)
            cameras.publishers[camera].publish(message)
        client.pause(0.1)
        return bool(cameras.fused)

    client.until(sent_and_back, "the pair is fused")
    expected = Engine("edge").fuse(thermal, rgb, 0)
    assert np.abs(pixels(cameras.fused[-1]).astype(int) - expected).max() <= 1


def bad(**changes: Any) -> Callable[[Image], Image]:
    def change(message: Image) -> Image:
        for field, value in changes.items():
            setattr(message, field, value)
        return message

    return change


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(bad(step=3), id="wrong step"),
        pytest.param(bad(data=array("B", bytes(20))), id="truncated data"),
        pytest.param(bad(data=array("B")), id="no data"),
        pytest.param(bad(encoding="nonsense"), id="unknown encoding"),
        pytest.param(bad(width=0, height=0), id="zero size"),
        pytest.param(bad(width=2**32 - 1, height=2**32 - 1), id="absurd size"),
    ],
)
def test_a_malformed_image_is_counted_and_the_node_goes_on(
    running: Spin, client: Client, damage: Callable[[Image], Image]
) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    thermal, rgb = scene(0, WIDTH, HEIGHT)
    for camera in ("thermal", "rgb"):
        cameras.stamp += PERIOD
        messages = {
            "thermal": image(thermal, "mono8", cameras.stamp),
            "rgb": image(rgb, "rgb8", cameras.stamp),
        }
        messages[camera] = damage(messages[camera])
        cameras.send(messages["thermal"], messages["rgb"])
        damaged_stamp = header(cameras.stamp).stamp
        cameras.await_scene()
        assert damaged_stamp not in [message.header.stamp for message in cameras.fused]
    sent = {"thermal rejected": "1", "rgb rejected": "1"}
    status = cameras.status(lambda values, _: sent.items() <= values.items())
    assert {v.key: v.value for v in status.values}["failed"] == "0"


def test_a_size_change_of_both_cameras_is_followed(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    thermal, rgb = scene(0, 47, 33)

    def sent_and_back() -> bool:
        cameras.stamp += PERIOD
        cameras.send(image(thermal, "mono8", cameras.stamp), image(rgb, "rgb8", cameras.stamp))
        client.pause(0.1)
        return cameras.fused[-1].width == 47

    client.until(sent_and_back, "the new size is fused")
    assert cameras.fused[-1].height == 33


def test_a_size_change_of_one_camera_is_counted_and_recovered_from(
    running: Spin, client: Client
) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    thermal, rgb = scene(0, 47, 33)[0], scene(0, WIDTH, HEIGHT)[1]
    cameras.stamp += PERIOD
    cameras.send(image(thermal, "mono8", cameras.stamp), image(rgb, "rgb8", cameras.stamp))
    # A pair sent at once could displace this one before it is tried.
    cameras.status(lambda values, _: values.get("failed") == "1")
    cameras.await_scene()


def test_a_looping_bag_is_paired_again(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    cameras.stamp -= 3_600_000_000_000
    cameras.await_scene()
    cameras.status(lambda values, _: int(values.get("pairing resets", 0)) >= 1)


def test_message_filters_pair_instead_where_they_are_installed(
    running: Spin, client: Client
) -> None:
    pytest.importorskip("message_filters", reason="not among the ROS 2 wheels")
    running(fusion_node(**{"sync.method": "message_filters"}))
    cameras = Cameras(client)
    cameras.await_scene()
    cameras.status(lambda values, _: int(values.get("pairing unverified", 0)) >= 1)


def test_diagnostics_tell_rates_counts_and_latencies(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.status(lambda _, message: message.startswith("no images on /thermal/image_raw and"))
    for _ in range(20):
        cameras.send_scene()
        client.pause(0.04)
    status = cameras.status(lambda _, message: message == "fusing")
    values = {v.key: v.value for v in status.values}
    assert status.level == DiagnosticStatus.OK
    assert status.name == "fusion_node: fusion"
    assert float(values["fused rate (Hz)"]) > 0
    assert values["network"] == "edge"
    assert values["device"] == "cpu"
    assert len(values["weights sha256"]) == 64
    assert float(values["fuse p50 (ms)"]) > 0
    assert float(values["pair skew (ms)"]) == 0
    assert values["pairing mode"] in ("slots", "nearest")
    # The stamps are of November 2023; the age is measured from them.
    years = float(values["age p50 (ms)"]) / 1e3 / 3600 / 24 / 365
    assert years > 2


def test_a_network_too_slow_for_the_cameras_is_explained(
    running: Spin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = Event()

    def slow(_: Engine, thermal: Any, rgb: Any, stamp: int) -> Any:
        goes_on.wait(PATIENCE)
        return rgb

    monkeypatch.setattr(Engine, "fuse", slow)
    running(fusion_node())
    cameras = Cameras(client)

    def explained() -> bool:
        cameras.send_scene()
        client.pause(0.1)
        return any("faster than" in s.message for m in cameras.diagnostics for s in m.status)

    client.until(explained, "diagnostics explain it")
    goes_on.set()


def test_drivers_that_do_not_stamp_are_explained(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    thermal, rgb = scene(0, WIDTH, HEIGHT)

    def explained() -> bool:
        cameras.send(image(thermal, "mono8"), image(rgb, "rgb8"))
        client.pause(0.05)
        return any("stamps repeat" in s.message for m in cameras.diagnostics for s in m.status)

    client.until(explained, "diagnostics explain it")


def test_images_that_cannot_pair_are_explained(running: Spin, client: Client) -> None:
    running(fusion_node(**{"sync.slop": 0.005}))
    cameras = Cameras(client)
    thermal, rgb = scene(0, WIDTH, HEIGHT)
    found: list[DiagnosticStatus] = []

    def explained() -> bool:
        cameras.stamp += PERIOD
        late = cameras.stamp + 300_000_000
        cameras.send(image(thermal, "mono8", late), image(rgb, "rgb8", cameras.stamp))
        client.pause(0.03)
        found[:] = [s for m in cameras.diagnostics for s in m.status if "0.300 s" in s.message]
        return bool(found)

    client.until(explained, "diagnostics explain it")
    assert found[0].level == DiagnosticStatus.WARN
    assert "sync.slop is 0.005 s" in found[0].message
    assert "sync.offset" in found[0].message
