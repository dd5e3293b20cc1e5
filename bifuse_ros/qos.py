# SPDX-License-Identifier: Apache-2.0
"""Quality of service: what the node asks of cameras and offers to consumers, and mismatches."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

RESULTS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=5,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
)

LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For what is said once: those who subscribe later get the last message."""


def camera(depth: int) -> QoSProfile:
    """Return sensor-data quality of service: best effort, the last `depth` messages."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def requested(offered: list[QoSProfile]) -> QoSProfile:
    """Return the strongest quality of service that every publisher offers, with a deep queue."""
    reliable = all(o.reliability == ReliabilityPolicy.RELIABLE for o in offered)
    latched = all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offered)
    return QoSProfile(
        depth=100,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def overridable() -> QoSOverridingOptions:
    """Return options that let `qos_overrides.TOPIC.subscription.*` change the profile."""
    return QoSOverridingOptions.with_default_policies()


def subscription_events(node: Node, topic: str) -> SubscriptionEventCallbacks:
    """Return callbacks that warn when a publisher offers less than the subscription asks."""

    def incompatible(event: Any) -> None:
        name, policy = node.resolve_topic_name(topic), policy_name(event.last_policy_kind)
        node.get_logger().warning(
            f"{name}: a publisher offers less {policy} than this node asks for, so its images do "
            f"not arrive; set qos_overrides.{name}.subscription.{policy} here, or change the "
            f"{policy} of the publisher"
        )

    return SubscriptionEventCallbacks(incompatible_qos=incompatible)


def publisher_events(node: Node, topic: str) -> PublisherEventCallbacks:
    """Return callbacks that warn when a subscriber asks for more than the publisher offers."""

    def incompatible(event: Any) -> None:
        name, policy = node.resolve_topic_name(topic), policy_name(event.last_policy_kind)
        node.get_logger().warning(
            f"{name}: a subscriber asks for more {policy} than this node offers (reliable, "
            f"volatile), so it receives nothing; change the {policy} of the subscriber"
        )

    return PublisherEventCallbacks(incompatible_qos=incompatible)


def policy_name(kind: int) -> str:
    """Return the name of a QoS policy as parameters spell it, such as `reliability`."""
    return str(qos_policy_name_from_kind(kind)).lower()
