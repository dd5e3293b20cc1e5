# SPDX-License-Identifier: Apache-2.0
"""The camera node: plays pictures, videos, bags or rendered scenes as two cameras."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from bifuse_core.data.bags import TOPICS
from bifuse_core.data.pairs import ImagePair, PairSource
from bifuse_core.data.read_ahead import ReadAhead
from bifuse_core.data.rendered.film import RenderedFilm
from bifuse_core.data.sources import open_pairs
from bifuse_core.imaging.thermal import ThermalNormaliser
from bifuse_ros import conversions, qos
from bifuse_ros.parameters import Declared, declare, refuse_unknown
from bifuse_ros.running import run

SLOWEST = 1e-3
"""Pairs per second below which a timer cannot be had."""
FOLDER_RATE = 5.0
"""Pairs per second of a folder of pictures, which has no rate of its own."""
LINGER = 0.5
"""Seconds between the last image and the end: images are lost with the memory they lie in."""

PARAMETERS = (
    Declared("source", "", "folder with ir/ and vi/, thermal video, or bag; empty: rendered"),
    Declared("source_rgb", "", "RGB video, where source is a thermal video alone"),
    Declared("source_topics", list(TOPICS), "of a bag: thermal, RGB"),
    Declared("rate", 0.0, "pairs per second; 0: the source's own", (0.0, 1000.0)),
    Declared("loop", True, "start over at the end; otherwise the node ends there"),
    Declared("count", 0, "pairs after which the node ends; 0: no such end", (0, 2**31)),
    Declared("preload", False, "read or render everything before the first image"),
    Declared("wait_for_subscribers", 0, "of each camera_info, before the start", (0, 100)),
    Declared("thermal.encoding", "mono8", "of the thermal images", choices=("mono8", "mono16")),
    Declared("rgb.encoding", "rgb8", "of the RGB images", choices=("rgb8", "bgr8")),
    Declared("thermal.delay", 0.0, "added to thermal stamps, s", (-10.0, 10.0)),
    Declared("jitter", 0.0, "stamps vary by up to this much, s", (0.0, 1.0)),
    Declared("drop", 0.0, "share of images of each camera that is dropped", (0.0, 1.0)),
    Declared("seed", 0, "of jitter and drops", (0, 2**31)),
    Declared("rendered.conditions", list(RenderedFilm.conditions), "shown one after the other"),
    Declared("rendered.seconds", RenderedFilm.seconds, "length of each condition", (0.01, 3600.0)),
    Declared("rendered.rate", RenderedFilm.rate, "pairs per second", (0.1, 200.0)),
    Declared("rendered.seed", RenderedFilm.seed, "of the drive", (0, 2**31)),
    Declared("rendered.width", RenderedFilm.width, "pixels", (32, 4096)),
    Declared("rendered.height", RenderedFilm.height, "pixels", (32, 4096)),
)


class CameraNode(Node):
    """Publishes `thermal/image_raw`, `rgb/image_raw` and a `camera_info` beside each.

    For demonstrations and tests: the two cameras can be given jitter, a delay and dropped images,
    as real ones have.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("camera_node", **node_options)
        self._pairs: ReadAhead | None = None
        values = declare(self, PARAMETERS)
        refuse_unknown(self, PARAMETERS)
        source = open_source(values)
        self._values = values
        self._random = np.random.default_rng(values["seed"])
        rate = max(SLOWEST, values["rate"] or source.rate or FOLDER_RATE)
        cameras = Cameras(source, values["thermal.encoding"], values["rgb.encoding"], rate)
        if values["preload"]:
            self.get_logger().info(f"preparing {len(source)} pairs")
        pairs = self._preloaded(cameras) if values["preload"] else cameras
        # Not before: topics on the graph say that there are images to come.
        self._images = {c: self._publisher(Image, c, "image_raw") for c in ("thermal", "rgb")}
        self._infos = {c: self._publisher(CameraInfo, c, "camera_info") for c in ("thermal", "rgb")}
        self._pairs = ReadAhead(pairs, loop=values["loop"])
        self.played = 0
        self._started = False
        self._ended: float | None = None
        self.create_timer(1 / rate, self._play, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy_node(self) -> None:
        """End the reading with the node."""
        if self._pairs:
            self._pairs.stop()
        super().destroy_node()

    def _preloaded(self, cameras: Cameras) -> list[ImagePair]:
        pairs = []
        for pair in cameras:
            # SIGTERM ends the context without a word to whoever is at work.
            if not self.context.ok():
                raise ExternalShutdownException
            pairs.append(pair)
        return pairs

    def _publisher(self, kind: Any, camera: str, topic: str) -> Any:
        return self.create_publisher(kind, f"{camera}/{topic}", qos.camera(5))

    def _play(self) -> None:
        if not self._started:
            counts = [p.get_subscription_count() for p in self._infos.values()]
            self._started = min(counts) >= self._values["wait_for_subscribers"]
            return
        assert self._pairs is not None
        over = self._ended is not None or 0 < self._values["count"] <= self.played
        pair = None if over else self._pairs.next()
        if pair is None:
            self._end()
            return
        now = self.get_clock().now().nanoseconds
        for camera, picture in (("thermal", pair.thermal), ("rgb", pair.rgb)):
            if self._random.random() < self._values["drop"]:
                continue
            delay = self._values["thermal.delay"] if camera == "thermal" else 0.0
            shift = delay + self._random.uniform(-1, 1) * self._values["jitter"]
            # A simulated clock may stand at its beginning.
            stamp = Time(nanoseconds=max(0, now + round(shift * 1e9))).to_msg()
            header = Header(stamp=stamp, frame_id=f"{camera}_optical_frame")
            encoding = self._values[f"{camera}.encoding"]
            image = conversions.image_message(picture, encoding, header)
            self._images[camera].publish(image)
            self._infos[camera].publish(camera_info(header, image.width, image.height))
        self.played += 1

    def _end(self) -> None:
        if self._ended is None:
            self._ended = monotonic()
        elif monotonic() - self._ended > LINGER:
            self.get_logger().info(f"played {self.played} pairs")
            raise ExternalShutdownException


@dataclass(frozen=True)
class Cameras:
    """Pairs as two cameras give them.

    Attributes:
        source: what they see.
        thermal: encoding of the thermal pictures, mono8 or mono16.
        rgb: encoding of the others, rgb8 or bgr8.
        rate: pairs per second.
    """

    source: PairSource
    thermal: str
    rgb: str
    rate: float

    def __iter__(self) -> Iterator[ImagePair]:
        """Yield pairs whose pictures, (H, W) and (H, W, 3), are of these encodings."""
        wanted = np.dtype(np.uint8 if self.thermal == "mono8" else np.uint16)
        gain_control = ThermalNormaliser()
        for number, (name, thermal, rgb) in enumerate(self.source):
            if thermal.dtype.itemsize > wanted.itemsize:
                # As a camera's automatic gain control would.
                stamp = round(number / self.rate * 1e9)
                thermal = gain_control(thermal, stamp) * np.iinfo(wanted).max
                thermal = thermal.astype(wanted)
            elif thermal.dtype.itemsize < wanted.itemsize:
                thermal = thermal.astype(wanted) * 257
            if self.rgb == "bgr8":
                rgb = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
            yield ImagePair(name, thermal, rgb)


def open_source(values: dict[str, Any]) -> PairSource:
    """Return what the parameters say is to be played.

    Raises:
        ValueError: it cannot be read (PairError), or names an unknown condition.
    """
    if values["source_rgb"] and not values["source"]:
        raise ValueError("source_rgb needs source, the thermal video")
    if values["source"]:
        paths = [Path(values[name]) for name in ("source", "source_rgb") if values[name]]
        topics = values["source_topics"]
        if len(topics) != 2:
            raise ValueError(f"source_topics are {topics}; a thermal and an RGB topic are needed")
        return open_pairs(*paths, topics=(topics[0], topics[1]))
    return RenderedFilm(
        conditions=tuple(values["rendered.conditions"] or ()),
        seconds=values["rendered.seconds"],
        rate=values["rendered.rate"],
        seed=values["rendered.seed"],
        width=values["rendered.width"],
        height=values["rendered.height"],
    )


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
    return run(CameraNode, args)


if __name__ == "__main__":
    sys.exit(main())
