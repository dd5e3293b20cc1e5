# SPDX-License-Identifier: Apache-2.0
"""From two pictures to the fused one, on the device from bytes to bytes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bifuse_core.engine.cuda_graphs import CudaGraphs
from bifuse_core.engine.fast_bdl import FastBdl
from bifuse_core.engine.fast_edge import FastEdge
from bifuse_core.engine.fusions import fusion_by_name
from bifuse_core.engine.place import COMPILERS, Place
from bifuse_core.engine.stages import Stages
from bifuse_core.engine.tensors import WHITE, download, upload
from bifuse_core.engine.thermal import stretched
from bifuse_core.imaging.colour import luminance_of
from bifuse_core.imaging.thermal import Limits, line_of
from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.edge import EdgeFusion
from bifuse_core.nets.zoo import FUSION_NETWORKS

CPU_FORMS: dict[type[nn.Module], type[nn.Module]] = {BdlFusion: FastBdl, EdgeFusion: FastEdge}
"""Networks that have a form of their own for CPUs in single precision, and that."""


def fuse_levels(
    net: nn.Module, dtype: torch.dtype, counts: Tensor, line: Tensor, rgb: Tensor
) -> Tensor:
    """Fuse one pair; nothing depends on what the pictures show but the values of the result.

    Args:
        net: a fusion network in evaluation mode, in that precision.
        dtype: the precision to compute in.
        counts: (H, W) thermal picture, uint8, uint16, int16 or float32.
        line: how it becomes one in [0, 1], see `bifuse_core.engine.thermal.stretched`.
        rgb: (H, W, 3) uint8 red, green, blue.

    Returns:
        (H, W, 3) uint8 red, green, blue.
    """
    colours = [colour.to(dtype) for colour in rgb.unbind(2)]
    luma = luminance_of(*colours)
    warmth = stretched(counts, line).to(dtype)
    fused = net(warmth[None, None], (luma / WHITE)[None, None])
    change = fused[0, 0].mul_(WHITE).sub_(luma)
    levels = torch.empty_like(rgb)
    for level, colour in zip(levels.unbind(2), colours, strict=True):
        # As `replace_luminance`.
        level.copy_(colour.add_(change).round_().clamp_(0, WHITE))
    return levels


def fuse_levels_on_cpu(
    net: nn.Module, dtype: torch.dtype, counts: Tensor, line: Tensor, rgb: Tensor
) -> Tensor:
    """Do what `fuse_levels` does, on a CPU in a quarter of the time."""
    levels = rgb.numpy()
    luma = cv2.cvtColor(rgb.to(torch.float32).numpy(), cv2.COLOR_RGB2GRAY)
    pair = stretched(counts, line), torch.from_numpy(luma) / WHITE
    fused = net(*(picture.to(dtype)[None, None] for picture in pair))
    fused_luma = fused[0, 0].to(torch.float32).mul_(WHITE).numpy()
    # Colours are whole levels, so that it is the change that is rounded; bytes end at 0 and white.
    brighter = cv2.subtract(fused_luma, luma, dtype=cv2.CV_8U)
    darker = cv2.subtract(luma, fused_luma, dtype=cv2.CV_8U)
    changed = cv2.add(levels, cv2.merge((brighter,) * 3))
    return torch.from_numpy(cv2.subtract(changed, cv2.merge((darker,) * 3), dst=changed))


class PairFusion:
    """A fusion with its weights on a device; for use by one thread at a time.

    Args:
        name: a name of `bifuse_core.engine.fusions.FUSIONS`.
        weights: a network's weights file; the shipped one by default.
        place: where it runs.

    Attributes:
        name: as above.
        checksum: SHA-256 of its weights.
        backend: what runs it, one of `bifuse_core.engine.place.BACKENDS`.
        times: milliseconds of each stage of the last pair.

    Raises:
        ValueError: there is no fusion of that name; the message lists the names.
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, name: str, weights: Path | None, place: Place) -> None:
        net, self.checksum = fusion_by_name(name, weights)
        self.name, self._device = name, place.device
        self.times: dict[str, float] = {}
        net, self.backend = _fast_form(name, net, place)
        fuse = fuse_levels_on_cpu if place.device.type == "cpu" else fuse_levels
        self._run = partial(fuse, net, place.dtype)
        self._graphs = CudaGraphs(self._run, place.capture) if place.capture else None
        self._stream = None
        if place.device.type == "cuda":
            # Fusion goes before detector and segmenter, which wait in the default stream.
            self._stream = torch.cuda.Stream(place.device, priority=-1)

    @torch.inference_mode()
    def __call__(
        self, thermal: NDArray[Any], limits: Limits, rgb: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Return the fused picture (H, W, 3) of a thermal and a colour one.

        Args:
            thermal: (H, W) uint8, uint16, int16 or float32 counts.
            limits: the counts that become 0 and 1.
            rgb: (H, W, 3) uint8 red, green, blue.
        """
        with self._turn():
            stages = Stages(self._device)
            counts, line, colours = (
                upload(array, self._device) for array in (thermal, line_of(limits), rgb)
            )
            stages.end("upload")
            if self._graphs:
                # One graph for cameras of all types, whichever the first picture is of.
                fused = self._graphs(counts.to(torch.float32), line, colours)
            else:
                fused = self._run(counts, line, colours)
            stages.end("fuse")
            picture = download(fused, done=partial(stages.end, "download"))
        self.times = stages.milliseconds()
        return picture

    def facts(self) -> dict[str, str]:
        """Return what runs it, and how as graphs, for diagnostics."""
        facts = {"fusion backend": self.backend}
        if self._graphs:
            facts["fusion CUDA graphs"] = self._graphs.state
            facts |= {f"fusion {name} (ms)": f"{time:.2f}" for name, time in self.times.items()}
        return facts

    def _turn(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)


def _fast_form(name: str, net: nn.Module, place: Place) -> tuple[Any, str]:
    """Return what computes the same as a network, as fast as is known at a place, and by what."""
    if (place.device.type, place.dtype) == ("cpu", torch.float32) and type(net) in CPU_FORMS:
        return CPU_FORMS[type(net)](net), "torch"
    if place.backend in COMPILERS and isinstance(net, tuple(FUSION_NETWORKS.values())):
        return place.compiled(name, net), place.backend
    net = net.to(place.device, place.dtype)
    return net.to(memory_format=torch.channels_last), "torch"  # type: ignore[call-overload]
