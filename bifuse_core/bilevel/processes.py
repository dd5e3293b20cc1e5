# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one network, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started; alone, do nothing.

    Args:
        device: of this process; NCCL joins CUDA devices, gloo all others.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process; the first writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_device(device: torch.device) -> torch.device:
    """Return the device of this process: `cuda` becomes the one of its number on this machine."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def averaged(tensors: list[Tensor]) -> list[Tensor]:
    """Return the means over all processes, the same in each of them.

    Args:
        tensors: of one device and type, of the same shapes in every process.
    """
    if count() == 1 or not tensors:
        return tensors
    joint = torch.cat([tensor.detach().flatten() for tensor in tensors])
    dist.all_reduce(joint)
    joint /= count()
    parts = joint.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def gathered(own: Sequence[str]) -> list[str]:
    """Return the texts of all processes, in the order of their numbers.

    Args:
        own: those of this process; every process must call.
    """
    if count() == 1:
        return list(own)
    found: list[Sequence[str]] = [()] * count()
    dist.all_gather_object(found, own)
    return [text for texts in found for text in texts]
