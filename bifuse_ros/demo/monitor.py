# SPDX-License-Identifier: Apache-2.0
"""The live view of the demo: rates and latencies, from the topics themselves."""

from __future__ import annotations

from functools import partial

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rich.table import Table
from sensor_msgs.msg import CameraInfo

from bifuse_ros import qos
from bifuse_ros.demo.topics import CAMERA_INFO, DIAGNOSTICS, FUSED, fusion_diagnostics


class Monitor(Node):
    """Counts what passes on the topics, and keeps the node's last diagnostics."""

    def __init__(self) -> None:
        super().__init__("demo_monitor")
        self.counts = dict.fromkeys(CAMERA_INFO, 0)
        self.values: dict[str, str] = {}
        self.message = "starting"
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._diagnosed, 10)

    def chain_ready(self) -> bool:
        """Tell whether the fused image is published and recorded."""
        return (
            self.count_publishers(FUSED) > 0
            and self.count_subscribers(FUSED) > 0
            and self.message not in ("starting", "not active")
        )

    def watch(self) -> None:
        """Subscribe to the cameras; this is also the sign they wait for to start."""
        for name, topic in CAMERA_INFO.items():
            callback = partial(self._count, name)
            self.create_subscription(CameraInfo, topic, callback, qos.camera(50))

    def headline(self) -> str:
        """Return what the chain is doing, in words."""
        if not any(self.counts.values()):
            return "waiting for the first images (rendered scenes take some seconds to prepare)"
        return self.message

    def table(self, elapsed: float) -> Table:
        """Return the state of the chain as a table."""
        table = Table(title=f"{self.headline()}   ({elapsed:.0f} s)", title_justify="left")
        for column in ("stream", "images", "Hz", "latency p50 / p95 (ms)", ""):
            table.add_column(column, justify="right" if column != "stream" else "left")
        value = self.values.get
        for camera in ("thermal", "rgb"):
            rate = value(f"{camera} rate (Hz)", "-")
            table.add_row(camera, str(self.counts[camera]), rate, "", f"{self._lost(camera)}")
        spread = f"{value('total p50 (ms)', '-')} / {value('total p95 (ms)', '-')}"
        network = f"{value('network', '')} on {value('device', '')} {value('precision', '')}"
        table.add_row(
            "fused", str(self.counts["fused"]), value("fused rate (Hz)", "-"), spread, network
        )
        return table

    def line(self) -> str:
        """Return the state of the chain as one line, for output that is no terminal."""
        if not any(self.counts.values()):
            return self.headline()
        value = self.values.get
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return (
            f"{self.headline()}: {counts}; {value('fused rate (Hz)', '-')} Hz, latency p50 "
            f"{value('total p50 (ms)', '-')} p95 {value('total p95 (ms)', '-')} ms"
        )

    def _lost(self, camera: str) -> str:
        return f"{self.values.get(f'{camera} rejected', 0)} rejected"

    def _count(self, name: str, message: CameraInfo) -> None:
        self.counts[name] += 1

    def _diagnosed(self, message: DiagnosticArray) -> None:
        diagnosed = fusion_diagnostics(message)
        if diagnosed:
            self.message, values = diagnosed
            self.values = values or self.values
