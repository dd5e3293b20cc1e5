# SPDX-License-Identifier: Apache-2.0
"""The way of the pictures through an active fusion node: message, pair, fused picture."""

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
from bifuse_core.streams.pairing import RGB, THERMAL, Pair
from bifuse_core.streams.worker import Worker
from bifuse_ros import conversions
from bifuse_ros.alignment import camera_model
from bifuse_ros.diagnostics import Health
from bifuse_ros.fusion_parameters import Settings
from bifuse_ros.pairing import Pairing, create_pairing

CAMERAS = {THERMAL: "thermal", RGB: "rgb"}


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

    `receive` belongs to the thread of the executor, fusion and `publish` to a worker of its own.

    Args:
        engine: fuses the pairs.
        settings: of the node.
        infos: the last camera_info of each camera, filled by others.
        publish: called with a fused picture (H, W, 3) and the frame whose header it carries.
        report: called with a camera, or `fusion`, and the text of an error.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        infos: Mapping[int, CameraInfo],
        publish: Callable[[NDArray[np.uint8], Frame], None],
        report: Callable[[str, str], None],
    ) -> None:
        self.health = Health()
        self.pairing: Pairing[Frame] = create_pairing(settings)
        self._publish, self._report = publish, report
        self._reference = settings["reference"]
        self._fuse_aligned = AlignedFusion(
            engine, settings.alignment, self._reference, partial(camera_model, infos)
        )
        # A thread of its own would otherwise compute with what another was limited to.
        prepare = partial(limit_thread, torch.get_num_threads())
        self._worker: Worker[Pair[Frame]] = Worker(
            "fusion", self._fuse, self._failed, prepare=prepare
        )

    @property
    def displaced(self) -> int:
        """Pairs that a newer one replaced before they were fused."""
        return self._worker.mailbox.displaced

    def change(self, settings: Settings) -> None:
        """Take over the live settings."""
        self.pairing.change(settings.slop, settings.offset)
        self._fuse_aligned.settings = settings.alignment

    def close(self) -> None:
        """Finish the pair in hand and drop what waits."""
        self._worker.stop()

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
        for pair in self.pairing.push(which, stamp, Frame(which, message, stamp, received)):
            self._worker.mailbox.put(pair)
        health.latency["receive"].add(perf_counter() - received)

    def _reject(self, which: int, error: conversions.ImageError) -> None:
        self.health.rejected[CAMERAS[which]] += 1
        self._report(CAMERAS[which], f"image rejected: {error}")

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
        self._publish(fused, reference)
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
