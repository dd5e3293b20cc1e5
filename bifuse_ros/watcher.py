# SPDX-License-Identifier: Apache-2.0
"""Who watches a fusion node from outside: what it says of itself, and whether all is prepared."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from bifuse_ros.topics import DIAGNOSTICS, RGB, THERMAL, fusion_diagnostics, sight_diagnostics


class Watcher(Node):
    """Keeps the last diagnostics of the fusion node.

    Args:
        name: of this node.
        options: as of `rclpy.node.Node`.

    Attributes:
        message: what the fusion node says of itself; at first `starting`.
        values: its last diagnostics while it was active, by name.
        sights: the same of detector and segmenter.
        reports: how many diagnostics came.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.values: dict[str, str] = {}
        self.sights: dict[str, dict[str, str]] = {}
        self.reports, self.message = 0, "starting"
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._diagnosed, 10)

    def prepared(self) -> bool:
        """Tell whether the cameras have their pictures and the fusion node is active."""
        cameras = min(self.count_publishers(topic) for topic in (THERMAL, RGB))
        return cameras > 0 and self.message not in ("starting", "not active")

    def _diagnosed(self, message: DiagnosticArray) -> None:
        diagnosed = fusion_diagnostics(message)
        if diagnosed:
            self.message, values = diagnosed
            self.values = values or self.values
            self.sights = sight_diagnostics(message) or self.sights
            self.reports += 1
