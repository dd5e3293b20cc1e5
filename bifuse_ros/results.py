# SPDX-License-Identifier: Apache-2.0
"""The results of the fusion node on their topics."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from vision_msgs.msg import Detection2DArray, LabelInfo

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.perception import Objects
from bifuse_core.streams.presence import Mode
from bifuse_ros import qos
from bifuse_ros.conversions import image_message
from bifuse_ros.perception_messages import detections_message, label_info_message

FUSED, INFO = "~/fused/image", "~/fused/camera_info"
SOURCE = "~/fused/source"
DETECTIONS, OVERLAY = "~/detections", "~/overlay/image"
MASK, LABELS = "~/segmentation/mask", "~/segmentation/label_info"
MASK_COLOR = "~/segmentation/mask_color"

_KINDS = {
    FUSED: Image,
    INFO: CameraInfo,
    SOURCE: String,
    DETECTIONS: Detection2DArray,
    MASK: Image,
    MASK_COLOR: Image,
    LABELS: LabelInfo,
    OVERLAY: Image,
}


class Results:
    """The publishers of a configured node.

    There is a topic only where there is a network for it: nobody shall wait for boxes that never
    come, or take their absence for an empty road.
    """

    def __init__(self, node: LifecycleNode, engine: Engine) -> None:
        self._node, self._engine = node, engine
        self._source: Mode | None = None
        self._source_lock = Lock()
        topics = [FUSED, INFO, SOURCE]
        topics += [DETECTIONS] if engine.detector else []
        topics += [MASK, MASK_COLOR, LABELS] if engine.segmenter else []
        topics += [OVERLAY] if engine.detector or engine.segmenter else []
        self._publishers = {topic: self._publisher(topic) for topic in topics}

    def _publisher(self, topic: str) -> Any:
        return self._node.create_lifecycle_publisher(
            _KINDS[topic],
            topic,
            qos.LATCHED if topic in (LABELS, SOURCE) else qos.RESULTS,
            event_callbacks=qos.publisher_events(self._node, topic),
        )

    def destroy(self) -> None:
        """Take the topics off the graph."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}

    def wanted(self, *topics: str) -> bool:
        """Tell whether somebody subscribes to one of these topics."""
        publishers = (self._publishers.get(topic) for topic in topics)
        return any(p is not None and p.get_subscription_count() > 0 for p in publishers)

    def publish_fused(
        self, picture: NDArray[np.uint8], header: Header, info: CameraInfo | None
    ) -> None:
        """Publish a fused picture (H, W, 3), and the calibration of its camera where there is."""
        self._publishers[FUSED].publish(image_message(picture, "rgb8", header))
        if info is not None:
            info.header = header
            self._publishers[INFO].publish(info)

    def publish_source(self, source: Mode) -> None:
        """Publish what the pictures are made of from now on, where that changes."""
        # Pictures and their absence are noticed by two threads.
        with self._source_lock:
            if source is not self._source:
                self._source = source
                self._publishers[SOURCE].publish(String(data=source.value))

    def publish_detections(self, objects: Objects, names: Sequence[str], header: Header) -> None:
        """Publish the objects of a picture; `names` are those of their classes."""
        self._publishers[DETECTIONS].publish(detections_message(objects, names, header))

    def publish_mask(self, mask: NDArray[np.uint8], header: Header) -> None:
        """Publish the class numbers (H, W) of a picture."""
        self._publishers[MASK].publish(image_message(mask, "mono8", header))

    def publish_mask_color(self, picture: NDArray[np.uint8], header: Header) -> None:
        """Publish the classes of a picture as colours (H, W, 3)."""
        self._publishers[MASK_COLOR].publish(image_message(picture, "rgb8", header))

    def publish_labels(self) -> None:
        """Publish the names of the classes in masks, if any, for those who subscribe later too."""
        if self._engine.segmenter:
            header = Header(stamp=self._node.get_clock().now().to_msg())
            message = label_info_message(self._engine.segmenter.classes, header)
            self._publishers[LABELS].publish(message)

    def publish_overlay(self, picture: NDArray[np.uint8], header: Header) -> None:
        """Publish a picture (H, W, 3) on which is drawn what is seen in it."""
        self._publishers[OVERLAY].publish(image_message(picture, "rgb8", header))
