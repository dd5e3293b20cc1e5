# SPDX-License-Identifier: Apache-2.0
"""What the demo prints while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rich.console import Console
from spinning import Client

from bifuse_ros.demo.monitor import Monitor
from bifuse_ros.perception_diagnostics import SightHealth, sight_status
from bifuse_ros.topics import DIAGNOSTICS


def test_a_line_says_what_is_fused_and_what_nobody_asked_for(
    running: Callable[[Any], Any], client: Client
) -> None:
    monitor = running(Monitor())
    publisher = client.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
    client.until(publisher.get_subscription_count, "the monitor listens")

    def tell(says: str, *, wanted: bool) -> str:
        values = [KeyValue(key="fused rate (Hz)", value="9.0")]
        fusion = DiagnosticStatus(name="fusion_node: fusion", message=says, values=values)
        name = "fusion_node: detection"
        sight = sight_status(name, SightHealth(), wanted=wanted, displaced=0, facts={})
        before = monitor.reports
        publisher.publish(DiagnosticArray(status=[fusion, sight]))
        client.until(lambda: monitor.reports > before, "the monitor hears it")
        return str(monitor.line())

    line = tell("fusing; most pairs are displaced", wanted=True)
    assert line.startswith("fusing: thermal 0")
    assert line.endswith("; detection 0.0 Hz")
    line = tell("images do not pair; is sync.offset right?", wanted=False)
    assert line.startswith("images do not pair; is sync.offset right?: ")
    assert line.endswith("; detection not asked for")
    console = Console(width=120)
    with console.capture() as shown:
        console.print(monitor.table(1.0))
    assert "not asked for" in shown.get()
