# SPDX-License-Identifier: Apache-2.0
"""What is seen in a picture, as messages of vision_msgs."""

from __future__ import annotations

from collections.abc import Sequence

from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
)

from bifuse_core.engine.perception import Objects


def detections_message(objects: Objects, names: Sequence[str], header: Header) -> Detection2DArray:
    """Return the objects of a picture; an empty array says that there are none.

    Args:
        objects: boxes in pixels of the picture, scores, and class numbers.
        names: of the classes 0, 1, ..., which become the `class_id`.
        header: of the picture; every detection carries it too.
    """
    message = Detection2DArray(header=header)
    for (left, top, right, bottom), score, label in zip(
        objects.boxes.tolist(), objects.scores.tolist(), objects.labels.tolist(), strict=True
    ):
        box = BoundingBox2D(size_x=right - left, size_y=bottom - top)
        box.center.position.x, box.center.position.y = (left + right) / 2, (top + bottom) / 2
        hypothesis = ObjectHypothesis(class_id=names[label], score=score)
        message.detections.append(
            Detection2D(
                header=header, results=[ObjectHypothesisWithPose(hypothesis=hypothesis)], bbox=box
            )
        )
    return message


def label_info_message(names: Sequence[str], header: Header) -> LabelInfo:
    """Return the names of the class numbers 0, 1, ... in masks."""
    classes = [VisionClass(class_id=number, class_name=name) for number, name in enumerate(names)]
    return LabelInfo(header=header, class_map=classes)
