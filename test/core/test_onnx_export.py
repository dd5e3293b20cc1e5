# SPDX-License-Identifier: Apache-2.0
"""Exported networks in ONNX Runtime against PyTorch, and what the command refuses."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from bifuse_core.__main__ import main
from bifuse_core.nets.zoo import SHIPPED, load_fusion


@pytest.mark.parametrize("size", [(64, 48), (37, 51)])
@pytest.mark.parametrize("network", SHIPPED)
def test_an_exported_network_fuses_as_in_pytorch(
    tmp_path: Path, random: np.random.Generator, network: str, size: tuple[int, int]
) -> None:
    pytest.importorskip("onnx", reason="needs the package onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    file, (width, height) = tmp_path / "net.onnx", size
    sides = ["--width", str(width), "--height", str(height)]
    assert main(["export", network, "--out", str(file), *sides]) == 0
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    thermal, luma = random.random((2, 1, 1, height, width), np.float32)
    (fused,) = session.run(["fused"], {"thermal": thermal, "luma": luma})
    expected = load_fusion(network)[0](torch.from_numpy(thermal), torch.from_numpy(luma))
    np.testing.assert_allclose(fused, expected.numpy(), atol=1e-4)


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.onnx"
    file.write_text("mine")
    assert main(["export", "edge", "--out", str(file)]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert file.read_text() == "mine"


def test_a_size_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.onnx"
    assert main(["export", "edge", "--out", str(file), "--width", "0"]) == 2
    assert "--width is 0" in capsys.readouterr().err
    assert not file.exists()


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="needs the package onnx")
    assert main(["export", "edge", "--out", str(tmp_path / "none" / "net.onnx")]) == 2
    assert "none/net.onnx" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("onnx") is not None, reason="the package onnx is installed")
def test_without_the_package_the_error_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.onnx"
    assert main(["export", "edge", "--out", str(file)]) == 2
    assert "pip install onnx" in capsys.readouterr().err
    assert not file.exists()
