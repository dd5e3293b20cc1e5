# SPDX-License-Identifier: Apache-2.0
"""What is to be seen of a node whose cameras fail for a while: one goes on, then pairs again."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from live_cameras import SECOND, Change, LiveCameras, nanoseconds

TIMEOUT = {"degraded.timeout": 0.3}
ALONE_WITHIN, BACK_WITHIN = SECOND // 2, SECOND
"""In the time of the stamps."""


def check_order(cameras: LiveCameras) -> None:
    """Nothing is published twice, and nothing after what came later."""
    stamps = [nanoseconds(message.header) for message in cameras.fused]
    assert stamps == sorted(set(stamps))


def goes_on_alone_and_comes_back(
    cameras: LiveCameras, failure: Change, left: str, reason: str
) -> dict[str, str]:
    """Let cameras fail and recover, and return the last diagnostics of a node with `TIMEOUT`."""
    cameras.start()
    assert cameras.source() == "fused"
    assert not cameras.of("rgb") + cameras.of("thermal")
    lost = cameras.stamp
    cameras.until(lambda: len(cameras.of(left)) >= 5, f"{left} goes on alone", failure)
    assert nanoseconds(cameras.of(left)[0].header) - lost <= ALONE_WITHIN
    assert cameras.source() == left
    cameras.diagnostics.clear()

    def explained() -> Any:
        texts = [(s.level, s.message) for m in cameras.diagnostics for s in m.status]
        return [t for t in texts if t[1].startswith(f"{left} alone: ") and reason in t[1]]

    warnings = cameras.until(explained, "diagnostics say why", failure)
    assert {level for level, _ in warnings} == {DiagnosticStatus.WARN}
    alone = len(cameras.of(left))
    mended = cameras.stamp
    cameras.until(lambda: cameras.after(mended) and cameras.source() == "fused", "pairs are back")
    cameras.until(lambda: cameras.after(cameras.stamp - SECOND // 5), "and stay")
    pairs = [m for m in cameras.after(mended) if m not in cameras.of(left)]
    assert nanoseconds(pairs[0].header) - mended <= BACK_WITHIN
    assert not cameras.of("thermal" if left == "rgb" else "rgb")
    check_order(cameras)
    status = cameras.status(lambda values, _: int(values.get("alone", 0)) >= alone)
    return {v.key: v.value for v in status.values}
