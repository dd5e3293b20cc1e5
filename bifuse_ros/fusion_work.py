# SPDX-License-Identifier: Apache-2.0
"""What the fusion thread does: a picture of a pair, or of what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from bifuse_core.engine.aligned import AlignedFusion
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.thermal import NO_READING, has_reading
from bifuse_core.streams.pairing import RGB, THERMAL, Pair
from bifuse_core.streams.presence import ALONE, Mode
from bifuse_core.streams.usability import PAIR, Usability
from bifuse_ros import conversions
from bifuse_ros.alignment import camera_model
from bifuse_ros.diagnostics import Health
from bifuse_ros.frame import CAMERAS, Frame
from bifuse_ros.fusion_parameters import Settings

BEHIND = 1_000_000_000
"""Nanoseconds by which a stamp may lie behind another before its clock has jumped back."""


class FusionWork:
    """Makes a fused picture of a pair, or shows one camera alone; for use by one thread.

    Every pair is tried. Where that is in vain for a while, the other camera's picture is shown
    instead; where both pictures are sound but cannot be fused, that of the reference.

    Args:
        engine: fuses the pairs.
        settings: of the node.
        infos: the last camera_info of each camera, filled by others.
        health: where to count.
        publish: called with a picture (H, W, 3), the frame whose header it carries, and what it was
            made of.
        report: called with a camera, or `fusion`, and the text of an error.

    Attributes:
        overtaken: items that something newer was shown before, by their type.
        usability: of what was worked on; any thread may ask.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        infos: Mapping[int, CameraInfo],
        health: Health,
        publish: Callable[[NDArray[np.uint8], Frame, Mode], None],
        report: Callable[[str, str], None],
    ) -> None:
        self.overtaken: dict[type, int] = {Pair: 0, Frame: 0}
        self.usability = Usability(settings["degraded.timeout"])
        self._engine, self._health = engine, health
        self._publish, self._report = publish, report
        self._reference = settings["reference"]
        self._shown: Frame | None = None
        self._fuse_aligned = AlignedFusion(
            engine, settings.alignment, self._reference, partial(camera_model, infos)
        )

    def change(self, settings: Settings) -> None:
        """Take over the live settings; by any thread."""
        self.usability.timeout = settings["degraded.timeout"]
        self._fuse_aligned.settings = settings.alignment

    def reject(self, which: int, error: ValueError) -> None:
        """Count and report an image that holds no usable picture; by any thread."""
        self._health.rejected[CAMERAS[which]] += 1
        self._report(CAMERAS[which], f"image rejected: {error}")

    def failed(self, error: Exception) -> None:
        """Count and report what went wrong with a pair."""
        self._health.failed += 1
        self._report("fusion", f"pair not fused: {_words(error)}")

    def __call__(self, item: Pair[Frame] | Frame) -> None:
        """Work on the newest pair, or on the newest picture of a camera that is alone."""
        frames = (item,) if isinstance(item, Frame) else (item.thermal, item.rgb)
        if any(self._is_overtaken(frame) for frame in frames):
            self.overtaken[type(item)] += 1
        elif isinstance(item, Frame):
            self._show(item, self._picture(item))
        else:
            self._shown = None
            self._fuse(item)

    def _is_overtaken(self, frame: Frame) -> bool:
        """Tell whether the moment of a frame, or a later one, was shown by its camera alone."""
        shown = self._shown
        if shown is None or shown.which != frame.which:
            return False
        return 0 <= shown.stamp - frame.stamp < BEHIND

    def _picture(self, frame: Frame) -> NDArray[Any] | None:
        """Return the picture of a frame; None, counted and reported, where it holds none."""
        try:
            if frame.which == RGB:
                picture: NDArray[Any] = conversions.rgb_picture(frame.message)
            else:
                picture = conversions.thermal_picture(frame.message)
                if not has_reading(picture):
                    raise conversions.ImageError(NO_READING)
        except conversions.ImageError as error:
            self.reject(frame.which, error)
            self.usability.failed(frame.which, perf_counter(), str(error))
            return None
        self.usability.worked(frame.which)
        return picture

    def _show(self, frame: Frame, picture: NDArray[Any] | None) -> None:
        """Publish the picture of one camera alone, if there is one."""
        if picture is None:
            return
        if frame.which == THERMAL:
            picture = self._engine.thermal.grey(picture, frame.stamp)
        self._shown = frame
        self._publish(picture, frame, ALONE[frame.which])
        self._health.alone.tick()

    def _fuse(self, pair: Pair[Frame]) -> None:
        started = perf_counter()
        thermal, rgb = self._picture(pair.thermal), self._picture(pair.rgb)
        if thermal is None or rgb is None:
            faults = self.usability.faults(perf_counter())
            if faults[RGB]:
                self._show(pair.thermal, thermal)
            if faults[THERMAL]:
                self._show(pair.rgb, rgb)
            return
        converted = perf_counter()
        by_thermal = self._reference == "thermal"
        reference = pair.thermal if by_thermal else pair.rgb
        try:
            fused = self._fuse_aligned(thermal, rgb, reference.stamp)
        # Whatever it is, one camera's picture is better than none.
        except Exception as error:
            self.failed(error)
            failed = perf_counter()
            self.usability.failed(PAIR, failed, _words(error))
            if self.usability.faults(failed)[PAIR]:
                self._show(reference, thermal if by_thermal else rgb)
            return
        self.usability.worked(PAIR)
        finished = perf_counter()
        self._publish(fused, reference, Mode.PAIRS)
        published = perf_counter()
        received = max(pair.thermal.received, pair.rgb.received)
        health = self._health
        health.skew = pair.skew
        health.latency["wait"].add(started - received)
        health.latency["convert"].add(converted - started)
        health.latency["fuse"].add(finished - converted)
        health.latency["publish"].add(published - finished)
        health.latency["total"].add(published - received)
        health.fused.tick()


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
