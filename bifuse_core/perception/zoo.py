# SPDX-License-Identifier: Apache-2.0
"""The lessons by the names of their tasks."""

from __future__ import annotations

from typing import Any

from bifuse_core.bilevel.sections import DETECTION, SEGMENTATION
from bifuse_core.perception.detection import DetectionLesson
from bifuse_core.perception.lesson import Lesson
from bifuse_core.perception.segmentation import SegmentationLesson

LESSONS: dict[str, Lesson[Any]] = {DETECTION: DetectionLesson(), SEGMENTATION: SegmentationLesson()}
