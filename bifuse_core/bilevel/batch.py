# SPDX-License-Identifier: Apache-2.0
"""What one step of training looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bifuse_core.data.tensors import TensorSample
from bifuse_core.imaging.colour import replace_luminance


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop of one pair, with what can only be known from the whole picture.

    Attributes:
        sample: the crop, with boxes and mask where there are some.
        share: (1, C, C) the paper's m1, share of the thermal picture in u_m.
        hot: () thermal level above which the hottest 2 % of the picture lie.
        mix: () random number in [0, 1) for the interpolate of the gradient penalty.
        source: number of the source it comes from.
    """

    sample: TensorSample
    share: Tensor
    hot: Tensor
    mix: Tensor
    source: int = 0


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of one size.

    Attributes:
        names: of the pairs.
        thermal: (B, 1, C, C) float32 in [0, 1], x of the paper.
        luma: likewise, y of the paper.
        share: likewise, m1 of the paper.
        hot: (B,), see `Crop`.
        mix: (B,), see `Crop`.
        source: (B,) int64, see `Crop`.
        samples: the crops one by one, for losses that need boxes, masks or colour.
    """

    names: tuple[str, ...]
    thermal: Tensor
    luma: Tensor
    share: Tensor
    hot: Tensor
    mix: Tensor
    source: Tensor
    samples: tuple[TensorSample, ...]

    @property
    def target(self) -> Tensor:
        """The paper's pseudo fused picture u_m = m1 x + m2 y, (B, 1, C, C)."""
        return torch.lerp(self.luma, self.thermal, self.share)

    def coloured(self, fused: Tensor) -> Tensor:
        """Return the pictures that a task network sees, (B, 3, C, C) in [0, 1].

        Args:
            fused: (B, 1, C, C) fused luminance; the colours are those of the RGB camera.
        """
        rgb = torch.stack([sample.rgb for sample in self.samples]).to(fused.device)
        return replace_luminance(rgb, self.luma, fused)

    def to(self, device: torch.device) -> Batch:
        """Return the batch with its tensors on a device; `samples` stay where they are."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in ("thermal", "luma", "share", "hot", "mix", "source")
        }
        return replace(self, **moved)


def collate(crops: Sequence[Crop]) -> Batch:
    """Join crops of one size to a batch."""
    samples = tuple(crop.sample for crop in crops)
    return Batch(
        tuple(sample.name for sample in samples),
        torch.stack([sample.thermal for sample in samples]),
        torch.stack([sample.luma for sample in samples]),
        torch.stack([crop.share for crop in crops]),
        torch.stack([crop.hot for crop in crops]),
        torch.stack([crop.mix for crop in crops]),
        torch.tensor([crop.source for crop in crops]),
        samples,
    )
