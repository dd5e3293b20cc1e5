# SPDX-License-Identifier: Apache-2.0
"""Pairs of one thermal and one RGB picture, and the folders they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class PairError(ValueError):
    """A pair cannot be read; the message names the file and what is wrong with it."""


class ImagePair(NamedTuple):
    """One moment seen by both cameras."""

    name: str
    thermal: NDArray[Any]
    """(H, W) uint8 or uint16."""
    rgb: NDArray[np.uint8]
    """(H, W, 3) red, green, blue."""


class PairSource(Protocol):
    """Anything that yields pairs in order, again from the start at each iteration."""

    @property
    def rate(self) -> float | None:
        """Pairs per second it was recorded at; None where it has no rate of its own."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ImagePair]: ...


@dataclass(frozen=True)
class FolderPairs:
    """A folder with `ir/` and `vi/` holding pictures of the same stems.

    Raises:
        PairError: a folder is missing or empty, or pictures lack their partner.
    """

    folder: Path
    rate: float | None = None

    def __post_init__(self) -> None:
        if not self.files():
            raise PairError(f"{self.folder}: no pictures ({', '.join(PICTURE_SUFFIXES)}) in ir/")

    def files(self) -> list[tuple[Path, Path]]:
        """Return the (thermal, RGB) files, sorted by stem."""
        return partners(self.folder, PICTURE_SUFFIXES)

    def __len__(self) -> int:
        return len(self.files())

    def __iter__(self) -> Iterator[ImagePair]:
        for thermal, rgb in self.files():
            yield read_pair(thermal, rgb)


def partners(folder: Path, suffixes: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """Match the files of `folder/ir` and `folder/vi` by stem.

    Raises:
        PairError: one of the two folders is missing, or files lack their partner.
    """
    found = []
    for side in ("ir", "vi"):
        if not (folder / side).is_dir():
            raise PairError(f"{folder}: needs the folders ir/ and vi/; {side}/ is missing")
        files = [f for f in (folder / side).iterdir() if f.suffix.lower() in suffixes]
        found.append({f.stem: f for f in files})
        if len(found[-1]) < len(files):
            twice = next(f for f in files if found[-1][f.stem] != f)
            raise PairError(f"{folder / side}: several files are named {twice.stem}")
    thermal, rgb = found
    alone = sorted(thermal.keys() ^ rgb.keys())
    if alone:
        raise PairError(
            f"{folder}: {len(alone)} files in ir/ or vi/ lack their partner: {', '.join(alone[:5])}"
        )
    return [(thermal[stem], rgb[stem]) for stem in sorted(thermal)]


def read_pair(thermal_file: Path, rgb_file: Path) -> ImagePair:
    """Read one pair from two picture files.

    Raises:
        PairError: a file is damaged, has an unusable type, or the two differ in size.
    """
    thermal = cv2.imread(str(thermal_file), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    bgr = cv2.imread(str(rgb_file), cv2.IMREAD_COLOR)
    for file, image in ((thermal_file, thermal), (rgb_file, bgr)):
        if image is None:
            raise PairError(f"{file}: not a readable picture")
    assert thermal is not None and bgr is not None
    if thermal.dtype not in (np.uint8, np.uint16):
        raise PairError(f"{thermal_file}: thermal pictures are 8- or 16-bit, not {thermal.dtype}")
    if thermal.shape != bgr.shape[:2]:
        raise PairError(
            f"{thermal_file}: thermal is {_size(thermal)} but {rgb_file.name} is {_size(bgr)}; "
            "pairs must be aligned and of one size"
        )
    return ImagePair(thermal_file.stem, thermal, np.ascontiguousarray(bgr[..., ::-1]))


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
