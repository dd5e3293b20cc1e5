# SPDX-License-Identifier: Apache-2.0
"""The camera node: plays pictures, videos or rendered scenes as a thermal and an RGB camera."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from bifuse_core.data.pairs import ImagePair, PairSource
from bifuse_core.data.read_ahead import ReadAhead
from bifuse_core.data.rendered.film import RenderedFilm
from bifuse_core.data.sources import open_pairs
from bifuse_core.imaging.thermal import ThermalNormaliser
from bifuse_ros import conversions, qos

FOLDER_RATE = 5.0
"""Pairs per second of a folder of pictures, which has no rate of its own."""


class CameraNode(Node):
    """Publishes `thermal/image_raw`, `rgb/image_raw` and a `camera_info` beside each.

    For demonstrations and tests: the two cameras can be given jitter, a delay and dropped images,
    as real ones have.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("camera_node", **node_options)
        p = self._parameter
        self._source: PairSource = self._open(
            Path(p("source", "", "folder with ir/ and vi/, or a thermal video; empty: rendered")),
            Path(p("source_rgb", "", "RGB video, where source is a video alone")),
        )
        rate = p("rate", 0.0, "pairs per second; 0: the source's own")
        self.rate = rate or self._source.rate or FOLDER_RATE
        self._encodings = {
            "thermal": self._choose("thermal.encoding", "mono8", ("mono8", "mono16")),
            "rgb": self._choose("rgb.encoding", "rgb8", ("rgb8", "bgr8")),
        }
        self._jitter = p("jitter", 0.0, "stamps vary by up to this much, s")
        self._delay = p("thermal.delay", 0.0, "added to thermal stamps, s")
        self._drop = p("drop", 0.0, "share of images of each camera that is dropped, 0 to 1")
        self._random = np.random.default_rng(p("seed", 0, "of jitter, drops and rendering"))
        self._subscribers = p("wait_for_subscribers", 0, "of each camera_info, before the start")
        loop = p("loop", True, "start over at the end; otherwise the node ends there")
        preload = p("preload", False, "read everything before the first image")
        self._gain_control = ThermalNormaliser()
        self._images = {c: self._publisher(Image, c, "image_raw") for c in ("thermal", "rgb")}
        self._infos = {c: self._publisher(CameraInfo, c, "camera_info") for c in ("thermal", "rgb")}
        if preload:
            self.get_logger().info(f"preparing {len(self._source)} pairs")
        pairs: Any = list(self._source) if preload else self._source
        self._pairs = ReadAhead(pairs, loop=loop)
        self.played = 0
        self._started = False
        self.create_timer(1 / self.rate, self._play)

    def _parameter(self, name: str, default: Any, description: str) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def _choose(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self._parameter(name, default, " | ".join(choices))
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; choose from {', '.join(choices)}")
        return str(value)

    def _publisher(self, kind: Any, camera: str, topic: str) -> Any:
        return self.create_publisher(kind, f"{camera}/{topic}", qos.camera(5))

    def _open(self, source: Path, source_rgb: Path) -> PairSource:
        p = self._parameter
        film = RenderedFilm(
            conditions=tuple(p("rendered.conditions", list(RenderedFilm.conditions), "shown")),
            seconds=p("rendered.seconds", RenderedFilm.seconds, "length of each condition, s"),
            rate=p("rendered.rate", RenderedFilm.rate, "pairs per second"),
            seed=p("rendered.seed", 0, "seed of the drive"),
            width=p("rendered.width", RenderedFilm.width, "pixels"),
            height=p("rendered.height", RenderedFilm.height, "pixels"),
        )
        if source == Path():
            return film
        return open_pairs(source) if source_rgb == Path() else open_pairs(source, source_rgb)

    def _play(self) -> None:
        if not self._started:
            counts = [p.get_subscription_count() for p in self._infos.values()]
            self._started = min(counts) >= self._subscribers
            return
        pair = self._pairs.next()
        if pair is None:
            self.get_logger().info(f"played {self.played} pairs")
            raise ExternalShutdownException
        now = self.get_clock().now().nanoseconds
        for camera, picture in self._pictures(pair).items():
            if self._random.random() < self._drop:
                continue
            delay = self._delay if camera == "thermal" else 0.0
            shift = delay + self._random.uniform(-self._jitter, self._jitter)
            stamp = Time(nanoseconds=now + round(shift * 1e9)).to_msg()
            header = Header(stamp=stamp, frame_id=f"{camera}_optical_frame")
            image = conversions.image_message(picture, self._encodings[camera], header)
            self._images[camera].publish(image)
            self._infos[camera].publish(camera_info(header, image.width, image.height))
        self.played += 1

    def _pictures(self, pair: ImagePair) -> dict[str, NDArray[Any]]:
        thermal, rgb = pair.thermal, pair.rgb
        if self._encodings["rgb"] == "bgr8":
            rgb = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        if self._encodings["thermal"] == "mono8" and thermal.dtype != np.uint8:
            # As a camera's automatic gain control would.
            stamp = self.get_clock().now().nanoseconds
            thermal = (self._gain_control(thermal, stamp) * 255).astype(np.uint8)
        elif self._encodings["thermal"] == "mono16" and thermal.dtype == np.uint8:
            thermal = thermal.astype(np.uint16) * 257
        return {"thermal": thermal, "rgb": rgb}


def camera_info(header: Header, width: int, height: int) -> CameraInfo:
    """Return the calibration of an ideal camera with 60 degrees of horizontal field of view.

    Source: sensor_msgs/CameraInfo.
    """
    focal = width / 2 / np.tan(np.radians(30))
    cx, cy = width / 2 - 0.5, height / 2 - 0.5
    info = CameraInfo(header=header, width=width, height=height, distortion_model="plumb_bob")
    info.d = [0.0] * 5
    info.k = [focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def main(args: list[str] | None = None) -> int:
    """Play until the source ends or the node is interrupted."""
    rclpy.init(args=args)
    try:
        node = CameraNode()
    except (ValueError, OSError) as error:
        print(f"camera_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
