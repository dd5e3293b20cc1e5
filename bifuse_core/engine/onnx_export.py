# SPDX-License-Identifier: Apache-2.0
"""Fusions as ONNX files, for runtimes other than PyTorch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from warnings import catch_warnings, simplefilter

import torch
from torch import nn

INPUTS = ("thermal", "luma")
"""Names of the inputs: (1, 1, H, W) float32 in [0, 1], as of every fusion network."""

OUTPUT = "fused"
"""Name of the output, of the same form."""

OPSET = 17
"""Version of the operators."""


def export_onnx(net: nn.Module, file: Path, width: int, height: int) -> None:
    """Write a fusion network for pictures of one size, with its weights.

    Args:
        net: in evaluation mode, on the CPU, in single precision.
        file: is overwritten.
        width: columns.
        height: rows.

    Raises:
        ImportError: the package onnx is not installed; the message says how to.
        OSError: the file cannot be written.
    """
    try:
        import_module("onnx")
    except ImportError as error:
        raise ImportError(
            f"writing ONNX needs the package onnx: pip install onnx; importing it failed: {error}"
        ) from error
    example = torch.rand(1, 1, height, width)
    # What PyTorch raises where there is no such folder is no OSError.
    file.touch()
    with catch_warnings():
        # Of all that depends on the size, which is what it is written for; and of the newer
        # exporter, which needs one package more.
        simplefilter("ignore")
        torch.onnx.export(
            net,
            (example, example),
            file,
            dynamo=False,
            input_names=INPUTS,
            output_names=(OUTPUT,),
            opset_version=OPSET,
        )
