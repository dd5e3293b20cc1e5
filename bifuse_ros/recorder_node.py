# SPDX-License-Identifier: Apache-2.0
"""The recorder node: writes topics, as they are serialised, to an MCAP bag that ros2 bag reads."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.parameters import Declared, declare, refuse_unknown
from bifuse_ros.running import run

PARAMETERS = (
    Declared(
        "topics",
        ["thermal/image_raw", "thermal/camera_info", "rgb/image_raw", "rgb/camera_info"],
        "what is recorded, each from the moment it is first published",
    ),
    Declared("bag", "bag", "folder to write; must not exist"),
    Declared("compress", False, "compress with zstd"),
)


class RecorderNode(Node):
    """Subscribes its topics with the quality of service they offer, and writes what arrives.

    A topic whose type is not installed is reported and left out; a full disk ends the node with an
    error.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("recorder_node", **node_options)
        self._writer: BagWriter | None = None
        values = declare(self, PARAMETERS)
        refuse_unknown(self, PARAMETERS)
        self._waiting = self._resolved(values["topics"] or [])
        self._writer = BagWriter(Path(values["bag"]).expanduser(), compress=values["compress"])
        self.recorded = 0
        self.create_timer(0.1, self._subscribe)

    def destroy_node(self) -> None:
        """Finish the bag with the node."""
        writer, self._writer = self._writer, None
        try:
            if writer:
                writer.close()
        except OSError as error:
            self.get_logger().error(f"the end of the bag is not written: {error}")
        super().destroy_node()

    def _resolved(self, topics: list[str]) -> list[str]:
        if not topics:
            raise ValueError("topics is empty; there is nothing to record")
        names = []
        for topic in topics:
            try:
                names.append(self.resolve_topic_name(topic))
            # rclpy has no class of its own for a bad name.
            except Exception as error:
                raise ValueError(f"topics: {topic!r} is no name of a topic") from error
        return list(dict.fromkeys(names))

    def _subscribe(self) -> None:
        types = dict(self.get_topic_names_and_types())
        for topic in tuple(self._waiting):
            offered = [info.qos_profile for info in self.get_publishers_info_by_topic(topic)]
            if not (self._writer and offered and topic in types):
                continue
            self._waiting.remove(topic)
            kind = types[topic][0]
            try:
                write = partial(self._write, self._writer.add_topic(topic, kind, offered))
                self.create_subscription(
                    message_class(kind), topic, write, requested(offered), raw=True
                )
            # Of whatever kind: one topic does not end the recording of the others.
            except Exception as error:
                self.get_logger().error(f"{topic} is not recorded: {error}")

    def _write(self, topic: int, data: bytes) -> None:
        assert self._writer
        self._writer.write(topic, self.get_clock().now().nanoseconds, data)
        self.recorded += 1


def message_class(kind: str) -> Any:
    """Return the class of a message type such as `sensor_msgs/msg/Image`."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def requested(offered: list[QoSProfile]) -> QoSProfile:
    """Return the strongest quality of service that every publisher offers, with a deep queue."""
    reliable = all(o.reliability == ReliabilityPolicy.RELIABLE for o in offered)
    latched = all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offered)
    return QoSProfile(
        depth=100,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def main(args: list[str] | None = None) -> int:
    """Record until interrupted."""
    return run(RecorderNode, args)


if __name__ == "__main__":
    sys.exit(main())
