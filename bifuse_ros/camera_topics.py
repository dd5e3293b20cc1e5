# SPDX-License-Identifier: Apache-2.0
"""The topics of the two cameras, and the subscriptions of a node to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from bifuse_ros import qos
from bifuse_ros.frame import CAMERAS
from bifuse_ros.fusion_parameters import Settings


def image_topic(settings: Settings, camera: str) -> str:
    """Return the topic of a camera's images, as its transport says."""
    compressed = settings[f"{camera}.transport"] == "compressed"
    return f"{camera}/image_raw" + ("/compressed" if compressed else "")


def subscribe(
    node: Node,
    settings: Settings,
    which: int,
    receive: Callable[[int, Image | CompressedImage], None],
    camera_info: dict[int, CameraInfo],
) -> list[Any]:
    """Subscribe to images and calibration of a camera, and return the subscriptions.

    Args:
        node: subscribes.
        settings: of the node.
        which: THERMAL or RGB.
        receive: called with that, and each image.
        camera_info: takes the last calibration under that.
    """
    topic = image_topic(settings, CAMERAS[which])
    kind = CompressedImage if topic.endswith("/compressed") else Image
    callbacks = {
        topic: (kind, partial(receive, which)),
        f"{CAMERAS[which]}/camera_info": (CameraInfo, partial(camera_info.__setitem__, which)),
    }
    return [
        node.create_subscription(
            kind,
            topic,
            callback,
            qos.camera(settings["queue_depth"]),
            event_callbacks=qos.subscription_events(node, topic),
            qos_overriding_options=qos.overridable(),
        )
        for topic, (kind, callback) in callbacks.items()
    ]
