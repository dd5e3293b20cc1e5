# SPDX-License-Identifier: Apache-2.0
"""What a layout is, and what the layouts share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from bifuse_core.data.bags import TOPICS, Synchronisation
from bifuse_core.data.entries import EntryDataset, PairReader
from bifuse_core.data.faults import PairError, PictureError, Report
from bifuse_core.data.pictures import PICTURE_SUFFIXES
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.metrics.unlabelled import UNLABELLED


@dataclass(frozen=True)
class Options:
    """What the one who opens a data set may choose; layouts leave aside what they do not have.

    Attributes:
        split: name of a list (`train`, `val`, `test`, ...); None takes everything.
        classes: names of the box labels, where the layout does not fix them.
        mask_classes: names of the mask values, likewise.
        labels: folder or COCO file of the boxes (layout `folder`); COCO file beside the bag (layout
            `bag`), none by default.
        masks: folder of the masks (layout `folder`).
        mask_read_as: mask values beyond the classes, and what each is read as; 255 is unlabelled.
        topics: names of the thermal and the RGB topic (layout `bag`).
        sync: how their images are paired (layout `bag`).
        alignment: how the cameras lie; only the layouts `bag`, `folder` and `video` then take
            pictures of two sizes.
        reference: `rgb` or `thermal`, whose grid the pictures, boxes and masks have.
        camera_info: calibration files of the thermal and the RGB camera, below the folder that the
            data set lies in; of a bag, its recorded camera_info by default.
        annotated: read boxes and masks; without, their faults do not matter.
        labelled_only: leave out samples that have neither boxes nor mask.

    Raises:
        PairError: a value of `mask_read_as` is not within 0..255.
    """

    split: str | None = None
    classes: tuple[str, ...] | None = None
    mask_classes: tuple[str, ...] | None = None
    labels: str = "labels"
    masks: str = "masks"
    mask_read_as: Mapping[int, int] = field(default_factory=dict)
    topics: tuple[str, str] = TOPICS
    sync: Synchronisation = Synchronisation()
    alignment: AlignmentSettings = AlignmentSettings()
    reference: str = "rgb"
    camera_info: tuple[Path, Path] | None = None
    annotated: bool = True
    labelled_only: bool = False

    @property
    def one_size(self) -> bool:
        """Whether both pictures of a pair must have one size: nothing brings them to it."""
        return self.alignment.method == "none"

    def __post_init__(self) -> None:
        for value in (*self.mask_read_as, *self.mask_read_as.values()):
            if not 0 <= value <= UNLABELLED:
                raise PairError(
                    f"mask value {value} is outside 0..{UNLABELLED} (mask_read_as, --unlabelled)"
                )


class Layout(NamedTuple):
    """One way in which data sets lie on disk."""

    name: str
    expects: str
    """What must be there, for people."""
    fits: Callable[[Path], bool]
    """Tells whether it is there."""
    read: Callable[[Path, Options, Report], EntryDataset]
    """Lists the entries; told faults are left out of them."""


def subfolder(folder: Path, *names: str) -> Path | None:
    """Return the first of the named folders in a folder, without regard to case."""
    if not folder.is_dir():
        return None
    there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    return next((there[name] for name in names if name in there), None)


AnyPair = TypeVar("AnyPair", bound=PairReader)


def listed(
    pairs: Iterable[AnyPair], folders: Iterable[Path], split: str | None, report: Report
) -> list[AnyPair]:
    """Return the pairs of a split, in the order of its list.

    Args:
        pairs: all pairs.
        folders: where the list `SPLIT.txt` may lie; a name a line, with or without a suffix.
        split: its name; None takes all pairs.
        report: told of listed names that are not there, and of those listed twice.

    Raises:
        PairError: there is no such list, or it cannot be read.
    """
    if split is None:
        return list(pairs)
    places = [folder / f"{split}.txt" for folder in folders]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise PairError(f"no list of the split {split!r}; expected {' or '.join(map(str, places))}")
    there = {pair.name: pair for pair in pairs}
    found = []
    for name, count in Counter(_names(file)).items():
        if count > 1:
            report(PictureError(f"{file}: lists {name} {count} times; it is read once"))
        if name in there:
            found.append(there[name])
        else:
            report(PictureError(f"{file}: lists {name}, which is not there as a pair"))
    return found


def _names(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PairError(f"{file}: not readable: {error}") from error
    return [
        line[: -len(suffix)]
        if (suffix := PurePosixPath(line).suffix).lower() in PICTURE_SUFFIXES
        else line
        for line in lines
        if line
    ]
