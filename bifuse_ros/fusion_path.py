# SPDX-License-Identifier: Apache-2.0
"""The way of the pictures through an active fusion node: message, pair or one alone, picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.threads import limit_thread
from bifuse_core.streams.frozen import FrozenDetector
from bifuse_core.streams.pairing import RGB, THERMAL, Pair
from bifuse_core.streams.presence import ALONE, Mode, Presence, PresenceState
from bifuse_core.streams.worker import Worker
from bifuse_ros import conversions
from bifuse_ros.diagnostics import Health
from bifuse_ros.frame import CAMERAS, Frame
from bifuse_ros.fusion_parameters import Settings
from bifuse_ros.fusion_work import FusionWork
from bifuse_ros.pairing import Pairing, create_pairing


class FusionPath:
    """Turns image messages into pairs, and hands the newest to a worker that fuses it.

    While there are no pairs, the newest picture of the camera that is left takes their place.
    All methods belong to the thread of the executor, fusion and `publish` to the worker.

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
        preferred = THERMAL if settings["reference"] == "thermal" else RGB
        self._presence = Presence(settings["degraded.timeout"], preferred)
        self._frozen = {which: FrozenDetector() for which in CAMERAS}
        self._displaced: dict[type, int] = {Pair: 0, Frame: 0}
        self._work = FusionWork(engine, settings, infos, self.health, publish, report)
        # A thread of its own would otherwise compute with what another was limited to.
        prepare = partial(limit_thread, torch.get_num_threads())
        self._worker: Worker[Pair[Frame] | Frame] = Worker(
            "fusion", self._work, self._work.failed, prepare=prepare
        )

    @property
    def displaced(self) -> int:
        """Pairs that something newer replaced before they were fused."""
        return self._displaced[Pair] + self._work.overtaken[Pair]

    @property
    def displaced_alone(self) -> int:
        """Pictures of one camera alone that something newer replaced before they were shown."""
        return self._displaced[Frame] + self._work.overtaken[Frame]

    @property
    def presence(self) -> PresenceState | None:
        """How it stands with the cameras; None where degraded mode is turned off."""
        return self._presence.state if self._presence.timeout else None

    def change(self, settings: Settings) -> None:
        """Take over the live settings."""
        self.pairing.change(settings.slop, settings.offset)
        self._presence.timeout = settings["degraded.timeout"]
        self._work.change(settings)

    def close(self) -> None:
        """Finish the picture in hand and drop what waits."""
        self._worker.stop()

    def watch(self) -> Mode:
        """Return what results are made of; to be asked also while no message comes."""
        return self._judge(perf_counter())

    def receive(self, which: int, message: Image | CompressedImage) -> None:
        """Take in a message of one camera; one that can hold no picture is counted."""
        received = perf_counter()
        camera, health = CAMERAS[which], self.health
        health.received[camera].tick()
        try:
            conversions.check(message, thermal=which == THERMAL)
        except conversions.ImageError as error:
            self._work.reject(which, error)
            self._presence.refused(which, received, str(error))
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
        mode = self._judge(frame.received)
        # With nothing usable, what comes is tried all the same: or else it would stay so.
        if mode in (ALONE[frame.which], Mode.NOTHING) and not self._presence.pairing:
            self._hand_over(frame)

    def _judge(self, now: float) -> Mode:
        self._presence.faults = self._work.usability.faults(now)
        return self._presence.judge(now)

    def _hand_over(self, item: Pair[Frame] | Frame) -> None:
        displaced = self._worker.mailbox.put(item)
        if displaced is not None:
            self._displaced[type(displaced)] += 1
