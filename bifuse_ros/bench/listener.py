# SPDX-License-Identifier: Apache-2.0
"""Who listens to the node: notes when which stamp arrived, at little cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection2DArray

from bifuse_ros import qos
from bifuse_ros.cdr import header_stamp
from bifuse_ros.topics import CAMERA_INFO, DETECTIONS, FUSED, MASK
from bifuse_ros.watcher import Watcher

CAMERAS = ("thermal", "rgb")
RESULTS = ("fused", "detections", "masks")
DEPTH = 50
"""Messages that may wait for the listener; on a busy machine it is late itself."""


@dataclass(frozen=True)
class Arrival:
    """One message: its stamp in nanoseconds, and its age at receipt in seconds."""

    stamp: int
    age: float


class Listener(Watcher):
    """Hears cameras and results; messages stay as they are serialised, but for their stamps.

    Args:
        context: of its domain.
        image: whether to hear the fused image, or its camera_info alone.
        sights: whether to hear boxes and masks.

    Attributes:
        arrivals: what came since it was taken last, in order: of `thermal` and `rgb` (their
            camera_info), `fused`, `detections` and `masks`.
    """

    def __init__(self, context: Context, *, image: bool, sights: bool) -> None:
        super().__init__(
            "bench_listener", context=context, start_parameter_services=False, enable_rosout=False
        )
        self.arrivals: dict[str, list[Arrival]] = {}
        self.take()
        if image:
            self._hear("fused", Image, FUSED)
        else:
            self._hear("fused", CameraInfo, CAMERA_INFO["fused"])
        if sights:
            self._hear("masks", Image, MASK)
            self._hear("detections", Detection2DArray, DETECTIONS)

    def take(self) -> dict[str, list[Arrival]]:
        """Return what came since the last call, and forget it: a long run would fill the memory."""
        taken, self.arrivals = self.arrivals, {name: [] for name in (*CAMERAS, *RESULTS)}
        return taken

    def watch_cameras(self) -> None:
        """Subscribe to the cameras; this is also the sign they wait for to start."""
        for camera in CAMERAS:
            self._hear(camera, CameraInfo, CAMERA_INFO[camera], best_effort=True)

    def _hear(self, name: str, kind: type, topic: str, *, best_effort: bool = False) -> None:
        def note(data: bytes) -> None:
            stamp = header_stamp(data)
            self.arrivals[name].append(Arrival(stamp, (time.time_ns() - stamp) / 1e9))

        profile = qos.camera(DEPTH) if best_effort else DEPTH
        self.create_subscription(kind, topic, note, profile, raw=True)


@contextmanager
def listening(
    domain: int, *, image: bool, sights: bool
) -> Iterator[tuple[Listener, SingleThreadedExecutor]]:
    """Open and close a listener, and the executor that spins it, in a domain of its own."""
    context = Context()
    context.init(domain_id=domain)
    listener = Listener(context, image=image, sights=sights)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    try:
        yield listener, executor
    finally:
        executor.shutdown()
        listener.destroy_node()
        context.try_shutdown()
