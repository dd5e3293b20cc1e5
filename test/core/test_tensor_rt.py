# SPDX-License-Identifier: Apache-2.0
"""TensorRT: all but its kernels through a stand-in, and with a GPU the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensor_rt_stand_in
import torch
from graph_capture import StandIn
from onnx_packages import NEEDS_ONNX
from torch import nn

from bifuse_core.engine.compiled_cache import CompiledCache
from bifuse_core.engine.compiled_net import CompiledNet, CompileError
from bifuse_core.engine.cuda_graphs import CudaGraphs
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.tensor_net import FUSION
from bifuse_core.engine.tensor_rt import TensorRt
from bifuse_core.nets.detection.maps import Maps
from bifuse_core.nets.zoo import load_detector, load_fusion

CPU = torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A GPU as far as TensorRT's side of PyTorch is concerned; its name may be changed."""
    gpu = SimpleNamespace(name="Orin")
    monkeypatch.setitem(sys.modules, "tensorrt", tensor_rt_stand_in)
    monkeypatch.setattr(tensor_rt_stand_in.Builder, "built", 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: gpu.name)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 7))
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    stream = SimpleNamespace(cuda_stream=tensor_rt_stand_in.STREAM)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    return gpu


def compiled(net: nn.Module, folder: Path, dtype: torch.dtype = torch.float32) -> CompiledNet:
    return CompiledNet("some", net, CPU, dtype, TensorRt(CPU), CompiledCache(folder))


@NEEDS_ONNX
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-4), (torch.float16, 2e-2)])
def test_a_pair_is_fused_as_in_pytorch(
    gpu: SimpleNamespace, tmp_path: Path, dtype: torch.dtype, limit: float
) -> None:
    net = load_fusion("edge")[0]
    run = compiled(net, tmp_path, dtype)
    for width, height in ((37, 51), (64, 48)):
        pictures = torch.rand(2, 1, 1, height, width)
        made = run(*pictures.to(dtype))
        assert made.dtype == dtype
        torch.testing.assert_close(made.float(), net(*pictures), rtol=0, atol=limit)


@NEEDS_ONNX
def test_a_detector_keeps_its_points(gpu: SimpleNamespace, tmp_path: Path) -> None:
    net = load_detector("fcos_small").net
    run = compiled(net, tmp_path)
    # As the engine gives it: the colours of a pixel side by side.
    rgb = torch.rand(1, 3, 64, 96).to(memory_format=torch.channels_last)
    made, expected = run(rgb), net(rgb)
    assert isinstance(made, Maps)
    for one, other in zip(
        (*made[:3], *made.points), (*expected[:3], *expected.points), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    assert run.multiple == net.multiple


@NEEDS_ONNX
def test_an_engine_is_built_once_for_each_gpu_and_version(
    gpu: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, pictures = load_fusion("edge")[0], torch.rand(2, 1, 1, 16, 16)
    for _ in range(2):
        compiled(net, tmp_path)(*pictures)
    assert tensor_rt_stand_in.Builder.built == 1
    gpu.name = "Thor"
    compiled(net, tmp_path)(*pictures)
    assert tensor_rt_stand_in.Builder.built == 2
    monkeypatch.setattr(tensor_rt_stand_in, "__version__", "11.0")
    compiled(net, tmp_path)(*pictures)
    assert tensor_rt_stand_in.Builder.built == 3
    assert len([*tmp_path.iterdir()]) == 3


@NEEDS_ONNX
def test_results_are_not_overwritten_by_the_next(gpu: SimpleNamespace, tmp_path: Path) -> None:
    run = compiled(load_fusion("edge")[0], tmp_path)
    first = run(*torch.rand(2, 1, 1, 16, 16))
    before = first.clone()
    run(*torch.rand(2, 1, 1, 16, 16))
    assert torch.equal(first, before)


@NEEDS_ONNX
def test_engines_run_in_graphs_for_each_size(gpu: SimpleNamespace, tmp_path: Path) -> None:
    net, capture = load_fusion("edge")[0], StandIn()
    graphs = CudaGraphs(compiled(net, tmp_path), capture)
    for width, height in ((16, 16), (21, 17), (16, 16), (21, 17)):
        pictures = torch.rand(2, 1, 1, height, width)
        torch.testing.assert_close(graphs(*pictures), net(*pictures), rtol=0, atol=1e-4)
    assert (len(capture.captured), tensor_rt_stand_in.Builder.built) == (2, 2)


def test_an_engine_of_another_version_is_refused(gpu: SimpleNamespace) -> None:
    with pytest.raises(CompileError, match="cannot load the engine"):
        TensorRt(CPU).loaded(b"engine 9.3\n", FUSION)


def test_what_is_not_taken_is_refused_with_the_reasons(
    gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_rt_stand_in.OnnxParser, "refuses", "no such operator")
    with pytest.raises(CompileError, match="does not take the network: no such operator"):
        TensorRt(CPU).compiled(b"")


def test_what_cannot_be_built_is_refused(
    gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tensor_rt_stand_in.Builder, "build_serialized_network", lambda *arguments: None
    )
    with pytest.raises(CompileError, match="builds no engine"):
        TensorRt(CPU).compiled(b"")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(find_spec("tensorrt") is None, reason="tensorrt is not installed")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpu_sees_the_same_by_tensorrt(
    tmp_path: Path, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setenv("BIFUSE_CACHE", str(tmp_path))
    plain, fast = (
        Engine(
            "edge",
            detector="fcos_small",
            segmenter="segformer_b0",
            device="cuda",
            precision=precision,
            backend=backend,
        )
        for backend in ("torch", "tensorrt")
    )
    thermal = random.integers(0, 256, (120, 161), np.uint8)
    rgb = random.integers(0, 256, (120, 161, 3), np.uint8)
    for _ in range(3):
        expected, made = plain(thermal, rgb, 0), fast(thermal, rgb, 0)
        assert np.abs(made.fused.astype(int) - expected.fused).max() <= 4
        assert made.mask is not None
        assert np.mean(made.mask == expected.mask) > 0.98
    assert len([*tmp_path.iterdir()]) == 3
    assert fast.facts()["fusion CUDA graphs"] == "1 captured"
