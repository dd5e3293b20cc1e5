# SPDX-License-Identifier: Apache-2.0
"""The recorder node: writes topics, as they are serialised, to an MCAP bag that ros2 bag reads."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from bifuse_ros.bag_writer import BagWriter


class RecorderNode(Node):
    """Subscribes the topics of the parameter `topics` with the quality of service they offer."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__("recorder_node", **node_options)
        self._waiting = list(self.declare_parameter("topics", [""]).value)
        path = Path(self.declare_parameter("bag", "bag").value)
        compress = self.declare_parameter("compress", False).value
        self._writer = BagWriter(path, compress=compress)
        self.recorded = 0
        self.create_timer(0.1, self._subscribe)

    def _subscribe(self) -> None:
        types = dict(self.get_topic_names_and_types())
        for topic in tuple(self._waiting):
            name = self.resolve_topic_name(topic)
            offered = [info.qos_profile for info in self.get_publishers_info_by_topic(name)]
            if not offered or name not in types:
                continue
            index = self._writer.add_topic(name, types[name][0], offered)
            self.create_subscription(
                message_class(types[name][0]),
                name,
                partial(self._write, index),
                requested(offered),
                raw=True,
            )
            self._waiting.remove(topic)

    def _write(self, topic: int, data: bytes) -> None:
        self._writer.write(topic, self.get_clock().now().nanoseconds, data)
        self.recorded += 1

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()


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
    rclpy.init(args=args)
    try:
        node = RecorderNode()
    except (ValueError, OSError) as error:
        print(f"recorder_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
