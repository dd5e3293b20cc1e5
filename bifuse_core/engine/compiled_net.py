# SPDX-License-Identifier: Apache-2.0
"""A network run by a library that compiles it from ONNX for one size of picture."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bifuse_core import __version__
from bifuse_core.engine.compiled_cache import CompiledCache
from bifuse_core.engine.onnx_export import OPSET, onnx_model
from bifuse_core.engine.tensor_net import (
    Example,
    Names,
    Shapes,
    example_of,
    largest_difference,
    put_together,
)
from bifuse_core.nets.detection.maps import Maps, Points

TOLERANCES = {torch.float32: 1e-3, torch.float16: 2e-2}
"""Largest difference from the plain network, as a share of the largest value, by precision."""

Run = Callable[..., tuple[Tensor, ...]]
"""Takes the pictures, contiguous, on the device and in the precision; returns new tensors there."""

KEPT = 4
"""Sizes for which a CPU keeps what was compiled; those that came first go first."""

_LOG = logging.getLogger(__name__)


class CompileError(ValueError):
    """A library cannot run a network as it should; the message says which and why."""


class Library(Protocol):
    """What compiles ONNX models, and runs them."""

    facts: Mapping[str, str]
    """What the compiled form depends on: version and hardware, `library` among them."""

    def compiled(self, model: bytes) -> bytes:
        """Return the compiled form of a model.

        Raises:
            CompileError: the model cannot be compiled.
        """

    def loaded(self, compiled: bytes, names: Names) -> Run:
        """Return what runs a compiled form.

        Raises:
            CompileError: it cannot be loaded.
        """


class CompiledNet:
    """Takes the place of a network.

    It is compiled when pictures of a size come first, or taken from the cache. Either way it is
    run once beside the plain network before it is used. On CUDA, graphs may use what it has
    compiled, so all of that stays in memory; elsewhere that of the last `KEPT` sizes does.

    Args:
        name: of the network, under which it is kept.
        net: a fusion network, detector or segmenter in single precision on the CPU, in evaluation
            mode.
        device: where the library computes.
        dtype: the precision to compute in, one of `TOLERANCES`.
        library: what compiles and runs it.
        cache: keeps what was compiled.

    Attributes:
        multiple: as of the network, if it has one.
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        device: torch.device,
        dtype: torch.dtype,
        library: Library,
        cache: CompiledCache,
    ) -> None:
        self._name, self._net, self._device, self._dtype = name, net, device, dtype
        self._library, self._cache = library, cache
        self.multiple: Any = getattr(net, "multiple", None)
        self._weights = _weights_sha256(net)
        self._runs: dict[Shapes, tuple[Run, Points | None]] = {}
        self._refusals: dict[Shapes, CompileError] = {}

    def __call__(self, *pictures: Tensor) -> Maps | Tensor:
        """Return what the network makes of pictures.

        Raises:
            CompileError: the network cannot be compiled for pictures of this size, or the compiled
                form does not agree with it.
        """
        shapes = tuple(tuple(picture.shape) for picture in pictures)
        if shapes not in self._runs:
            self._compile(shapes)
        run, points = self._runs[shapes]
        return put_together(run(*(self._placed(picture) for picture in pictures)), points)

    def facts(self, shapes: Shapes) -> dict[str, str]:
        """Return what the compiled form for pictures of these shapes depends on."""
        height, width = shapes[0][-2:]
        return {
            "weights": self._weights,
            "shapes": str(shapes),
            "size": f"{width}x{height}",
            "precision": str(self._dtype).removeprefix("torch."),
            "opset": str(OPSET),
            "exporter": f"torch {torch.__version__}, bifuse {__version__}",
            **self._library.facts,
        }

    def _compile(self, shapes: Shapes) -> None:
        if shapes in self._refusals:
            raise self._refusals[shapes]
        if self._device.type == "cpu" and len(self._runs) == KEPT:
            del self._runs[next(iter(self._runs))]
        try:
            self._runs[shapes] = self._ready(shapes)
        except CompileError as error:
            # Each try may take minutes, and pictures go on coming.
            self._refusals[shapes] = error
            raise

    def _ready(self, shapes: Shapes) -> tuple[Run, Points | None]:
        example, facts = example_of(self._net, shapes), self.facts(shapes)
        points = example.points and Points(*(part.to(self._device) for part in example.points))
        kept = self._cache.get(self._name, facts)
        if kept is not None:
            try:
                return self._sound(kept, example), points
            except CompileError as error:
                file = self._cache.file(self._name, facts)
                _LOG.warning("%s is of no use; compiled anew: %s", file, error)
        model = onnx_model(self._net, example, device=self._device, dtype=self._dtype)
        compiled = self._library.compiled(model)
        run = self._sound(compiled, example)
        self._cache.put(self._name, facts, compiled)
        return run, points

    def _sound(self, compiled: bytes, example: Example) -> Run:
        """Return what runs a compiled form, having seen that it agrees with the network."""
        run = self._library.loaded(compiled, example.names)
        made = run(*(self._placed(picture) for picture in example.pictures))
        difference, limit = largest_difference(made, example.tensors), TOLERANCES[self._dtype]
        if difference > limit:
            raise CompileError(
                f"{self._name} run by {self._library.facts['library']} differs from PyTorch by "
                f"{difference:.2g} of the largest value; at most {limit:g} is allowed"
            )
        return run

    def _placed(self, picture: Tensor) -> Tensor:
        return picture.to(self._device, self._dtype).contiguous()


def _weights_sha256(net: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
