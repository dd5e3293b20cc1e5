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
    edge = found.get((FUSE, "edge", "torch", "fp32", SIZE, 8))
    bdl = found.get((FUSE, "bdl", "torch", "fp16", SIZE, 8))
    looks = [
        min((ms for label, ms in found.items() if _is_fp16(label, work)), default=None)
        for work in (DETECT, SEGMENT)
    ]
    steps = [bdl, *looks]
    all_three = None if None in steps else sum(filter(None, steps))
    on_cpu, on_cuda = _hindrances(card)
    dearest = {str(label[1]): in_words(share) for label, share in shares.items()}
    seeing = tuple(str(label[1]) for label in shares if label[0] in (DETECT, SEGMENT))
    rows = (
        (f"edge on {threads} CPU threads, {SIZE}: fusion", 33.3, edge, on_cpu, ("edge",)),
        (f"bdl on an {CARD}, {SIZE}, fp16: fusion", 1.5, bdl, on_cuda, ("bdl",)),
        (
            f"bdl on an {CARD}, {SIZE}, fp16: fusion + detection + segmentation",
            6.0,
            all_three,
            on_cuda,
            ("bdl", *seeing),
        ),
    )
    return tuple(
        _goal(name, limit, ms, hindrance, card, {n: dearest[n] for n in names if n in dearest})
        for name, limit, ms, hindrance, names in rows
    )


def _is_fp16(labels: Labels, work: str) -> bool:
    return (labels[0], labels[3], labels[4]) == (work, "fp16", SIZE)


def _hindrances(card: str) -> tuple[str, str]:
    """Return why the goals of CPU and of CUDA are not measured here; empty where they are."""
    if not card:
        there = torch.cuda.is_available()
        return "", "--device cuda measures it" if there else "no CUDA device"
    return "--device cpu measures it", ""


def _goal(
    name: str,
    limit: float,
    ms: float | None,
    hindrance: str,
    card: str,
    dearest: dict[str, str],
) -> Goal:
    """Return a goal with the reason why it is not reached or measured."""
    if hindrance or ms is None:
        reason = hindrance or "left out by the options"
        return Goal(name, "ms", limit, None, at_most=True, reason=reason)
    reasons = []
    if card and CARD not in card:
        reasons.append(f"on {card}")
    if ms > limit:
        reasons += [f"{network}: {words}" for network, words in dearest.items()]
    return Goal(name, "ms", limit, ms, at_most=True, reason="; ".join(reasons))
