# SPDX-License-Identifier: Apache-2.0
"""`bifuse train` on a few small pairs, for tests of the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from picture_files import folder_of_pairs

from bifuse_core.__main__ import main

CONTENT: dict[str, Any] = {
    "network": "edge",
    "data": {"sources": [{"path": "pairs"}], "batch": 2, "crop": 48},
    "warm_start": 2,
    "steps": 2,
    "log": {"save_every": 1},
    "seed": 3,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    folder_of_pairs(folder / "pairs", 6)
    return folder


@pytest.fixture
def trained(data: Path, tmp_path: Path) -> Callable[..., int]:
    """Return a function that runs `bifuse train` into a folder of that name."""
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(CONTENT))

    def call(out: str = "out", *more: str, data: Path = data) -> int:
        arguments = ["train", str(config), "--data", str(data), "--out", str(tmp_path / out)]
        return main([*arguments, "--device", "cpu", *more])

    return call


@pytest.fixture
def complaint(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a function that returns the one line that the command had to say since last time."""

    def call() -> str:
        (line,) = [x for x in capfd.readouterr().err.splitlines() if x.startswith("bifuse:")]
        return line

    capfd.readouterr()
    return call
