# SPDX-License-Identifier: Apache-2.0
"""Two cameras with noise in their pictures, of which each may fail for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from image_messages import image, scene
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from spinning import Client
from std_msgs.msg import Header, String
from test_fusion_node import HEIGHT, PERIOD, WIDTH, Cameras, pixels

ENCODINGS = {"thermal": "mono8", "rgb": "rgb8"}
SECOND = 1_000_000_000
SOURCE = "/fusion_node/fused/source"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

Pictures = dict[str, np.ndarray[Any, Any]]
Message = Image | CompressedImage
Change = Callable[[str, Image], Message | None]
"""Gets a camera and what it would publish; returns what it publishes, or None."""


def unchanged(camera: str, message: Image) -> Message | None:
    return message


def nanoseconds(header: Header) -> int:
    return int(header.stamp.sec) * SECOND + int(header.stamp.nanosec)


class LiveCameras(Cameras):
    """Publishes pairs 25 times a second, stamped as often, each with its own noise.

    Args:
        client: publishes and listens.
        usual: what the cameras make of their pictures unless told otherwise.
        topics: see `Cameras`.
    """

    def __init__(self, client: Client, usual: Change = unchanged, **topics: Any) -> None:
        super().__init__(client, **topics)
        self._usual = usual
        self.sources: list[String] = client.listen(String, SOURCE, LATCHED)
        self.sent: dict[int, Pictures] = {}
        self._random = np.random.default_rng(0)
        self._scene = dict(zip(ENCODINGS, scene(0, WIDTH, HEIGHT), strict=True))

    def step(self, change: Change | None = None) -> int:
        """Let both publish one picture, wait a period, and return the stamp."""
        change = change or self._usual
        self.stamp += PERIOD
        pictures = {
            camera: picture // 2 + self._random.integers(0, 9, picture.shape, np.uint8)
            for camera, picture in self._scene.items()
        }
        self.sent[self.stamp] = pictures
        for camera, picture in pictures.items():
            frame_id = f"{camera}_optical"
            message = change(camera, image(picture, ENCODINGS[camera], self.stamp, frame_id))
            if message:
                self.publishers[camera].publish(message)
        self.client.pause(PERIOD / SECOND)
        return self.stamp

    def until(self, condition: Callable[[], Any], what: str, change: Change | None = None) -> Any:
        """Publish until the condition holds, and return its value."""

        def holds() -> Any:
            self.step(change)
            return condition()

        return self.client.until(holds, what)

    def start(self) -> None:
        """Publish until pairs are fused one after the other."""
        self.until(lambda: len(self.fused) >= 5, "pairs are fused")

    def source(self) -> str:
        """Return what the node said last that its pictures are made of."""
        return self.sources[-1].data if self.sources else ""

    def after(self, stamp: int) -> list[Image]:
        """Return the published pictures with later stamps."""
        return [message for message in self.fused if nanoseconds(message.header) > stamp]

    def of(self, camera: str) -> list[Image]:
        """Return the published pictures that are those of a camera as it sent them."""
        return [message for message in self.fused if self._is_of(message, camera)]

    def _is_of(self, message: Image, camera: str) -> bool:
        picture = self.sent[nanoseconds(message.header)][camera]
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, axis=2)
        return message.header.frame_id == f"{camera}_optical" and np.array_equal(
            pixels(message), picture
        )
