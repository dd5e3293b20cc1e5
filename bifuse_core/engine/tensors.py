# SPDX-License-Identifier: Apache-2.0
"""Pictures on their way to a device and back, and as the networks that see colour want them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

WHITE = 255
"""Grey level of white in pictures of bytes."""


def upload(picture: NDArray[Any], device: torch.device) -> Tensor:
    """Return a picture on a device; on the CPU it is the same memory, which must not change."""
    tensor = torch.from_numpy(picture)
    if device.type == "cuda":
        # From pinned memory, which PyTorch keeps until it is read, nobody waits for the copy.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def download(tensor: Tensor, done: Callable[[], None] = lambda: None) -> NDArray[Any]:
    """Return what a tensor holds once the device has computed it.

    Args:
        tensor: on any device.
        done: called when the copy has been asked for, before it is waited for.
    """
    if not tensor.is_cuda:
        done()
        return tensor.numpy()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    done()
    torch.cuda.current_stream(tensor.device).synchronize()
    return host.numpy()


def levels_to_unit(picture: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a picture (H, W, 3) of bytes as (1, 3, H, W) in [0, 1], channels last in memory."""
    return picture.permute(2, 0, 1)[None].to(dtype).div_(WHITE)
