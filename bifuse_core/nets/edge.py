# SPDX-License-Identifier: Apache-2.0
"""The fusion network for small machines: predicts at a quarter of the size, composes at full."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
"""The encoder halves four times, so inputs are padded to multiples of this."""


def camera_features(image: Tensor) -> Tensor:
    """Describe one camera at a quarter of its size.

    Args:
        image: (B, 1, H, W) in [0, 1], H and W multiples of 4.

    Returns:
        (B, 4, H/4, W/4), see `described`, of the means of 4x4 pixels: of the levels, and of the
        absolute differences to the next pixel along x and y.
    """
    dx = F.pad((image[..., 1:] - image[..., :-1]).abs(), (0, 1, 0, 0))
    dy = F.pad((image[..., 1:, :] - image[..., :-1, :]).abs(), (0, 0, 0, 1))
    return described(*(F.avg_pool2d(x, 4) for x in (image, dx, dy)))


def described(level: Tensor, slope_x: Tensor, slope_y: Tensor) -> Tensor:
    """Return the features of one camera of what they are made of, each (B, 1, H, W).

    Returns:
        (B, 4, H, W): level, logarithm of the level, logarithms of the slopes. The logarithms keep
        dark pictures apart from black ones.
    """
    return torch.cat(
        (
            level - 0.3,
            0.5 * torch.log(level + 0.02) + 0.6,
            0.5 * torch.log(8 * slope_x + 0.02) + 0.5,
            0.5 * torch.log(8 * slope_y + 0.02) + 0.5,
        ),
        dim=1,
    )


def padded(image: Tensor) -> Tensor:
    """Return pictures (B, 1, H, W) whose border goes on to multiples of `STRIDE`."""
    height, width = image.shape[-2:]
    padding = (0, -width % STRIDE, 0, -height % STRIDE)
    return F.pad(image, padding, mode="replicate") if any(padding) else image


def _conv(cin: int, cout: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride=stride, padding=dilation, dilation=dilation),
        nn.ReLU(inplace=True),
    )


class EdgeFusion(nn.Module):
    """Fuse as F = Y + u (T - Y), u in (0, 1) predicted at a quarter of the size.

    It has 19,277 parameters. The result lies between the two cameras at every pixel, and no
    statistic of the picture enters it, so it cannot flicker by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.quarter = nn.Sequential(_conv(8, 12), _conv(12, 12))
        self.eighth = nn.Sequential(_conv(12, 16, stride=2), _conv(16, 16))
        self.sixteenth = nn.Sequential(
            _conv(16, 24, stride=2), _conv(24, 24, dilation=2), nn.Conv2d(24, 16, 1)
        )
        self.up_eighth = nn.Sequential(_conv(16, 16), nn.Conv2d(16, 12, 1))
        last = nn.Conv2d(12, 1, 3, padding=1)
        # Both cameras alike at first: a start that prefers one can end in that camera alone.
        nn.init.zeros_(last.weight)
        self.up_quarter = nn.Sequential(_conv(12, 12), last)

    def weights(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Return u, the share of the thermal camera, (B, 1, H/4, W/4); H, W multiples of 16."""
        return self.shares(torch.cat((camera_features(thermal), camera_features(luma)), dim=1))

    def shares(self, features: Tensor) -> Tensor:
        """Return u, (B, 1, H, W), of the features of the thermal and the RGB camera, (B, 8, H, W).

        H and W are multiples of 4.
        """
        quarter = self.quarter(features)
        eighth = self.eighth(quarter)
        x = _double(self.sixteenth(eighth)) + eighth
        x = _double(self.up_eighth(x)) + quarter
        z = self.up_quarter(x)
        # Unbounded logits collapse to u = 1 everywhere early in training.
        return (6 * torch.tanh(z / 6)).sigmoid()

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse one batch of any size.

        Args:
            thermal: (B, 1, H, W) normalised thermal image in [0, 1].
            luma: (B, 1, H, W) luminance of the visible image in [0, 1].

        Returns:
            (B, 1, H, W) fused luminance, between the two inputs at every pixel.
        """
        height, width = luma.shape[-2:]
        u = F.interpolate(
            self.weights(padded(thermal), padded(luma)), scale_factor=4, mode="bilinear"
        )
        # Under autocast the weights come in half precision.
        return torch.lerp(luma, thermal, u[..., :height, :width].to(luma.dtype))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")
