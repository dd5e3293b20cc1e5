# SPDX-License-Identifier: Apache-2.0
"""Networks run by ONNX Runtime: what PyTorch makes of them, and compiled once."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_packages import NEEDS_ONNX
from torch import Tensor, nn

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.engine import compiled_net
from bifuse_core.engine.compiled_cache import CompiledCache
from bifuse_core.engine.compiled_net import KEPT, CompiledNet, CompileError
from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.onnx_runtime import OnnxRuntime
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_detector, create_fusion

pytestmark = NEEDS_ONNX

CPU = torch.device("cpu")
Compile = Callable[[nn.Module], CompiledNet]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def compiled(folder: Path) -> Compile:
    def compiled(net: nn.Module) -> CompiledNet:
        return CompiledNet("some", net, CPU, torch.float32, OnnxRuntime(1), CompiledCache(folder))

    return compiled


def edge() -> nn.Module:
    torch.manual_seed(0)
    net = create_fusion("edge").eval()
    # It prefers neither camera when untrained.
    return net.apply(lambda part: [nn.init.normal_(p, std=0.1) for p in part.parameters(False)])


def pair(width: int, height: int) -> tuple[Tensor, Tensor]:
    thermal, luma = torch.rand(2, 1, 1, height, width)
    return thermal, luma


def assert_fuses_alike(run: CompiledNet, net: nn.Module, width: int, height: int) -> None:
    pictures = pair(width, height)
    torch.testing.assert_close(run(*pictures), net(*pictures).detach(), rtol=0, atol=1e-4)


@torch.inference_mode()
def test_a_network_fuses_as_in_pytorch_whatever_the_size(compiled: Compile) -> None:
    net = edge()
    run = compiled(net)
    for size in ((64, 48), (37, 51), (1, 5), (64, 48)):
        assert_fuses_alike(run, net, *size)


def test_the_second_start_compiles_nothing(
    compiled: Compile, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = edge()
    assert_fuses_alike(compiled(net), net, 64, 48)
    (file,) = folder.iterdir()
    before = file.stat()

    def refuse(*args: object, **options: object) -> bytes:
        raise AssertionError("exported again")

    monkeypatch.setattr(compiled_net, "onnx_model", refuse)
    assert_fuses_alike(compiled(net), net, 64, 48)
    assert [*folder.iterdir()] == [file]
    # Used last, but not written again.
    assert file.stat().st_ino == before.st_ino
    assert file.stat().st_mtime_ns > before.st_mtime_ns


def test_other_weights_and_other_sizes_have_files_of_their_own(
    compiled: Compile, folder: Path
) -> None:
    net = edge()
    assert_fuses_alike(compiled(net), net, 64, 48)
    assert_fuses_alike(compiled(net), net, 48, 64)
    assert len([*folder.iterdir()]) == 2
    with torch.no_grad():
        next(net.parameters()).mul_(2)
    assert_fuses_alike(compiled(net), net, 64, 48)
    assert len([*folder.iterdir()]) == 3


def test_a_damaged_file_is_made_anew(
    compiled: Compile, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    net = edge()
    compiled(net)(*pair(64, 48))
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        assert_fuses_alike(compiled(net), net, 64, 48)
    assert caplog.messages == [f"{file} is damaged; compiled anew"]
    assert file.read_bytes() == whole


@pytest.mark.parametrize("content", ["no model", "another network"])
def test_a_whole_file_that_is_of_no_use_is_made_anew(
    compiled: Compile, folder: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    net, other = edge(), edge()
    with torch.no_grad():
        next(other.parameters()).mul_(2)
    run, cache = compiled(net), CompiledCache(folder)
    facts = run.facts(((1, 1, 48, 64), (1, 1, 48, 64)))
    compiled(other)(*pair(64, 48))
    (file,) = folder.iterdir()
    wrong = file.read_bytes().partition(b"\n")[2] if content == "another network" else b"no model"
    cache.put("some", facts, wrong)
    with caplog.at_level(logging.WARNING):
        assert_fuses_alike(run, net, 64, 48)
    (message,) = caplog.messages
    assert f"{cache.file('some', facts)} is of no use; compiled anew: " in message
    assert cache.get("some", facts) != wrong


def test_where_nothing_can_be_kept_it_runs_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    net, cache = edge(), CompiledCache(tmp_path / "file" / "cache")
    with caplog.at_level(logging.WARNING):
        run = CompiledNet("some", net, CPU, torch.float32, OnnxRuntime(1), cache)
        assert_fuses_alike(run, net, 64, 48)
    (message,) = [line for line in caplog.messages if "cannot be kept" in line]
    assert str(tmp_path / "file" / "cache") in message


def test_a_library_that_computes_something_else_is_refused(folder: Path) -> None:
    class Wrong(OnnxRuntime):
        tries = 0

        def loaded(self, *args: object) -> Callable[..., tuple[Tensor, ...]]:
            self.tries += 1
            return lambda thermal, luma: (luma + 0.01,)

    wrong = Wrong(1)
    run = CompiledNet("edge", edge(), CPU, torch.float32, wrong, CompiledCache(folder))
    for _ in range(3):
        with pytest.raises(CompileError, match="edge run by onnxruntime differs from PyTorch"):
            run(*pair(64, 48))
    assert not folder.exists()
    assert wrong.tries == 1


def test_threads_may_compile_at_the_same_time(compiled: Compile) -> None:
    nets = [edge() for _ in range(3)]
    with ThreadPoolExecutor(len(nets)) as threads:
        made = threads.map(lambda net: assert_fuses_alike(compiled(net), net, 64, 48), nets)
        assert list(made) == [None] * len(nets)


def test_on_a_cpu_few_sizes_are_kept(compiled: Compile, folder: Path) -> None:
    net = edge()
    run = compiled(net)
    for width in range(16, 16 + 2 * KEPT):
        assert_fuses_alike(run, net, width, 16)
    # The last ones need no file any more, the first ones do.
    shutil.rmtree(folder)
    assert_fuses_alike(run, net, 15 + 2 * KEPT, 16)
    assert not folder.exists()
    assert_fuses_alike(run, net, 16, 16)
    assert folder.exists()


def test_exchanged_weights_are_compiled_before_they_are_used(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIFUSE_CACHE", str(folder))
    weights, others = tmp_path / "tardal.safetensors", tmp_path / "others.safetensors"
    for file in (weights, others):
        save_weights(file, "tardal", create_fusion("tardal"), {})
    # The networks for CPUs have forms of their own.
    engine = Engine("tardal", weights=others, device="cpu", backend="onnxruntime")
    thermal, rgb = np.full((16, 24), 99, np.uint8), np.full((16, 24, 3), 55, np.uint8)
    engine.fuse(thermal, rgb, 0)
    engine.reload(weights)
    new = engine.checksum

    def refuse(*args: object, **options: object) -> bytes:
        raise CompileError("too old")

    monkeypatch.setattr(compiled_net, "onnx_model", refuse)
    engine.fuse(thermal, rgb, 1)
    shutil.rmtree(folder)
    with pytest.raises(CompileError, match="too old"):
        engine.reload(others)
    assert engine.checksum == new
    engine.fuse(thermal, rgb, 2)


def test_an_engine_sees_what_it_sees_with_pytorch(
    tmp_path: Path, folder: Path, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIFUSE_CACHE", str(folder))
    weights, fusion = tmp_path / "detector.safetensors", tmp_path / "fusion.safetensors"
    save_weights(weights, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    save_weights(fusion, "tardal", create_fusion("tardal"), {})
    plain, fast = (
        Engine(
            "tardal",
            weights=fusion,
            detector="fcos_small",
            detector_weights=weights,
            device="cpu",
            backend=backend,
        )
        for backend in ("torch", "onnxruntime")
    )
    plain.detection = fast.detection = DetectionSettings(0.0, maximum=10, width=96, height=64)
    for _ in range(2):
        thermal = random.integers(0, 256, (64, 96), np.uint8)
        rgb = random.integers(0, 256, (64, 96, 3), np.uint8)
        difference = fast.fuse(thermal, rgb, 0).astype(int) - plain.fuse(thermal, rgb, 0)
        assert np.abs(difference).max() <= 1
        expected, found = plain.detect(rgb), fast.detect(rgb)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    for role in ("fusion", "detector"):
        assert fast.facts()[f"{role} backend"] == "onnxruntime"
    kept = sorted(file.name.partition("-float32")[0] for file in folder.iterdir())
    assert kept == ["fcos_small-96x64", "tardal-96x64"]


def test_onnxruntime_does_not_report_its_use(tmp_path: Path) -> None:
    # It gives a machine that it reports a number, in the user's cache, when it is imported.
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "CI"))
    }
    subprocess.run(
        [sys.executable, "-c", "import bifuse_core, onnxruntime"],
        env=kept | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert not any(tmp_path.iterdir())
