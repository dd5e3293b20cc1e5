# SPDX-License-Identifier: Apache-2.0
"""The view node: topics live in the Foxglove app, in a browser or on another machine."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from bifuse_ros import qos
from bifuse_ros.message_types import message_class, message_definition
from bifuse_ros.parameters import Declared, declare, refuse_unknown, resolved_names
from bifuse_ros.running import run
from bifuse_ros.topics import DIAGNOSTICS, VIEWED

PORT = 8765
"""Where the Foxglove app looks for a server, unless told otherwise."""
DEPTH = 5
"""Messages of a topic that may wait for this node; what is live is not kept for long."""

PARAMETERS = (
    Declared(
        "topics",
        # In the namespace of the node, as cameras and fusion node are; diagnostics have none.
        [topic if topic == DIAGNOSTICS else topic.removeprefix("/") for topic in VIEWED],
        "what can be viewed, each from the moment it is first published",
    ),
    Declared("host", "127.0.0.1", "address to listen on; 0.0.0.0: other machines may connect"),
    Declared("port", PORT, "port to listen on; 0: any that is free", (0, 65535)),
    Declared("backlog", 32, "messages that may wait for a client; then the oldest go", (8, 1024)),
)


class ViewNode(Node):
    """Serves its topics, as they are serialised, over the Foxglove WebSocket protocol.

    A topic is subscribed to only while a client looks at it: the fusion node computes nothing for
    a view that nobody has open. A client that reads slowly loses messages, and delays nobody.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("view_node", **node_options)
        self._server: Any = None
        values = declare(self, PARAMETERS)
        refuse_unknown(self, PARAMETERS)
        self._waiting = resolved_names(self, "topics", values["topics"] or [])
        self._channels: dict[str, Any] = {}
        self._watched: dict[str, Any] = {}
        self._serve(values["host"], values["port"], values["backlog"])
        # Not the clock of a bag, which may be paused.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.1, self._look_around, clock=steady)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(self._server.port)

    @property
    def offered(self) -> set[str]:
        """The topics that clients can subscribe to."""
        return set(self._channels)

    def destroy_node(self) -> None:
        """Close the connections with the node."""
        server, self._server = self._server, None
        if server:
            server.stop()
        super().destroy_node()

    def _serve(self, host: str, port: int, backlog: int) -> None:
        try:
            import foxglove
        except ImportError as error:
            raise ValueError(
                "the view needs the package foxglove-sdk: pip install foxglove-sdk==0.30.3; "
                f"importing it failed: {error}"
            ) from error
        self._foxglove, self._sinks = foxglove, foxglove.Context()
        try:
            self._server = foxglove.start_server(
                name="BiFuse",
                host=host,
                port=port,
                context=self._sinks,
                message_backlog_size=backlog,
            )
        except RuntimeError as error:
            raise OSError(f"cannot listen on host {host}, port {port}: {error}") from error
        self.get_logger().info(f"open Foxglove and connect to ws://{host}:{self.port}")

    def _look_around(self) -> None:
        self._offer()
        for topic, channel in self._channels.items():
            looked_at = channel.has_sinks()
            if looked_at and topic not in self._watched:
                self._watch(topic, channel)
            elif not looked_at and topic in self._watched:
                self.destroy_subscription(self._watched.pop(topic))

    def _offer(self) -> None:
        """Tell clients of the topics that are there by now."""
        types = dict(self.get_topic_names_and_types()) if self._waiting else {}
        for topic in [topic for topic in self._waiting if topic in types]:
            self._waiting.remove(topic)
            kind = types[topic][0]
            try:
                message_class(kind)
                definition = message_definition(kind)
            # Of whatever kind: one topic does not end the view of the others.
            except Exception as error:
                self.get_logger().error(f"{topic} cannot be viewed: {error}")
                continue
            self._channels[topic] = self._foxglove.Channel(
                topic,
                message_encoding="cdr",
                schema=self._foxglove.Schema(
                    name=kind, encoding="ros2msg", data=definition.encode()
                ),
                context=self._sinks,
            )
            self.get_logger().info(f"{topic} can be viewed")

    def _watch(self, topic: str, channel: Any) -> None:
        offered = [info.qos_profile for info in self.get_publishers_info_by_topic(topic)]
        if not offered:
            return
        profile = qos.requested(offered)
        profile.depth = DEPTH
        kind = message_class(channel.schema_name())
        forward = partial(self._forward, channel)
        self._watched[topic] = self.create_subscription(kind, topic, forward, profile, raw=True)

    def _forward(self, channel: Any, data: bytes) -> None:
        channel.log(data, log_time=self.get_clock().now().nanoseconds)


def main(args: list[str] | None = None) -> int:
    """Serve until interrupted."""
    return run(ViewNode, args)


if __name__ == "__main__":
    sys.exit(main())
