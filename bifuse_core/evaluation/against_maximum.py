# SPDX-License-Identifier: Apache-2.0
"""Means beside those of the pixel-wise maximum, which no single metric should be read without."""

from __future__ import annotations

from collections.abc import Mapping

from bifuse_core.evaluation.ledger import Scores

MAXIMUM = "max"
"""Name of the baseline."""

RATIOS = ("MI", "VIF")
DIFFERENCES = ("FMI", "Qabf", "SSIM")
GUARDS = ("level", "|F - max|", "hot")


def against_maximum(columns: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return what every method has of the maximum's MI and VIF, and beyond its other scores.

    The guards have that comparison in them and are left as they are.

    Args:
        columns: the means of each method, `max` among them.
    """
    best = columns[MAXIMUM]
    return {
        name: {
            **{f"{m} / max": _of(scores[m], best[m], ratio=True) for m in RATIOS},
            **{f"{m} - max": _of(scores[m], best[m], ratio=False) for m in DIFFERENCES},
            **{m: scores[m] for m in GUARDS},
        }
        for name, scores in columns.items()
        if name != MAXIMUM
    }


def _of(score: float | None, best: float | None, *, ratio: bool) -> float | None:
    if score is None or best is None or (ratio and best == 0):
        return None
    return score / best if ratio else score - best
