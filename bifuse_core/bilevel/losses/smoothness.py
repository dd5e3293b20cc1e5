# SPDX-License-Identifier: Apache-2.0
"""How blotchy a choice between the cameras is: it changes where neither picture does."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STEP = 8
"""Distance over which changes are compared, pixels: blotches are wider than noise."""

FAINT = 4 / 255
"""Change of the sources below which they count as flat."""


def unevenness(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the mean change of F between squares beyond that of both sources there, (B,).

    Squares of 8x8 pixels are compared with their neighbours along x and y. Where the change of F is
    no larger than the larger change of the sources, or four grey levels where both are flat, it
    costs nothing.

    Args:
        fused: (B, 1, H, W) in [0, 1], H and W at least 16.
        thermal: likewise.
        luma: likewise.
    """
    squares = F.avg_pool2d(torch.cat((fused, thermal, luma), dim=1), STEP)
    changes = (
        (squares[..., 1:] - squares[..., :-1]).flatten(2),
        (squares[..., 1:, :] - squares[..., :-1, :]).flatten(2),
    )
    change = torch.cat(changes, dim=2).abs()
    allowed = change[:, 1:].amax(dim=1).clamp_min(FAINT)
    return F.relu(change[:, 0] - allowed).mean(dim=1)
