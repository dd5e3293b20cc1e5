# SPDX-License-Identifier: Apache-2.0
"""Results keep the names of the network that made them, whenever weights are exchanged."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header

from bifuse_core.engine.perception import Objects
from bifuse_core.imaging.overlay import MASK_COLOURS
from bifuse_ros.perception_path import PerceptionPath

NAMES = tuple(MASK_COLOURS)


class Numbered:
    """A network that finds its own number: as score of its one object, as class in all pixels."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.classes = tuple(f"{name} of {number}" for name in NAMES)

    def __call__(self, picture: NDArray[np.uint8], settings: object) -> Any:
        score = np.array([self.number / 1000], np.float32)
        return Objects(np.array([[1, 1, 9, 9]], np.float32), score, np.array([0]))


class Colouring(Numbered):
    """Class 0 everywhere; odd ones call it by another name than even ones."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.classes = ("road",) if number % 2 else ("sky",)

    def __call__(self, picture: NDArray[np.uint8], settings: object) -> Any:
        # The brightest pixel tells who was here; class 9 keeps its colour.
        mask = np.zeros(picture.shape[:2], np.uint8)
        mask[0, 0] = 100 + self.number % 2
        return mask


class Restless:
    """An engine whose networks are exchanged whenever somebody has looked at them."""

    detection = segmentation = None

    def __init__(self, detects: bool) -> None:
        self._detectors, self._segmenters = count(), count()
        self._detects = detects

    @property
    def detector(self) -> Numbered | None:
        return Numbered(next(self._detectors)) if self._detects else None

    @property
    def segmenter(self) -> Numbered | None:
        return None if self._detects else Colouring(next(self._segmenters))

    def detect(self, picture: NDArray[np.uint8]) -> Any:
        assert self.detector
        return self.detector(picture, self.detection)

    def segment(self, picture: NDArray[np.uint8]) -> Any:
        assert (segmenter := self.segmenter)
        return segmenter(picture, self.segmentation)


class Kept:
    """Results that keep what is published."""

    def __init__(self) -> None:
        self.detections: list[tuple[Objects, tuple[str, ...]]] = []
        self.masks: list[NDArray[np.uint8]] = []
        self.mask_pictures: list[NDArray[np.uint8]] = []
        self.overlays: list[NDArray[np.uint8]] = []

    def wanted(self, *topics: str) -> bool:
        return True

    def publish_detections(self, objects: Objects, names: tuple[str, ...], header: Header) -> None:
        self.detections.append((objects, names))

    def publish_mask(self, mask: NDArray[np.uint8], header: Header) -> None:
        self.masks.append(mask)

    def publish_mask_color(self, picture: NDArray[np.uint8], header: Header) -> None:
        self.mask_pictures.append(picture)

    def publish_overlay(self, picture: NDArray[np.uint8], header: Header) -> None:
        self.overlays.append(picture)


def seen(detects: bool, pictures: int = 4) -> Kept:
    """Show pictures one after the other to the networks of a restless engine."""
    kept, settings = Kept(), {"overlay.mask_opacity": 1.0, "perception_threads": 1}
    failures: list[str] = []
    engine: Any = Restless(detects)
    path = PerceptionPath(
        engine, kept, settings, lambda _: 0.0, lambda _, text: failures.append(text)
    )
    for number in range(1, pictures + 1):
        path.see(np.zeros((12, 12, 3), np.uint8), Header(), number)
        until = time.monotonic() + 5
        while len(kept.overlays) < number and not failures and time.monotonic() < until:
            time.sleep(0.005)
    path.close()
    assert not failures
    assert len(kept.overlays) == pictures
    return kept


def test_boxes_have_the_names_of_the_detector_that_found_them() -> None:
    for objects, names in seen(detects=True).detections:
        assert names[0] == f"road of {round(1000 * float(objects.scores[0]))}"


def test_a_mask_is_drawn_with_the_names_of_the_segmenter_that_made_it() -> None:
    kept = seen(detects=False)
    drawn = zip(kept.masks, kept.mask_pictures, kept.overlays, strict=True)
    for mask, mask_picture, overlay in drawn:
        name = "road" if mask[0, 0] == 101 else "sky"
        for picture in (mask_picture, overlay):
            assert picture[5, 5].tolist() == list(MASK_COLOURS[name])
