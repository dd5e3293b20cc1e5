# SPDX-License-Identifier: Apache-2.0
"""Rendered pictures as a batch of training."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from bifuse_core.bilevel.batch import Batch, Crop, collate
from bifuse_core.data.rendered import RenderedDrive
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import normalised, to_tensors
from bifuse_core.imaging.saliency import saliency_share, visual_saliency


def rendered_batch(*conditions: str) -> Batch:
    """Return one whole picture of each condition."""
    crops = (_whole(condition) for condition in conditions)
    return collate([replace(crop, source=number) for number, crop in enumerate(crops)])


@cache
def _whole(condition: str) -> Crop:
    frame = RenderedDrive(3, condition=condition, width=128, height=96).frame(1.0)
    sample = to_tensors(normalised(Sample(condition, frame.thermal, frame.rgb)))
    pictures = (sample.thermal[None], sample.luma[None])
    share = saliency_share(*(visual_saliency(picture) for picture in pictures))[0]
    return Crop(sample, share, sample.thermal.flatten().quantile(0.98), torch.tensor(0.3))


def of_pictures(thermal: torch.Tensor, luma: torch.Tensor) -> Batch:
    """Return pictures (B, 1, H, W) as a batch, each its own source."""
    batch = len(thermal)
    return Batch(
        names=tuple(f"picture {n}" for n in range(batch)),
        thermal=thermal,
        luma=luma,
        share=saliency_share(visual_saliency(thermal), visual_saliency(luma)),
        hot=thermal.flatten(1).quantile(0.98, dim=1),
        mix=torch.linspace(0.2, 0.9, batch).to(thermal),
        source=torch.arange(batch),
        samples=(),
    )


def double(batch: Batch) -> Batch:
    """Return the batch in double precision."""
    names = ("thermal", "luma", "share", "hot", "mix")
    return replace(batch, **{name: getattr(batch, name).double() for name in names})
