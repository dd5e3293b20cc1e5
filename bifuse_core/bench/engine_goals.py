# SPDX-License-Identifier: Apache-2.0
"""What the engine's networks are to reach, on two CPU cores and on an H100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bifuse_core.bench.explaining import Share, in_words
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.variants import DETECT, FUSE, SEGMENT

SIZE = "640x480"
"""Of all goals."""
CARD = "H100"
"""Which the goals of CUDA are for."""

Labels = tuple[str | int | None, ...]
"""Of a variant: work, network, backend, precision, size, bits."""


def goals(
    found: Mapping[Labels, float],
    shares: Mapping[Labels, Sequence[Share]],
    card: str,
    threads: int,
) -> tuple[Goal, ...]:
    """Return the goals of CPU and CUDA; those of the other device were not measured.

    Args:
        found: milliseconds by the labels of the variants.
        shares: where the time goes, of some of them.
        card: name of the CUDA device; empty on a CPU.
        threads: CPU threads.
    """
    on_cpu, on_cuda = _hindrances(card)
    look = [_fastest(found, work, "fp16") for work in (DETECT, SEGMENT)]
    edge = _fastest(found, FUSE, "fp32", "edge")
    bdl = _fastest(found, FUSE, "fp16", "bdl")
    rows = (
        (f"edge on {threads} CPU threads, {SIZE}: fusion", 33.3, on_cpu, [edge]),
        (f"bdl on an {CARD}, {SIZE}, fp16: fusion", 1.5, on_cuda, [bdl]),
        (
            f"bdl on an {CARD}, {SIZE}, fp16: fusion + detection + segmentation",
            6.0,
            on_cuda,
            [bdl, *look],
        ),
    )
    return tuple(_goal(*row, found, shares, card) for row in rows)


def _fastest(
    found: Mapping[Labels, float], work: str, precision: str, network: str | None = None
) -> Labels | None:
    """Return the labels of the fastest at `SIZE`, of 8-bit pictures; None where there is none."""
    fitting = [
        labels
        for labels in found
        if (labels[0], labels[3], labels[4]) == (work, precision, SIZE)
        and labels[5] in (8, None)
        and network in (labels[1], None)
    ]
    return min(fitting, key=lambda labels: found[labels], default=None)


def _hindrances(card: str) -> tuple[str, str]:
    """Return why the goals of CPU and of CUDA are not measured here; empty where they are."""
    if not card:
        there = torch.cuda.is_available()
        return "", "--device cuda measures it" if there else "no CUDA device"
    return "--device cpu measures it", ""


def _goal(
    name: str,
    limit: float,
    hindrance: str,
    steps: Sequence[Labels | None],
    found: Mapping[Labels, float],
    shares: Mapping[Labels, Sequence[Share]],
    card: str,
) -> Goal:
    """Return a goal of the time of all steps, with what runs them, or why it is not measured."""
    there = [labels for labels in steps if labels is not None]
    if hindrance or len(there) < len(steps):
        reason = hindrance or "left out by the options"
        return Goal(name, "ms", limit, None, at_most=True, reason=reason)
    ms = sum(found[labels] for labels in there)
    reasons = [f"with {', '.join(dict.fromkeys(str(labels[2]) for labels in there))}"]
    if card and CARD not in card:
        reasons.append(f"on {card}")
    if ms > limit:
        reasons += [f"{label[1]}: {in_words(shares[label])}" for label in there if label in shares]
    return Goal(name, "ms", limit, ms, at_most=True, reason="; ".join(reasons))
