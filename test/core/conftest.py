# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures: one thread, fixed seeds, and small pictures on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rendered_batch import double, of_pictures, rendered_batch
from scipy.ndimage import gaussian_filter

from bifuse_core.bilevel.batch import Batch

torch.set_num_threads(1)
cv2.setNumThreads(1)


@pytest.fixture(autouse=True, scope="session")
def behind_nodes() -> None:
    # Tests of nodes, which look at ages and rates, may still run in another process; in this one
    # they have come before (see conftest.py above).
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.nice(5)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def rendered() -> Batch:
    return rendered_batch("dusk", "night")


@pytest.fixture
def random_batch() -> Batch:
    return double(of_pictures(torch.rand(2, 1, 48, 48), torch.rand(2, 1, 48, 48)))


@pytest.fixture
def pair_folder(tmp_path: Path, random: np.random.Generator) -> Callable[..., Path]:
    """Return a function that writes a folder of random pairs."""

    def write(
        stems: tuple[str, ...] = ("b", "a"),
        *,
        size: tuple[int, int] = (24, 32),
        dtype: type[np.generic] = np.uint8,
    ) -> Path:
        folder = tmp_path / "pairs"
        for side in ("ir", "vi"):
            (folder / side).mkdir(parents=True)
        for stem in stems:
            thermal = random.integers(0, np.iinfo(dtype).max, size).astype(dtype)
            rgb = random.integers(0, 256, (*size, 3), np.uint8)
            write_picture(folder / "ir" / f"{stem}.png", thermal)
            write_picture(folder / "vi" / f"{stem}.png", rgb)
        return folder

    return write


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a video whose frames are the grey levels 20, 40, 60, ..."""

    def write(
        name: str, *, frames: int = 5, rate: float = 12.5, width: int = 64, height: int = 48
    ) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        assert writer.isOpened()
        for number in range(frames):
            writer.write(np.full((height, width, 3), 20 * (number + 1), np.uint8))
        writer.release()
        return file

    return write


@pytest.fixture
def scenes(random: np.random.Generator) -> Callable[..., tuple[torch.Tensor, ...]]:
    """Return a function that makes fused, thermal and visible pictures, (B, 1, H, W) uint8 each.

    Blots with sharp outlines over smooth shades, and some noise.
    """

    def make(batch: int = 2, height: int = 48, width: int = 57) -> tuple[torch.Tensor, ...]:
        shape, sources = (batch, height, width), []
        for sigma in (2.5, 1.2):
            shade = gaussian_filter(random.normal(size=shape), (0, sigma, sigma))
            blots = gaussian_filter(random.normal(size=shape), (0, 4, 4)) > 0.05
            picture = 90 + 25 * shade / shade.std() + 100 * blots + random.normal(0, 2, shape)
            sources.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
        share = np.linspace(0, 1, width)
        mixed = np.round(share * sources[0] + (1 - share) * sources[1]).astype(np.uint8)
        return tuple(torch.from_numpy(picture)[:, None] for picture in (mixed, *sources))

    return make


def write_picture(file: Path, picture: NDArray[np.generic]) -> None:
    if picture.ndim == 3:
        picture = picture[..., ::-1]
    assert cv2.imwrite(str(file), picture)
