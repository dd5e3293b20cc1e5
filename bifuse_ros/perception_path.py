# SPDX-License-Identifier: Apache-2.0
"""The way of a fused picture through an active node: boxes, mask, and both drawn on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from std_msgs.msg import Header

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.perception import NOTHING, Objects
from bifuse_core.engine.threads import DETECTION_NICENESS, SEGMENTATION_NICENESS, limit_thread
from bifuse_core.imaging.overlay import draw_boxes, draw_mask, draw_words, mask_picture
from bifuse_core.streams.presence import Mode
from bifuse_core.streams.worker import Worker
from bifuse_ros.fusion_parameters import Settings
from bifuse_ros.perception_diagnostics import SightHealth, sight_status
from bifuse_ros.results import DETECTIONS, MASK, MASK_COLOR, OVERLAY, Results

WORDS = {Mode.RGB_ONLY: "RGB ALONE", Mode.THERMAL_ONLY: "THERMAL ALONE"}
"""On the overlay of pictures that are not fused."""

MASK_LASTS = 1_000_000_000
"""Nanoseconds for which a mask is drawn over later pictures, which it fits less and less."""

_NETWORK = {
    "detection": ("detector", "detector sha256"),
    "segmentation": ("segmenter", "segmenter sha256"),
}
"""Facts of the engine about each sight."""

_TOPICS = {"detection": (DETECTIONS,), "segmentation": (MASK, MASK_COLOR)}
"""What each sight is published on, beside the overlay that both share."""


@dataclass(frozen=True)
class Fused:
    """A fused picture, or that of one camera alone, on its way.

    Attributes:
        picture: (H, W, 3) red, green, blue.
        header: of the image whose place it takes.
        stamp: of that header, nanoseconds.
        since: `perf_counter` when it was fused, seconds.
        source: what it was made of.
    """

    picture: NDArray[np.uint8]
    header: Header
    stamp: int
    since: float
    source: Mode


class PerceptionPath:
    """Looks at the newest fused picture, for those outputs that somebody subscribes to.

    Detector and segmenter each have a mailbox and a worker of their own, so that neither waits for
    the other, nor fusion for any of them. The overlay is drawn with the boxes, over the last mask;
    without a detector, with the mask.

    Args:
        engine: sees.
        results: where to publish.
        settings: of the node.
        age: tells how long ago a stamp in nanoseconds was, in seconds.
        report: called with `detection` or `segmentation`, and the text of an error.
    """

    def __init__(
        self,
        engine: Engine,
        results: Results,
        settings: Settings,
        age: Callable[[int], float],
        report: Callable[[str, str], None],
    ) -> None:
        self._engine, self._results, self._age, self._report = engine, results, age, report
        self._opacity = settings["overlay.mask_opacity"]
        self._threads = settings["perception_threads"]
        self._last_mask: tuple[int, NDArray[np.uint8], tuple[str, ...]] | None = None
        self.health: dict[str, SightHealth] = {}
        self._workers: dict[str, Worker[Fused]] = {}
        if engine.detector:
            self._start("detection", self._detect, DETECTION_NICENESS)
        if engine.segmenter:
            self._start("segmentation", self._segment, SEGMENTATION_NICENESS)

    def _start(self, sight: str, work: Callable[[Fused], None], niceness: int) -> None:
        def failed(error: Exception) -> None:
            self.health[sight].failed += 1
            self._report(sight, f"nothing made of a picture: {error}")

        self.health[sight] = SightHealth()
        prepare = partial(limit_thread, self._threads, niceness)
        self._workers[sight] = Worker(sight, work, failed, prepare=prepare)

    def change(self, settings: Settings) -> None:
        """Take over the live settings."""
        self._opacity = settings["overlay.mask_opacity"]

    def close(self) -> None:
        """Finish the pictures in hand and drop what waits."""
        for worker in self._workers.values():
            worker.stop()

    def statuses(self, name: str) -> list[DiagnosticStatus]:
        """Return the diagnostics of each sight; `name` is the full name of the node."""
        facts = self._engine.facts()
        return [
            sight_status(
                f"{name}: {sight}",
                health,
                wanted=self._wanted(sight),
                displaced=self._workers[sight].mailbox.displaced,
                facts={key: facts[key] for key in (*_NETWORK[sight], "device", "precision")},
            )
            for sight, health in self.health.items()
        ]

    def _wanted(self, sight: str) -> bool:
        return self._results.wanted(*_TOPICS[sight], OVERLAY)

    def see(
        self,
        picture: NDArray[np.uint8],
        header: Header,
        stamp: int,
        source: Mode = Mode.PAIRS,
    ) -> None:
        """Hand over a picture; returns at once."""
        fused = Fused(picture, header, stamp, perf_counter(), source)
        for sight, worker in self._workers.items():
            if self._wanted(sight):
                worker.mailbox.put(fused)

    def _detect(self, fused: Fused) -> None:
        # Once, since it may be exchanged meanwhile for one that numbers other classes.
        detector = self._engine.detector
        assert detector
        started = perf_counter()
        objects = detector(fused.picture, self._engine.detection)
        found = perf_counter()
        self._results.publish_detections(objects, detector.classes, fused.header)
        self._done("detection", fused, started, found)
        self._draw("detection", fused, objects, detector.classes)

    def _segment(self, fused: Fused) -> None:
        segmenter = self._engine.segmenter
        assert segmenter
        started = perf_counter()
        mask = segmenter(fused.picture, self._engine.segmentation)
        found = perf_counter()
        self._results.publish_mask(mask, fused.header)
        self._last_mask = fused.stamp, mask, segmenter.classes
        self._done("segmentation", fused, started, found)
        if self._results.wanted(MASK_COLOR):
            coloured = mask_picture(mask, segmenter.classes)
            self._results.publish_mask_color(coloured, fused.header)
        if self._engine.detector is None:
            self._draw("segmentation", fused, NOTHING, ())

    def _done(self, sight: str, fused: Fused, started: float, found: float) -> None:
        health = self.health[sight]
        health.latency["wait"].add(started - fused.since)
        health.latency["look"].add(found - started)
        health.latency["publish"].add(perf_counter() - found)
        health.latency["age"].add(self._age(fused.stamp))
        health.done.tick()

    def _draw(self, sight: str, fused: Fused, objects: Objects, names: tuple[str, ...]) -> None:
        if not self._results.wanted(OVERLAY):
            return
        started = perf_counter()
        picture = fused.picture
        if self._last_mask:
            stamp, mask, classes = self._last_mask
            if abs(fused.stamp - stamp) <= MASK_LASTS and mask.shape == picture.shape[:2]:
                picture = draw_mask(picture, mask, classes, self._opacity)
        picture = draw_boxes(picture, *objects, names)
        if fused.source in WORDS:
            picture = draw_words(picture, WORDS[fused.source])
        self._results.publish_overlay(picture, fused.header)
        health = self.health[sight]
        health.latency["overlay"].add(perf_counter() - started)
        health.drawn.tick()
