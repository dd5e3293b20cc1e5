# SPDX-License-Identifier: Apache-2.0
"""Flicker: how much more the fused picture's mean level jumps between frames than its sources'."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 0.5
"""Grey levels by which a step may exceed those of the sources without being called over: what
rounding to whole grey levels can do to a mean."""


def flicker(
    fused: Tensor, thermal: Tensor, luma: Tensor, sequence: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the flicker of consecutive frames, each a float64 scalar.

    A step is two consecutive frames of a sequence. Its change dF is the absolute difference of
    their mean levels; the sources' is the larger of theirs, max(dA, dB). Ours, after the goal that
    fusion shall not make a video less steady than what the cameras gave.

    Args:
        fused: (T,) mean grey level of each fused frame, 0 to 255, in the order of time.
        thermal: (T,) likewise of the thermal pictures.
        luma: (T,) likewise of the luminances.
        sequence: (T,) numbers of the sequences that the frames belong to, each sequence in one
            piece; one sequence by default.

    Returns:
        flicker: mean of dF, grey levels.
        flicker / inputs: mean of dF over mean of max(dA, dB); not finite where no source changes.
        steps over: share of the steps where dF exceeds max(dA, dB) by more than half a grey level.
        worst step: the largest dF - max(dA, dB), grey levels; negative where none exceeds it.

    Raises:
        ValueError: the lengths differ, or there is no step.
    """
    if sequence is None:
        sequence = torch.zeros(len(fused), dtype=torch.long, device=fused.device)
    shapes = [tuple(x.shape) for x in (fused, thermal, luma, sequence)]
    if len(set(shapes)) > 1 or fused.ndim != 1:
        raise ValueError(f"flicker takes levels (T,) of one length; got {shapes}")
    within = sequence.diff() == 0
    if not within.any():
        raise ValueError(f"flicker needs two frames of one sequence; got {len(fused)} frames")
    change, *changes = (x.double().diff().abs()[within] for x in (fused, thermal, luma))
    allowed = torch.maximum(*changes)
    excess = change - allowed
    return {
        "flicker": change.mean(),
        "flicker / inputs": change.mean() / allowed.mean(),
        "steps over": (excess > ROUNDING).double().mean(),
        "worst step": excess.max(),
    }
