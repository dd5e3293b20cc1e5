# SPDX-License-Identifier: Apache-2.0
"""Public SegFormer checkpoints: what of them fits a segmenter, and what does not."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bifuse_core.nets.checkpoint import CheckpointError
from bifuse_core.nets.segmentation.segformer import Segmenter

RENAMED = (
    (r"encoder\.patch_embeddings\.(\d+)\.", r"stages.\1.patch_embeddings."),
    (r"encoder\.block\.(\d+)\.", r"stages.\1.blocks."),
    (r"encoder\.layer_norm\.(\d+)\.", r"stages.\1.layer_norm."),
    (r"attention\.self\.query\.", "attention.q_proj."),
    (r"attention\.self\.key\.", "attention.k_proj."),
    (r"attention\.self\.value\.", "attention.v_proj."),
    (r"attention\.self\.sr\.", "attention.sequence_reduction.sequence_reduction."),
    (r"attention\.self\.layer_norm\.", "attention.sequence_reduction.layer_norm."),
    (r"attention\.output\.dense\.", "attention.o_proj."),
    (r"mlp\.dense([12])\.", r"mlp.fc\1."),
    (r"layer_norm_1\.", "layernorm_before."),
    (r"layer_norm_2\.", "layernorm_after."),
    (r"decode_head\.linear_c\.", "decode_head.linear_projections."),
)
"""Names in the files as published, and those of the library since; files may have either."""

LISTED = 4
"""Names that a report spells out of each kind."""


@dataclass(frozen=True)
class PublicWeights:
    """What became of a public checkpoint; names as the library has them.

    Attributes:
        file: the checkpoint.
        loaded: names of the tensors taken over.
        missing: the network's that the file has not; they stay as they were.
        unexpected: the file's that the network has not.
        differing: in both, but of another shape; they stay as they were. By name the shapes of the
            file's and of the network's.
    """

    file: Path
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    differing: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def __str__(self) -> str:
        shapes = [f"{name} {there} for {here}" for name, (there, here) in self.differing.items()]
        parts = [f"{self.file}: {len(self.loaded)} tensors loaded"]
        for what, names in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of another shape", shapes),
        ):
            if names:
                more = ", ..." if len(names) > LISTED else ""
                parts.append(f"{len(names)} {what} ({', '.join(names[:LISTED])}{more})")
        return "; ".join(parts)


def load_public(net: Segmenter, file: Path) -> PublicWeights:
    """Load what fits of a checkpoint such as `nvidia/segformer-b0-...` or `nvidia/mit-b0`.

    Nothing is downloaded. A head for other classes, or the missing head of a classifier, does not
    fit: the report says so, and training has to make it.

    Args:
        net: of the checkpoint's size; changed in place.
        file: `model.safetensors` or `pytorch_model.bin`; of the latter only tensors are read, never
            code.

    Raises:
        CheckpointError: the file is missing or damaged, or nothing in it fits.
    """
    own = net.model.state_dict()
    found = {_renamed(name): tensor for name, tensor in _tensors(file).items()}
    common = [name for name in own if name in found]
    fitting = {name: found[name] for name in common if found[name].shape == own[name].shape}
    if not fitting:
        raise CheckpointError(
            f"{file}: none of its {len(found)} tensors fits this SegFormer; it is of another "
            "network, or of another size"
        )
    net.model.load_state_dict(fitting, strict=False)
    return PublicWeights(
        file,
        loaded=tuple(fitting),
        missing=tuple(name for name in own if name not in found),
        unexpected=tuple(name for name in found if name not in own),
        differing={
            name: (tuple(found[name].shape), tuple(own[name].shape))
            for name in common
            if name not in fitting
        },
    )


def _tensors(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise CheckpointError(f"{file}: no such weights file")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{file}: damaged, or no checkpoint ({error})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: holds {type(content).__name__}, not tensors by name")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _renamed(name: str) -> str:
    for published, since in RENAMED:
        name = re.sub(published, since, name)
    return name
