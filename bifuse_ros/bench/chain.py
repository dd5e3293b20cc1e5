# SPDX-License-Identifier: Apache-2.0
"""Cameras, node and listener of one measurement, from their start to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor

from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.listener import Listener, listening
from bifuse_ros.bench.losses import Losses
from bifuse_ros.processes import (
    NodeError,
    NodeProcess,
    ended_in_order,
    fail_if_ended,
    fail_if_failed,
)

PATIENCE = 120.0
"""Seconds after which something that should happen counts as not happening."""


class Chain:
    """The running processes of a case, and who listens to them.

    Attributes:
        cameras: the process of both cameras.
        node: the process of the fusion node.
        listener: what came.
        published: pairs that the cameras play before they end.
    """

    def __init__(
        self,
        cameras: NodeProcess,
        node: NodeProcess,
        listener: Listener,
        executor: SingleThreadedExecutor,
        published: int,
    ) -> None:
        self.cameras, self.node, self.listener = cameras, node, listener
        self.published = published
        self._executor = executor

    def spin(self, seconds: float) -> None:
        """Listen for a while.

        Raises:
            NodeError: the node has ended, or a camera with an error.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(min(left, 0.1))
        fail_if_ended([self.node])
        fail_if_failed(self.cameras)

    def until(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Listen until the condition holds.

        Raises:
            NodeError: it does not in time, or as `spin`.
        """
        end = time.monotonic() + patience
        while not condition():
            self.spin(0.05)
            if self.listener.message == "not active":
                raise NodeError(f"the node is not active:\n{self.node.last_words()}")
            if time.monotonic() > end:
                raise NodeError(f"{what} took more than {patience:.0f} s")

    def start_cameras(self) -> None:
        """Wait until all are ready, and let the cameras play."""
        self.until(self.listener.prepared, "the start of the nodes")
        # Who is seen may not see us yet.
        self.spin(0.5)
        self.listener.watch_cameras()
        self.until(lambda: bool(self.listener.arrivals["rgb"]), "the first image")

    def next_report(self) -> None:
        """Listen until the node tells of its counters again, which it has just read then.

        Raises:
            NodeError: it does not, or as `spin`.
        """
        reports = self.listener.reports
        self.until(lambda: self.listener.reports > reports, "the next diagnostics")

    def finish(self) -> Losses:
        """Wait for the end of the cameras and of the last pair; return what became of all.

        Raises:
            NodeError: neither comes, or as `spin`.
        """
        self.until(lambda: self.cameras.ended() is not None, "the end of the cameras")
        # The first report after the last pair may have been written before its end.
        self.next_report()
        self.next_report()
        return Losses.read(self.published, self.listener.values)


@contextmanager
def running(case: Case, pictures: Path, folder: Path, domain: int, count: int) -> Iterator[Chain]:
    """Start all processes of a case, and end them with the block, whatever happens.

    Args:
        case: what is run.
        pictures: folder of the pairs that the cameras play.
        folder: for logs and parameter files; made if need be.
        domain: ROS domain.
        count: pairs that the cameras play.

    Raises:
        NodeError: a node does not start, or ends early; the message holds its last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"ROS_DOMAIN_ID": str(domain), "ROS_LOG_DIR": str(folder)}
    sights = case.backend is not None
    with (
        listening(domain, image=case.image, sights=sights) as (listener, executor),
        ended_in_order() as nodes,
    ):
        parameters = case.camera_parameters(pictures, count)
        cameras = nodes.start("bifuse_ros.camera_node", parameters, folder, environment)
        node = nodes.start("bifuse_ros.fusion_node", case.node_parameters(), folder, environment)
        yield Chain(cameras, node, listener, executor, count)
