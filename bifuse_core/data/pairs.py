# SPDX-License-Identifier: Apache-2.0
"""Pairs of one thermal and one RGB picture, and the folders they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.faults import ONE_SIZE, PairError, PictureError, Report, refuse
from bifuse_core.data.pictures import PICTURE_SUFFIXES, read_colour, read_thermal, size_of

SIDES = ("ir", "vi")


class ImagePair(NamedTuple):
    """One moment seen by both cameras."""

    name: str
    thermal: NDArray[Any]
    """(H, W) uint8, uint16 or, from bags, float32."""
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
class PairFiles:
    """The two files of a pair.

    Attributes:
        name: path below `ir/` and `vi/` without the suffix.
        thermal: file of the thermal picture.
        rgb: file of the RGB picture.
        one_size: refuse pictures of two sizes.
    """

    name: str
    thermal: Path
    rgb: Path
    one_size: bool = True

    def read(self) -> ImagePair:
        """Read both pictures.

        Raises:
            PictureError: a file is damaged, has an unusable type, or the two differ in size.
        """
        pair = ImagePair(self.name, read_thermal(self.thermal), read_colour(self.rgb))
        if self.one_size and pair.thermal.shape != pair.rgb.shape[:2]:
            raise PictureError(
                f"{self.thermal}: thermal is {size_of(pair.thermal)} but {self.rgb.name} is "
                f"{size_of(pair.rgb)}; {ONE_SIZE}"
            )
        return pair


@dataclass(frozen=True)
class FolderPairs:
    """A folder with `ir/` and `vi/` holding pictures of the same names, in subfolders too.

    Attributes:
        folder: it.
        rate: pairs per second it is played at.
        one_size: refuse pairs whose pictures differ in size.

    Raises:
        PairError: a folder is missing or empty, or pictures lack their partner.
    """

    folder: Path
    rate: float | None = None
    one_size: bool = True

    def __post_init__(self) -> None:
        if not self.files():
            raise PairError(f"{self.folder}: no pictures ({', '.join(PICTURE_SUFFIXES)}) in ir/")

    def files(self) -> list[PairFiles]:
        """Return the files of each pair, sorted by name."""
        return partners(self.folder, PICTURE_SUFFIXES, self.one_size)

    def __len__(self) -> int:
        return len(self.files())

    def __iter__(self) -> Iterator[ImagePair]:
        for files in self.files():
            yield files.read()


def partners(folder: Path, suffixes: tuple[str, ...], one_size: bool = True) -> list[PairFiles]:
    """Match the files of `folder/ir` and `folder/vi` by name.

    Args:
        folder: holds both folders.
        suffixes: of the files.
        one_size: see `PairFiles`.

    Raises:
        PairError: one of the two folders is missing, or files lack their partner.
    """
    for side in SIDES:
        if not (folder / side).is_dir():
            raise PairError(f"{folder}: needs the folders ir/ and vi/; {side}/ is missing")
    thermal, rgb = (by_name(folder / side, suffixes, refuse) for side in SIDES)
    alone = sorted(thermal.keys() ^ rgb.keys())
    if alone:
        raise PairError(
            f"{folder}: {len(alone)} files in ir/ or vi/ lack their partner: {', '.join(alone[:5])}"
        )
    return [PairFiles(name, thermal[name], rgb[name], one_size) for name in sorted(thermal)]


def matched(
    thermal: Path,
    rgb: Path,
    report: Report,
    suffixes: tuple[str, ...] = PICTURE_SUFFIXES,
    *,
    one_size: bool = True,
) -> list[PairFiles]:
    """Match the files of two folders by name.

    Args:
        thermal: folder of the thermal pictures.
        rgb: folder of the RGB pictures.
        report: told of each file that lacks its partner.
        suffixes: of the files.
        one_size: see `PairFiles`.
    """
    thermal_files, rgb_files = (by_name(folder, suffixes, report) for folder in (thermal, rgb))
    for files, others, other in (
        (thermal_files, rgb_files, rgb),
        (rgb_files, thermal_files, thermal),
    ):
        for name in sorted(files.keys() - others.keys()):
            report(PictureError(f"{files[name]}: lacks its partner in {other.name}/"))
    both = sorted(thermal_files.keys() & rgb_files.keys())
    return [PairFiles(name, thermal_files[name], rgb_files[name], one_size) for name in both]


def by_name(folder: Path, suffixes: tuple[str, ...], report: Report) -> dict[str, Path]:
    """Return the files below a folder by their path in it without the suffix."""
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in suffixes or not file.is_file():
            continue
        name = file.relative_to(folder).with_suffix("").as_posix()
        if found.setdefault(name, file) != file:
            report(PictureError(f"{file.parent}: several files are named {file.stem}"))
    return found
