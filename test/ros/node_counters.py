# SPDX-License-Identifier: Apache-2.0
"""Diagnostics as a node gives them, for what reads its counters."""

from __future__ import annotations

from bifuse_ros.bench.losses import PAIRING


def diagnosed(**changes: object) -> dict[str, str]:
    """Return diagnostics of a node that lost nothing of 100 pairs, but for the changes."""
    names = {f"pairing {name}": 0 for name in PAIRING}
    values = {"fused": 100, "displaced": 0, "failed": 0, "pairing received": "100 + 100"}
    values |= {f"{c} {name}": 0 for c in ("thermal", "rgb") for name in ("rejected", "frozen")}
    values |= {"pairing paired": 100, **names}
    return {name: str(value) for name, value in (values | changes).items()}
