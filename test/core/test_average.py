# SPDX-License-Identifier: Apache-2.0
"""The mean of several weights files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from bifuse_core.__main__ import main
from bifuse_core.nets.checkpoint import card_of, load_weights, save_weights, sha256_of
from bifuse_core.nets.edge import EdgeFusion


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two files of weights that are 1 and 3 everywhere."""
    paths = []
    for value in (1.0, 3.0):
        net = EdgeFusion()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.fill_(value)
        file = tmp_path / f"{value:.0f}.safetensors"
        save_weights(file, "edge", net, {})
        paths.append(str(file))
    return paths


def average(files: list[str], out: Path, *more: str) -> int:
    return main(["average", *files, "--network", "edge", "--out", str(out), *more])


@pytest.mark.parametrize(("shares", "mean"), [((), 2.0), (("3", "1"), 1.5)])
def test_every_weight_is_the_mean(
    files: list[str], tmp_path: Path, shares: tuple[str, ...], mean: float
) -> None:
    out = tmp_path / "mean.safetensors"
    assert average(files, out, *(("--shares", *shares) if shares else ())) == 0
    net = EdgeFusion()
    load_weights(out, "edge", net)
    assert all((parameter == mean).all() for parameter in net.parameters())
    card = yaml.safe_load(card_of(out).read_text())
    assert [part["sha256"] for part in card["mean_of"]] == [sha256_of(Path(f)) for f in files]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (("1",), "1 numbers for 2 files"),
        (("0", "0"), "not all of them 0"),
        (("2", "-1"), "least 0"),
    ],
)
def test_shares_that_do_not_fit_are_refused(
    files: list[str],
    tmp_path: Path,
    shares: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert average(files, tmp_path / "mean.safetensors", "--shares", *shares) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()
