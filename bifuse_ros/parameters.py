# SPDX-License-Identifier: Apache-2.0
"""Parameters of nodes: declared with their descriptors, limits and choices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node


@dataclass(frozen=True)
class Declared:
    """One parameter.

    Attributes:
        name: its name.
        default: its default, which also fixes its type.
        description: one line for `ros2 param describe`.
        limits: lowest and highest value of a number.
        choices: the allowed values of a text.
        live: may change while the node is active; others take effect at the next configure.
    """

    name: str
    default: Any
    description: str
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    live: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ROS shows, and enforces limits by."""
        text = self.description + (f" ({' | '.join(self.choices)})" if self.choices else "")
        descriptor = ParameterDescriptor(description=text)
        if self.limits and isinstance(self.default, int):
            low, high = (int(x) for x in self.limits)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        elif self.limits:
            low_value, high_value = self.limits
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=low_value, to_value=high_value)
            ]
        return descriptor

    def check(self, value: Any) -> None:
        """Refuse a text that is none of the choices; ROS itself checks types and limits.

        Raises:
            ValueError: the message names the parameter, the value and the choices.
        """
        if self.choices and value not in self.choices:
            raise ValueError(f"{self.name} is {value!r}; choose from {', '.join(self.choices)}")


def declare(node: Node, parameters: Iterable[Declared]) -> dict[str, Any]:
    """Declare parameters on a node and return their values by name.

    Raises:
        ValueError: a value given at start is none of the choices.
        rclpy.exceptions.ParameterException: a value has another type, or is outside its limits.
    """
    values = {}
    for declared in parameters:
        parameter = node.declare_parameter(declared.name, declared.default, declared.descriptor())
        declared.check(parameter.value)
        values[declared.name] = parameter.value
    return values


def refuse_unknown(node: Node, parameters: Iterable[Declared]) -> None:
    """Refuse names given at start that the node does not have, such as misspelt ones.

    ROS itself would ignore them without a word.

    Raises:
        ValueError: the message lists them.
    """
    ours = {*(declared.name for declared in parameters), "use_sim_time"}
    ours.add("start_type_description_service")
    given = getattr(node, "_parameter_overrides", {})
    unknown = sorted(n for n in given if n not in ours and not n.startswith("qos_overrides."))
    if unknown:
        raise ValueError(f"there are no parameters named {', '.join(unknown)}")


def resolved_names(node: Node, parameter: str, names: Iterable[str]) -> list[str]:
    """Return names of topics or nodes in full, each once, as a node resolves them.

    Raises:
        ValueError: there is none, or one is no name; the message names the parameter.
    """
    found = []
    for name in names:
        try:
            found.append(node.resolve_topic_name(name))
        # rclpy has no class of its own for a bad name.
        except Exception as error:
            raise ValueError(f"{parameter}: {name!r} is no valid name") from error
    if not found:
        raise ValueError(f"{parameter} is empty; name at least one")
    return list(dict.fromkeys(found))
