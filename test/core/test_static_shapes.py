# SPDX-License-Identifier: Apache-2.0
"""What is captured as a graph never waits for the device and never fetches from the host.

Tensors without contents show it: whatever would look at contents, or copy from elsewhere, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from graph_capture import tensors_in
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bifuse_core.engine.fusion import fuse_levels
from bifuse_core.engine.fusions import BASELINES, FUSIONS
from bifuse_core.nets.zoo import create_detector, create_fusion, create_segmenter

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


def pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    warmth = torch.empty(height, width, device=META)
    return warmth, torch.empty(height, width, 3, dtype=torch.uint8, device=META)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", FUSIONS)
def test_a_pair_is_fused_from_bytes_to_bytes(name: str, dtype: torch.dtype) -> None:
    with torch.device(META):
        net = BASELINES[name]() if name in BASELINES else create_fusion(name)
    net = net.eval().to(dtype=dtype)
    for size in ((48, 64), (37, 51)):
        fused = fuse_levels(net, dtype, *pair(*size))
        assert (fused.shape, fused.dtype) == ((*size, 3), torch.uint8)


def detector() -> nn.Module:
    return create_detector("fcos_small", 2)


def segmenter() -> nn.Module:
    return create_segmenter("segformer_b0", 2)


@pytest.mark.parametrize("create", [detector, segmenter])
def test_a_network_that_sees(create: Callable[[], nn.Module]) -> None:
    with torch.device(META):
        net = create().eval()
    made = net(torch.empty(1, 3, 64, 96, device=META))
    assert all(tensor.device == META for tensor in tensors_in(made))


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
