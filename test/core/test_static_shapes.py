# SPDX-License-Identifier: Apache-2.0
"""What is captured as a graph never waits for the device and never fetches from the host.

Tensors without contents show it: whatever would look at contents, or copy from elsewhere, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bifuse_core.engine.detection import look_at_levels
from bifuse_core.engine.fusion import fuse_levels
from bifuse_core.engine.fusions import BASELINES, FUSIONS
from bifuse_core.engine.segmentation import classify_levels
from bifuse_core.nets.detection.decoding import CANDIDATES
from bifuse_core.nets.zoo import DETECTORS, create_detector, create_fusion, create_segmenter

META = torch.device("meta")


class OnOneDevice(TorchDispatchMode):
    """Refuses every operation that has a tensor elsewhere than on the device."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, made)):
            # A number in a formula is a tensor without dimensions; it goes with the launch.
            if isinstance(leaf, Tensor) and leaf.ndim and leaf.device != META:
                raise RuntimeError(f"{function} on the host")
        return made


@pytest.fixture(autouse=True)
def without_contents() -> Iterator[None]:
    with torch.inference_mode(), OnOneDevice():
        yield


def picture(height: int, width: int) -> Tensor:
    return torch.empty(height, width, 3, dtype=torch.uint8, device=META)


def pair(
    height: int, width: int, counts: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a thermal picture, how it is stretched, and a colour picture."""
    thermal = torch.empty(height, width, dtype=counts, device=META)
    return thermal, torch.empty(2, device=META), picture(height, width)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", FUSIONS)
def test_a_pair_is_fused_from_bytes_to_bytes(name: str, dtype: torch.dtype) -> None:
    with torch.device(META):
        net = BASELINES[name]() if name in BASELINES else create_fusion(name)
    net = net.eval().to(dtype=dtype)
    for size, counts in (((48, 64), torch.uint16), ((37, 51), torch.float32)):
        fused = fuse_levels(net, dtype, *pair(*size, counts))
        assert (fused.shape, fused.dtype) == ((*size, 3), torch.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("network", DETECTORS)
def test_objects_are_looked_for_from_bytes_to_boxes(network: str, dtype: torch.dtype) -> None:
    with torch.device(META):
        net = create_detector(network, 2)
    net = net.eval().to(dtype=dtype)
    for size in ((64, 96), (37, 51)):
        found = look_at_levels(net, dtype, picture(*size))
        assert found.dtype == torch.float32
        assert found.shape[0] == 1 and 10 < found.shape[1] <= CANDIDATES and found.shape[2] == 6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_pixels_are_classified_from_bytes_to_bytes(dtype: torch.dtype) -> None:
    with torch.device(META):
        net = create_segmenter("segformer_b0", 3)
    net = net.eval().to(dtype=dtype)
    for size, seen in (((64, 96), (64, 96)), ((37, 51), (64, 96)), ((37, 51), None)):
        mask = classify_levels(net, dtype, picture(*size), size=seen)
        assert (mask.shape, mask.dtype) == ((1, *size), torch.uint8)


@pytest.mark.parametrize(
    "waits",
    [
        lambda warmth, luma: warmth * float(luma.mean()),
        lambda warmth, luma: warmth if (luma > 0.5).any() else luma,
        lambda warmth, luma: luma[warmth > 0.5].mean() + luma,
        lambda warmth, luma: warmth + torch.ones(warmth.shape[-1]).to(warmth),
    ],
)
def test_what_waits_or_fetches_is_found(waits: Callable[..., Tensor]) -> None:
    # Meta tensors refuse to be read with one or the other, by operator.
    with pytest.raises((RuntimeError, NotImplementedError)):
        fuse_levels(waits, torch.float32, *pair(48, 64))  # type: ignore[arg-type]
