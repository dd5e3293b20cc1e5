# SPDX-License-Identifier: Apache-2.0
"""Pictures as the networks that see colour want them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WHITE = 255
"""Grey level of white in pictures of bytes."""


def tensor_of(picture: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a picture (H, W, 3) of bytes as (1, 3, H, W) in [0, 1], channels last in memory."""
    levels = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None]
    return levels.to(dtype).div_(WHITE)
