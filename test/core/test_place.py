# SPDX-License-Identifier: Apache-2.0
"""Where networks run, by which library, and what is refused."""

from __future__ import annotations

import sys

import pytest
import torch

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.place import Place

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_an_unknown_backend_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="'tensorflow'; choose from torch, openvino, onnxruntime"):
        Engine("max", device="cpu", backend="tensorflow")


@pytest.mark.parametrize(
    ("device", "backend", "choices"),
    [
        (CPU, "tensorrt", "torch, openvino, onnxruntime there, or a cuda device"),
        (CUDA, "openvino", "torch, tensorrt there, or a cpu device"),
        (CUDA, "onnxruntime", "torch, tensorrt there, or a cpu device"),
    ],
)
def test_a_backend_is_refused_where_it_does_not_run(
    device: torch.device, backend: str, choices: str
) -> None:
    message = f"backend {backend} does not run on {device}; choose from {choices}"
    with pytest.raises(ValueError, match=message):
        Place(device, torch.float32, backend)


@pytest.mark.parametrize(
    ("device", "backend", "dtype", "message"),
    [
        (CPU, "onnxruntime", torch.bfloat16, "in bf16; choose precision fp32"),
        (CPU, "onnxruntime", torch.float16, "in fp16; choose precision fp32"),
        (CUDA, "tensorrt", torch.bfloat16, "in bf16; choose precision fp32 or fp16"),
    ],
)
def test_a_backend_is_refused_in_a_precision_that_it_does_not_have(
    device: torch.device, backend: str, dtype: torch.dtype, message: str
) -> None:
    with pytest.raises(ValueError, match=f"backend {backend} does not compute {message}"):
        Place(device, dtype, backend)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_backend_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(ImportError, match=f"pip install {backend}=="):
        Engine("max", detector="fcos_small", device="cpu", backend=backend)


def test_a_missing_tensorrt_says_how_to_install_it_on_a_jetson_and_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    place = Place(CUDA, torch.float16, "tensorrt")
    with pytest.raises(ImportError, match="JetPack .*, elsewhere pip install tensorrt-cu13=="):
        place.prepared("edge", torch.nn.Identity(), memory_format=torch.preserve_format)
