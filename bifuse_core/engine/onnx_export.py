# SPDX-License-Identifier: Apache-2.0
"""Networks as ONNX models, for libraries other than PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from importlib import import_module
from io import BytesIO
from threading import Lock
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import nn

from bifuse_core.engine.tensor_net import Example, TensorNet

OPSET = 17
"""Version of the operators."""

TOLERANCE = 1e-4
"""Largest difference of a model in single precision, as a share of the largest value."""

_EXPORTING = Lock()
"""PyTorch exports one network at a time; workers and services are threads."""


def onnx_model(
    net: nn.Module,
    example: Example,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    facts: Mapping[str, str] | None = None,
) -> bytes:
    """Return a network, with its weights, as an ONNX model for pictures of one size.

    Args:
        net: in evaluation mode, on the CPU, in single precision; it stays as it is.
        example: of the network; names inputs and outputs and gives their size.
        device: where the network is traced; the CPU by default.
        dtype: precision of weights, inputs and outputs.
        facts: what the model says of itself (`metadata_props`).

    Raises:
        ImportError: the package onnx is not installed; the message says how to.
    """
    try:
        onnx: Any = import_module("onnx")
    except ImportError as error:
        raise ImportError(
            "ONNX models need the package onnx: pip install onnx==1.23.2; importing it failed: "
            f"{error}"
        ) from error
    traced = TensorNet(deepcopy(net)).to(device, dtype).eval()
    pictures = tuple(picture.to(device, dtype) for picture in example.pictures)
    written = BytesIO()
    with _EXPORTING, torch.inference_mode(False), torch.no_grad(), catch_warnings():
        # Of all that depends on the size, which is what it is written for; and of the newer
        # exporter, which needs one package more.
        simplefilter("ignore")
        torch.onnx.export(
            traced,
            pictures,
            written,  # type: ignore[arg-type]
            dynamo=False,
            input_names=example.names.inputs,
            output_names=example.names.outputs,
            opset_version=OPSET,
        )
    model = onnx.load_from_string(written.getvalue())
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, dict(facts or {}))
    serialised: bytes = model.SerializeToString()
    return serialised
