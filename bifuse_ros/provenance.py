# SPDX-License-Identifier: Apache-2.0
"""Under which parameters and weights a fusion node ran while something was recorded."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.task import Future

from bifuse_ros.topics import DIAGNOSTICS


class Provenance:
    """Asks a fusion node for its parameters, then hears the checksums of its weights.

    Nobody waits for it: where there is no such node, nothing is known of it.

    Args:
        node: asks and listens.
        fusion: full name of the fusion node.

    Attributes:
        parameters: those of the fusion node by name, as they were when it answered.
        weights: the last sha256 of each network by its role, as the diagnostics name it.
    """

    def __init__(self, node: Node, fusion: str) -> None:
        self.parameters: dict[str, Any] = {}
        self.weights: dict[str, str] = {}
        # As it names itself in diagnostics.
        self._name = fusion.removeprefix("/")
        self._node = node
        self._names = node.create_client(ListParameters, f"{fusion}/list_parameters")
        self._values = node.create_client(GetParameters, f"{fusion}/get_parameters")
        # Again until it answers: a service may be seen before it sees who asks.
        self._asking = node.create_timer(
            1.0, self._ask, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _ask(self) -> None:
        if self.parameters:
            self._node.create_subscription(DiagnosticArray, DIAGNOSTICS, self._diagnosed, 10)
            self._asking.cancel()
        elif self._names.service_is_ready() and self._values.service_is_ready():
            self._names.call_async(ListParameters.Request()).add_done_callback(self._listed)

    def _listed(self, answer: Future) -> None:
        names = list(answer.result().result.names)
        request = GetParameters.Request(names=names)

        def valued(answer: Future) -> None:
            values = map(parameter_value_to_python, answer.result().values)
            self.parameters = dict(zip(names, values, strict=False))

        self._values.call_async(request).add_done_callback(valued)

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(f"{self._name}: "):
                self.weights |= {v.key: v.value for v in status.values if "sha256" in v.key}
