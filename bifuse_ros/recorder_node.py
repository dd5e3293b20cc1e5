# SPDX-License-Identifier: Apache-2.0
"""The recorder node: writes topics, as they are serialised, to an MCAP bag that ros2 bag reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from bifuse_core import __version__
from bifuse_core.data.bag_notes import noted
from bifuse_core.streams.pairing import RGB
from bifuse_ros import qos
from bifuse_ros.bag_series import BagSeries, Received
from bifuse_ros.message_types import message_class
from bifuse_ros.pair_recording import CHOICE_PARAMETERS, PairRecording, check_choice
from bifuse_ros.parameters import Declared, declare, refuse_unknown, resolved_names
from bifuse_ros.provenance import Provenance
from bifuse_ros.running import run

CAMERAS = ("thermal", "rgb")

PARAMETERS = (
    Declared(
        "topics",
        ["thermal/image_raw", "thermal/camera_info", "rgb/image_raw", "rgb/camera_info"],
        "what is recorded, each from the moment it is first published",
    ),
    *(
        Declared(
            f"{camera}.transport",
            "raw",
            f"compressed: {camera}/image_raw/compressed is taken for {camera}/image_raw",
            choices=("raw", "compressed"),
        )
        for camera in CAMERAS
    ),
    Declared("bag", "bag", "folder to write; must not exist"),
    Declared("compress", False, "compress with zstd"),
    Declared(
        "split_size",
        0,
        "MiB after which a file ends and the next begins: BAG_0.mcap, BAG_1.mcap, ...; 0: one file",
        (0, 2**20),
    ),
    Declared("node", "fusion_node", "whose parameters and weights are noted in the bag"),
    *CHOICE_PARAMETERS,
)

PATIENCE = 5.0
"""Seconds after which topics that nobody publishes are named."""

FLUSH_INTERVAL = 1.0
"""Seconds within which messages are handed to the operating system. No more does a recorder lose
that is killed, but for images whose pair is not decided on yet, such as those that wait to be
looked at (`choose.wait`)."""

LOG_INTERVAL = 10.0
"""Seconds between two log lines about the pairs, and about malformed images."""


class RecorderNode(Node):
    """Subscribes its topics with the quality of service they offer, and writes what arrives.

    Of two cameras it can write chosen pairs alone. A topic whose type is not installed is reported
    and left out; a full disk ends the node with an error, and the bag before it.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("recorder_node", **node_options)
        self._bags: BagSeries | None = None
        self._pairs: PairRecording | None = None
        values = declare(self, PARAMETERS)
        refuse_unknown(self, PARAMETERS)
        check_choice(values)
        _take_transport(values)
        topics = resolved_names(self, "topics", values["topics"] or [])
        self._roles: dict[str, int] = {}
        if values["choose.every"]:
            self._pairs = PairRecording(values, self._unreadable)
            chosen = resolved_names(self, "choose.images, choose.detections", self._pairs.topics)
            if len(chosen) < len(self._pairs.topics):
                raise ValueError(
                    f"choose.images, choose.detections: {self._pairs.topics} are not all different"
                )
            self._roles = {topic: role for role, topic in enumerate(chosen)}
        self._waiting = list(dict.fromkeys([*topics, *self._roles]))
        self._values = values
        (node,) = resolved_names(self, "node", [values["node"]])
        self.provenance = Provenance(self, node)
        self._bags = BagSeries(
            Path(values["bag"]).expanduser(),
            compress=values["compress"],
            size=values["split_size"] * 2**20,
            notes=self._notes,
        )
        self.recorded = 0
        # Not the clock of a simulation, which may stand still.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.1, self._subscribe, clock=clock)
        self.create_timer(FLUSH_INTERVAL, self._flush, clock=clock)
        self._missing = self.create_timer(PATIENCE, self._tell_missing, clock=clock)
        if self._pairs:
            self.create_timer(LOG_INTERVAL, self._tell, clock=clock)

    def destroy_node(self) -> None:
        """Finish the bag with the node."""
        bags, self._bags = self._bags, None
        try:
            if bags:
                self._finish(bags)
        except OSError as error:
            self.get_logger().error(f"the end of the bag is not written: {error}")
        super().destroy_node()

    def _finish(self, bags: BagSeries) -> None:
        try:
            if self._pairs:
                left = self._pairs.flush()
                if bags.open:
                    bags.write(left)
        finally:
            bags.close()

    def _notes(self) -> Mapping[str, str]:
        return noted(
            {
                "version": __version__,
                "recorder": self._values,
                "pairs": asdict(self._pairs.counters) if self._pairs else {},
                "parameters": self.provenance.parameters,
                "weights": self.provenance.weights,
            }
        )

    def _subscribe(self) -> None:
        types = dict(self.get_topic_names_and_types())
        for topic in tuple(self._waiting):
            offered = [info.qos_profile for info in self.get_publishers_info_by_topic(topic)]
            if not (self._bags and offered and topic in types):
                continue
            self._waiting.remove(topic)
            kind = types[topic][0]
            try:
                number = self._bags.add_topic(topic, kind, offered)
                write = partial(self._receive, self._roles.get(topic), number, kind)
                self.create_subscription(
                    message_class(kind), topic, write, qos.requested(offered), raw=True
                )
            # Of whatever kind: one topic does not end the recording of the others.
            except Exception as error:
                self.get_logger().error(f"{topic} is not recorded: {error}")

    def _tell_missing(self) -> None:
        self._missing.cancel()
        if self._waiting:
            self.get_logger().warning(
                f"not recorded so far, since nobody publishes it: {', '.join(self._waiting)}"
            )

    def _receive(self, role: int | None, topic: int, kind: str, data: bytes) -> None:
        message = Received(topic, kind, self.get_clock().now().nanoseconds, data)
        messages = [message]
        if self._pairs and role is not None:
            messages = self._pairs.receive(role, message)
        assert self._bags
        self._bags.write(messages)
        self.recorded += len(messages)

    def _flush(self) -> None:
        if self._bags and self._bags.open:
            self._bags.flush()

    def _tell(self) -> None:
        if self._pairs:
            self.get_logger().info(str(self._pairs.counters))

    def _unreadable(self, error: str) -> None:
        topic = list(self._roles)[RGB]
        self.get_logger().error(
            f"{topic}: pair not chosen: {error}", throttle_duration_sec=LOG_INTERVAL
        )


def _take_transport(values: dict[str, Any]) -> None:
    """Name the images of both cameras as their transport has them."""
    taken = {
        f"{camera}/image_raw": f"{camera}/image_raw/compressed"
        for camera in CAMERAS
        if values[f"{camera}.transport"] == "compressed"
    }
    for name in ("topics", "choose.images"):
        values[name] = [taken.get(topic, topic) for topic in values[name] or []]


def main(args: list[str] | None = None) -> int:
    """Record until interrupted."""
    return run(RecorderNode, args)


if __name__ == "__main__":
    sys.exit(main())
