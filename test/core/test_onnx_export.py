# SPDX-License-Identifier: Apache-2.0
"""Exported networks in ONNX Runtime against PyTorch, and what the command refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_packages import NEEDS_ONNX

from bifuse_core import __version__
from bifuse_core.__main__ import main
from bifuse_core.commands import export
from bifuse_core.nets.checkpoint import save_weights, sha256_of
from bifuse_core.nets.zoo import (
    SHIPPED,
    create_fusion,
    load_detector,
    load_fusion,
    load_segmenter,
    shipped_weights,
)


def exported(file: Path, network: str, width: int, height: int, *options: str) -> int:
    sides = ["--width", str(width), "--height", str(height)]
    return main(["export", network, "--out", str(file), *sides, *options])


def session_of(file: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


@NEEDS_ONNX
@pytest.mark.parametrize("size", [(64, 48), (37, 51)])
@pytest.mark.parametrize("network", SHIPPED)
def test_an_exported_network_fuses_as_in_pytorch(
    tmp_path: Path, random: np.random.Generator, network: str, size: tuple[int, int]
) -> None:
    file, (width, height) = tmp_path / "net.onnx", size
    assert exported(file, network, *size) == 0
    thermal, luma = random.random((2, 1, 1, height, width), np.float32)
    (fused,) = session_of(file).run(["fused"], {"thermal": thermal, "luma": luma})
    expected = load_fusion(network)[0](torch.from_numpy(thermal), torch.from_numpy(luma))
    np.testing.assert_allclose(fused, expected.numpy(), atol=1e-4)


@NEEDS_ONNX
@pytest.mark.parametrize("network", ["tardal", "umfusion"])
def test_so_does_one_with_weights_of_ones_own(
    tmp_path: Path, random: np.random.Generator, network: str
) -> None:
    weights, file = tmp_path / "own.safetensors", tmp_path / "net.onnx"
    save_weights(weights, network, create_fusion(network), {})
    assert exported(file, network, 37, 22, "--weights", str(weights)) == 0
    thermal, luma = random.random((2, 1, 1, 22, 37), np.float32)
    (fused,) = session_of(file).run(["fused"], {"thermal": thermal, "luma": luma})
    net = load_fusion(network, weights)[0]
    expected = net(torch.from_numpy(thermal), torch.from_numpy(luma))
    np.testing.assert_allclose(fused, expected.numpy(), atol=1e-4)


@NEEDS_ONNX
def test_an_exported_detector_says_the_same_and_what_it_is(
    tmp_path: Path, random: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    file, trained = tmp_path / "net.onnx", load_detector("fcos_small")
    assert exported(file, "fcos_small", 96, 64) == 0
    assert "largest difference between ONNX Runtime and PyTorch: " in capsys.readouterr().out
    session, rgb = session_of(file), random.random((1, 3, 64, 96), np.float32)
    made = session.run(["logits", "sides", "centreness"], {"rgb": rgb})
    expected = trained.net(torch.from_numpy(rgb))
    for one, other in zip(made, expected[:3], strict=True):
        np.testing.assert_allclose(one, other.detach(), rtol=1e-4, atol=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts.pop("licence").startswith("Apache-2.0")
    assert tuple(json.loads(facts.pop("classes"))) == trained.classes
    assert facts == {
        "network": "fcos_small",
        "sha256": sha256_of(shipped_weights("fcos_small")),
        "size": "96x64",
        "version": f"bifuse {__version__}",
    }


@NEEDS_ONNX
def test_an_exported_segmenter_says_the_same(tmp_path: Path, random: np.random.Generator) -> None:
    file = tmp_path / "net.onnx"
    assert exported(file, "segformer_b0", 64, 96) == 0
    rgb = random.random((1, 3, 96, 64), np.float32)
    (logits,) = session_of(file).run(["logits"], {"rgb": rgb})
    expected = load_segmenter("segformer_b0").net(torch.from_numpy(rgb))
    np.testing.assert_allclose(logits, expected.detach(), rtol=1e-4, atol=1e-3)


@NEEDS_ONNX
def test_a_file_that_differs_from_pytorch_is_not_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No two libraries round alike.
    monkeypatch.setattr(export, "TOLERANCE", 0.0)
    assert exported(tmp_path / "net.onnx", "edge", 64, 48) == 2
    assert "differs from PyTorch" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.onnx"
    file.write_text("mine")
    assert main(["export", "edge", "--out", str(file)]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("network", "width", "error"),
    [
        ("edge", 0, "--width is 0"),
        ("fcos_small", 100, "--width is 100; fcos_small takes multiples of 32"),
    ],
)
def test_a_size_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], network: str, width: int, error: str
) -> None:
    file = tmp_path / "net.onnx"
    assert exported(file, network, width, 64) == 2
    assert error in capsys.readouterr().err
    assert not file.exists()


@NEEDS_ONNX
def test_a_folder_that_cannot_be_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").touch()
    assert exported(tmp_path / "none" / "net.onnx", "edge", 64, 48) == 2
    assert f"{tmp_path / 'none'}" in capsys.readouterr().err


def test_without_the_package_the_error_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    file = tmp_path / "net.onnx"
    assert exported(file, "edge", 64, 48) == 2
    assert "pip install onnx==" in capsys.readouterr().err
    assert not file.exists()


@NEEDS_ONNX
def test_without_a_runtime_it_says_that_nothing_was_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    file = tmp_path / "net.onnx"
    assert exported(file, "edge", 64, 48) == 0
    assert "not compared" in capsys.readouterr().out
    assert file.exists()
