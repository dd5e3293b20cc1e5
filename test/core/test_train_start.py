# SPDX-License-Identifier: Apache-2.0
"""`bifuse train` begins at weights that are given, or says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bifuse_core.nets.checkpoint import save_weights, sha256_of
from bifuse_core.nets.zoo import create_fusion, load_fusion

pytest_plugins = ("train_fixtures",)


def of_another_network(file: Path) -> list[str]:
    save_weights(file, "tardal", create_fusion("tardal"), {})
    return ["'tardal'", "'edge'"]


def altered(file: Path) -> list[str]:
    content = file.read_bytes()
    return differing(file, content[:-1] + bytes([content[-1] ^ 1]))


def truncated(file: Path) -> list[str]:
    return differing(file, file.read_bytes()[:-100])


def differing(file: Path, content: bytes) -> list[str]:
    expected = sha256_of(file)
    file.write_bytes(content)
    return [expected, sha256_of(file)]


def missing(file: Path) -> list[str]:
    file.unlink()
    return ["no such weights file"]


@pytest.mark.parametrize("spoil", [of_another_network, altered, truncated, missing])
def test_start_weights_that_cannot_be_used_are_refused_before_training(
    spoil: Callable[[Path], list[str]],
    trained: Callable[..., int],
    tmp_path: Path,
    complaint: Callable[[], str],
) -> None:
    file = tmp_path / "start.safetensors"
    save_weights(file, "edge", create_fusion("edge"), {})
    facts = spoil(file)
    assert trained("out", "--set", f"start={file}") == 2
    line = complaint()
    assert all(fact in line for fact in (str(file), *facts))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", ["shipped", "FILE"])
def test_a_run_begins_at_its_start_weights(
    start: str, trained: Callable[..., int], tmp_path: Path
) -> None:
    expected = create_fusion("edge")
    with torch.no_grad():
        for parameter in expected.parameters():
            parameter.copy_(torch.randn_like(parameter).half() / 10)
    save_weights(tmp_path / "start.safetensors", "edge", expected, {})
    if start == "shipped":
        expected = load_fusion("edge")[0]
    place = start.replace("FILE", str(tmp_path / "start.safetensors"))
    tiny = "fusion_optimiser={learning_rate: 1.0e-9, weight_decay: 0}"
    assert trained("out", "--set", f"start={place}", tiny) == 0
    for name, tensor in load_file(tmp_path / "out" / "edge.safetensors").items():
        torch.testing.assert_close(tensor, expected.state_dict()[name].half(), rtol=2e-3, atol=1e-6)
