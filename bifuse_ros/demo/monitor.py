# SPDX-License-Identifier: Apache-2.0
"""The live view of the demo: rates and latencies, from the topics themselves."""

from __future__ import annotations

from functools import partial

from rich.table import Table
from sensor_msgs.msg import CameraInfo

from bifuse_ros import qos
from bifuse_ros.perception_diagnostics import UNWANTED
from bifuse_ros.topics import CAMERA_INFO, FUSED, IMAGES
from bifuse_ros.watcher import Watcher

NOT_ASKED_FOR = "not asked for"
"""Said of boxes or masks that nobody subscribes to."""


class Monitor(Watcher):
    """Counts what passes on the topics."""

    def __init__(self) -> None:
        super().__init__("demo_monitor")
        self.counts = dict.fromkeys(CAMERA_INFO, 0)

    def others(self) -> list[str]:
        """Return the topics of the demo that somebody publishes already."""
        return [topic for topic in IMAGES if self.count_publishers(topic)]

    def recorded(self) -> bool:
        """Tell whether somebody listens to the fused image."""
        return self.count_subscribers(FUSED) > 0

    def watch(self) -> None:
        """Subscribe to the cameras; this is also the sign they wait for to start."""
        for name, topic in CAMERA_INFO.items():
            callback = partial(self._count, name)
            self.create_subscription(CameraInfo, topic, callback, qos.camera(50))

    def headline(self) -> str:
        """Return what the chain is doing, in words."""
        # Diagnostics come once a second and may not have seen what the counters have.
        return "starting" if self.message.startswith("no images") else self.message

    def table(self, elapsed: float) -> Table:
        """Return the state of the chain as a table."""
        table = Table(title=f"{self.headline()}   ({elapsed:.0f} s)", title_justify="left")
        for column in ("stream", "images", "Hz", "latency p50 / p95 (ms)", ""):
            table.add_column(column, justify="right" if column != "stream" else "left")
        value = self.values.get
        for camera in ("thermal", "rgb"):
            rate = value(f"{camera} rate (Hz)", "-")
            rejected = f"{value(f'{camera} rejected', 0)} rejected"
            table.add_row(camera, str(self.counts[camera]), rate, "", rejected)
        spread = f"{value('total p50 (ms)', '-')} / {value('total p95 (ms)', '-')}"
        skipped = f"{value('displaced', 0)} pairs skipped to stay fresh"
        rate = value("fused rate (Hz)", "-")
        table.add_row("fused", str(self.counts["fused"]), rate, spread, skipped)
        for sight, values in self.sights.items():
            if values["says"] == UNWANTED:
                table.add_row(sight, values["pictures"], "", "", NOT_ASKED_FOR)
                continue
            spread = f"{values.get('age p50 (ms)', '-')} / {values.get('age p95 (ms)', '-')}"
            failed = f"{values['failed']} failed"
            table.add_row(sight, values["pictures"], values["rate (Hz)"], spread, failed)
        return table

    def line(self) -> str:
        """Return the state of the chain as one line, for output that is no terminal."""
        value = self.values.get
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        seen = "".join(
            f"; {sight} "
            + (NOT_ASKED_FOR if values["says"] == UNWANTED else f"{values['rate (Hz)']} Hz")
            for sight, values in self.sights.items()
        )
        headline = self.headline()
        # What it adds would be said in every line.
        headline = "fusing" if headline.startswith("fusing") else headline
        return (
            f"{headline}: {counts}; {value('fused rate (Hz)', '-')} Hz, latency p50 "
            f"{value('total p50 (ms)', '-')} p95 {value('total p95 (ms)', '-')} ms{seen}"
        )

    def _count(self, name: str, message: CameraInfo) -> None:
        self.counts[name] += 1
