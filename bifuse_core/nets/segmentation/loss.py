# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy of masks in which a pixel has a class, one of a set of classes, or no label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

UNLABELLED = 255
"""Mask value that says nothing."""


def segmentation_loss(
    logits: Tensor,
    masks: Sequence[Tensor | None],
    *,
    sets: Mapping[int, Sequence[int]] | None = None,
    class_weights: Sequence[float] | None = None,
    picture_weights: Sequence[float] | None = None,
) -> Tensor:
    """Return the mean cross-entropy over all labelled pixels of a batch.

    The logits are enlarged to the masks' size. A pixel of a class costs -log p(class). A pixel of
    which only a set of classes is known costs -log of the sum of their probabilities: it speaks
    against the others, and leaves open which of the set it is.

    Args:
        logits: (B, K, h, w).
        masks: of each picture (H, W) whole numbers: 0 to K - 1, keys of `sets`, or 255 for
            unlabelled; None for a picture without a mask. All of one size.
        sets: further mask values, and the classes that each may be.
        class_weights: K factors of the pixels of each class, above 0; the mean is weighted by them,
            and a set has the mean of its classes.
        picture_weights: B factors of the pictures. They do not enter the mean's divisor: a batch of
            half the weight has half the loss.

    Returns:
        A scalar >= 0 of type float32; 0, with a gradient of 0, where nothing is labelled.

    Raises:
        ValueError: masks or weights are not as many as pictures or classes, or a mask holds
            another value.
    """
    batch, classes = logits.shape[:2]
    for name, given, number in (
        ("masks", masks, batch),
        ("picture weights", picture_weights, batch),
        ("class weights", class_weights, classes),
    ):
        if given is not None and len(given) != number:
            raise ValueError(f"{len(given)} {name}, but logits {tuple(logits.shape)}")
    labelled = [number for number, mask in enumerate(masks) if mask is not None]
    if not labelled:
        return 0 * logits.float().sum()
    sets = sets or {}
    mask = torch.stack([m.to(logits.device).long() for m in masks if m is not None])
    _require_known(mask, classes, sets)

    enlarged = F.interpolate(logits[labelled].float(), size=mask.shape[1:], mode="bilinear")
    log_p = enlarged.log_softmax(1)
    single = mask.where(mask < classes, UNLABELLED)
    loss = F.nll_loss(log_p, single, ignore_index=UNLABELLED, reduction="none")
    factors = log_p.new_tensor([1.0] * classes if class_weights is None else class_weights)
    weights = torch.cat([factors, factors.new_zeros(256 - classes)])
    for value, members in sets.items():
        weights[value] = factors[list(members)].mean()
        here = mask == value
        if here.any():  # It costs as much as all the rest.
            loss = torch.where(here, -log_p[:, list(members)].logsumexp(1), loss)
    weighted = weights[mask]
    loss = loss * weighted
    if picture_weights is not None:
        chosen = [picture_weights[number] for number in labelled]
        loss = loss * loss.new_tensor(chosen).view(-1, 1, 1)
    return loss.sum() / weighted.sum().clamp_min(torch.finfo(loss.dtype).tiny)


def _require_known(mask: Tensor, classes: int, sets: Mapping[int, Sequence[int]]) -> None:
    strange = (mask < 0) | (mask >= classes)
    for value in (*sets, UNLABELLED):
        strange &= mask != value
    if strange.any():
        raise ValueError(
            f"a mask holds {mask[strange][0].item()}, which is no class (0 to {classes - 1}), no "
            f"set ({', '.join(map(str, sets)) or 'none'}), and not {UNLABELLED}"
        )
