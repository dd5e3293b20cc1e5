# SPDX-License-Identifier: Apache-2.0
"""Nodes that spin: the node under test in a thread, and the client on the other side of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data

PATIENCE = 20.0
"""Seconds after which something that should happen counts as not happening."""


class Running:
    """A node that spins in a thread of its own."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._thread = Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()

    def stop(self) -> None:
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()


class Client(Node):
    """The other side of the node under test: publishes to it, listens to it, calls it."""

    def __init__(self, name: str = "client") -> None:
        super().__init__(name)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self._callers: dict[str, Any] = {}

    def listen(
        self, kind: Any, topic: str, profile: QoSProfile | int = qos_profile_sensor_data
    ) -> list[Any]:
        """Return a list that fills with the messages of a topic."""
        messages: list[Any] = []
        self.create_subscription(kind, topic, messages.append, profile)
        return messages

    def until(self, condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Spin until the condition holds, and return its value; fail the test otherwise."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            self._executor.spin_once(0.02)
        pytest.fail(f"within {patience} s: {what}")

    def pause(self, seconds: float) -> None:
        """Spin for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(0.02)

    def call(self, kind: Any, service: str, request: Any) -> Any:
        """Call a service and return its answer."""
        if service not in self._callers:
            self._callers[service] = self.create_client(kind, service)
            self.until(self._callers[service].service_is_ready, f"{service} is offered")
            # A server may be seen before it sees its client; its answer would then be lost.
            self.pause(0.5)
        future = self._callers[service].call_async(request)
        self.until(future.done, f"{service} answers")
        return future.result()

    def close(self) -> None:
        self._executor.shutdown()
        self.destroy_node()
