# SPDX-License-Identifier: Apache-2.0
"""The way of the pictures through an active fusion node: message, pair or one alone, picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from bifuse_core.engine.aligned import AlignedFusion
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.threads import limit_thread
from bifuse_core.streams.frozen import FrozenDetector
from bifuse_core.streams.pairing import RGB, THERMAL, Pair
from bifuse_core.streams.presence import ALONE, Mode, Presence, PresenceState
from bifuse_core.streams.worker import Worker
from bifuse_ros import conversions
from bifuse_ros.alignment import camera_model
from bifuse_ros.diagnostics import Health
from bifuse_ros.fusion_parameters import Settings
from bifuse_ros.pairing import Pairing, create_pairing

CAMERAS = {THERMAL: "thermal", RGB: "rgb"}

BEHIND = 1_000_000_000
"""Nanoseconds by which a stamp may lie behind another before its clock has jumped back."""


@dataclass(frozen=True)
class Frame:
    """One image on its way.

    Attributes:
        which: THERMAL or RGB.
        message: the image.
        stamp: of its header, nanoseconds.
        received: `perf_counter` at receipt, seconds.
    """

    which: int
    message: Image | CompressedImage
    stamp: int
    received: float

    @property
    def header(self) -> Header:
        """The header of its message."""
        return self.message.header


class FusionPath:
    """Turns image messages into pairs, and the newest pair into a fused picture.

    While there are no pairs, the newest picture of the camera that is left takes their place.
    `receive` and `watch` belong to the thread of the executor, fusion and `publish` to a worker of
    its own.

    Args:
        engine: fuses the pairs.
        settings: of the node.
        infos: the last camera_info of each camera, filled by others.
        publish: called with a picture (H, W, 3), the frame whose header it carries, and what it was
            made of.
        report: called with a camera, or `fusion`, and the text of an error.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        infos: Mapping[int, CameraInfo],
        publish: Callable[[NDArray[np.uint8], Frame, Mode], None],
        report: Callable[[str, str], None],
    ) -> None:
        self.health = Health()
        self.pairing: Pairing[Frame] = create_pairing(settings)
        self._engine, self._publish, self._report = engine, publish, report
        self._reference = settings["reference"]
        preferred = THERMAL if self._reference == "thermal" else RGB
        self._presence = Presence(settings["degraded.timeout"], preferred)
        self._frozen = {which: FrozenDetector() for which in CAMERAS}
        self._displaced: dict[type, int] = {Pair: 0, Frame: 0}
        self._overtaken: dict[type, int] = {Pair: 0, Frame: 0}
        self._shown: Frame | None = None
        self._fuse_aligned = AlignedFusion(
            engine, settings.alignment, self._reference, partial(camera_model, infos)
        )
        # A thread of its own would otherwise compute with what another was limited to.
        prepare = partial(limit_thread, torch.get_num_threads())
        self._worker: Worker[Pair[Frame] | Frame] = Worker(
            "fusion", self._work, self._failed, prepare=prepare
        )

    @property
    def displaced(self) -> int:
        """Pairs that something newer replaced before they were fused."""
        return self._displaced[Pair] + self._overtaken[Pair]

    @property
    def displaced_alone(self) -> int:
        """Pictures of one camera alone that something newer replaced before they were shown."""
        return self._displaced[Frame] + self._overtaken[Frame]

    @property
    def presence(self) -> PresenceState | None:
        """How it stands with the cameras; None where degraded mode is turned off."""
        return self._presence.state if self._presence.timeout else None

    def change(self, settings: Settings) -> None:
        """Take over the live settings."""
        self.pairing.change(settings.slop, settings.offset)
        self._presence.timeout = settings["degraded.timeout"]
        self._fuse_aligned.settings = settings.alignment

    def close(self) -> None:
        """Finish the picture in hand and drop what waits."""
        self._worker.stop()

    def watch(self) -> Mode:
        """Return what results are made of; to be asked also while no message comes."""
        return self._presence.judge(perf_counter())

    def receive(self, which: int, message: Image | CompressedImage) -> None:
        """Take in a message of one camera; one that can hold no picture is counted."""
        received = perf_counter()
        camera, health = CAMERAS[which], self.health
        health.received[camera].tick()
        try:
            conversions.check(message, thermal=which == THERMAL)
        except conversions.ImageError as error:
            self._reject(which, error)
            return
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        health.stamps[camera] = stamp
        frame = Frame(which, message, stamp, received)
        degrades = self._presence.timeout > 0
        frozen = degrades and self._frozen[which].see(stamp, message.data)
        self._presence.seen(which, received, frozen=frozen)
        if frozen and not self._presence.still:
            health.frozen[camera] += 1
        else:
            self._take(frame)
        health.latency["receive"].add(perf_counter() - received)

    def _take(self, frame: Frame) -> None:
        for pair in self.pairing.push(frame.which, frame.stamp, frame):
            self._presence.paired(frame.received)
            self._hand_over(pair)
        if self._presence.judge(frame.received) is ALONE[frame.which]:
            self._hand_over(frame)

    def _hand_over(self, item: Pair[Frame] | Frame) -> None:
        displaced = self._worker.mailbox.put(item)
        if displaced is not None:
            self._displaced[type(displaced)] += 1

    def _reject(self, which: int, error: ValueError) -> None:
        self.health.rejected[CAMERAS[which]] += 1
        self._report(CAMERAS[which], f"image rejected: {error}")

    def _work(self, item: Pair[Frame] | Frame) -> None:
        frames = (item,) if isinstance(item, Frame) else (item.thermal, item.rgb)
        if any(self._is_overtaken(frame) for frame in frames):
            self._overtaken[type(item)] += 1
        elif isinstance(item, Frame):
            self._show(item)
        else:
            self._shown = None
            self._fuse(item)

    def _is_overtaken(self, frame: Frame) -> bool:
        """Tell whether the moment of a frame, or a later one, was shown by its camera alone."""
        shown = self._shown
        if shown is None or shown.which != frame.which:
            return False
        return 0 <= shown.stamp - frame.stamp < BEHIND

    def _show(self, frame: Frame) -> None:
        try:
            if frame.which == THERMAL:
                counts = conversions.thermal_picture(frame.message)
                picture = self._engine.thermal.grey(counts, frame.stamp)
            else:
                picture = conversions.rgb_picture(frame.message)
        # A thermal picture without a reading is none, too.
        except ValueError as error:
            self._reject(frame.which, error)
            return
        self._shown = frame
        self._publish(picture, frame, ALONE[frame.which])
        self.health.alone.tick()

    def _pictures(self, pair: Pair[Frame]) -> tuple[NDArray[Any], NDArray[np.uint8]] | None:
        which = THERMAL
        try:
            thermal = conversions.thermal_picture(pair.thermal.message)
            which = RGB
            return thermal, conversions.rgb_picture(pair.rgb.message)
        except conversions.ImageError as error:
            self._reject(which, error)
            return None

    def _fuse(self, pair: Pair[Frame]) -> None:
        started = perf_counter()
        pictures = self._pictures(pair)
        if pictures is None:
            return
        converted = perf_counter()
        reference = pair.thermal if self._reference == "thermal" else pair.rgb
        fused = self._fuse_aligned(*pictures, reference.stamp)
        finished = perf_counter()
        self._publish(fused, reference, Mode.PAIRS)
        published = perf_counter()
        received = max(pair.thermal.received, pair.rgb.received)
        health = self.health
        health.skew = pair.skew
        health.latency["wait"].add(started - received)
        health.latency["convert"].add(converted - started)
        health.latency["fuse"].add(finished - converted)
        health.latency["publish"].add(published - finished)
        health.latency["total"].add(published - received)
        health.fused.tick()

    def _failed(self, error: Exception) -> None:
        self.health.failed += 1
        self._report("fusion", f"pair not fused: {error}")
