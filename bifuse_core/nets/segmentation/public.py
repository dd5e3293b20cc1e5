# SPDX-License-Identifier: Apache-2.0
"""Public SegFormer checkpoints."""

from __future__ import annotations

import re
from pathlib import Path

from bifuse_core.nets.public_weights import Fit, fit_public_weights
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
"""Names in the files as published, and those that came later; files may have either."""


def load_public(net: Segmenter, file: Path) -> Fit:
    """Load what fits of a checkpoint such as `nvidia/segformer-b0-...` or `nvidia/mit-b0`.

    Nothing is downloaded. A head for other classes, or the missing head of a classifier, does not
    fit: the report names it, and training has to make it.

    Args:
        net: of the checkpoint's size; changed in place.
        file: `model.safetensors` or `pytorch_model.bin`; of the latter only tensors are read, never
            code.

    Returns:
        How the file fitted; names are the later ones.

    Raises:
        CheckpointError: the file is missing or damaged, or nothing in it fits.
    """
    return fit_public_weights(net.model, file, _renamed)


def _renamed(name: str) -> str:
    for published, since in RENAMED:
        name = re.sub(published, since, name)
    return name
