# SPDX-License-Identifier: Apache-2.0
"""The Multi-Spectral detection set: 7,512 moments seen by four cameras, of which 2,999 are aligned.

Source: Takumi et al., 2017; the archive `ir_det_dataset`. `ConvertedImages/{rgb,fir,...}` are the
aligned pictures, 320x256; `Annotations_ConvertedSummarized/` their boxes, one VOC file for all
cameras; `vis_ok/` has a picture for each pair whose alignment was found good, which the authors
tested on. Where the archive has only `Images/`, these are read, not aligned, with the boxes that
`labels/fir/` holds as YOLO text.
"""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.annotations.boxes import BoxReader
from bifuse_core.data.annotations.voc import VocFile
from bifuse_core.data.annotations.yolo import YoloFile
from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import PairError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.pairs import PairFiles, by_name, matched
from bifuse_core.data.pictures import PICTURE_SUFFIXES

CLASSES = ("person", "car", "bike", "color_cone", "car_stop", "bump", "hole", "animal")

_ALIGNED, _AS_TAKEN = "ConvertedImages", "Images"
_SIDES = ("fir", "rgb")


def _pictures(folder: Path) -> Path | None:
    for name in (_ALIGNED, _AS_TAKEN):
        if all((folder / name / side).is_dir() for side in _SIDES):
            return folder / name
    return None


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    pictures = _pictures(folder)
    if pictures is None:
        raise PairError(f"{folder}: not the Multi-Spectral set; expected {MULTISPECTRAL.expects}")
    aligned = pictures.name == _ALIGNED
    pairs = matched(pictures / "fir", pictures / "rgb", report)
    boxes: dict[str, BoxReader]
    if aligned:
        files = by_name(folder / "Annotations_ConvertedSummarized", (".xml",), report)
        # They need not state the size of the converted pictures.
        boxes = {name: VocFile(file, CLASSES, same_size=False) for name, file in files.items()}
    else:
        files = by_name(folder / "labels" / "fir", (".txt",), report)
        boxes = {name: YoloFile(file, len(CLASSES)) for name, file in files.items()}
    meta = {"aligned": "yes" if aligned else "no"}
    return EntryDataset(
        tuple(
            Entry(pair, boxes.get(pair.name), meta=meta)
            for pair in _split(pairs, folder, options.split, report)
        ),
        CLASSES,
    )


def _split(
    pairs: list[PairFiles], folder: Path, split: str | None, report: Report
) -> list[PairFiles]:
    """Return the pairs of a list, or of the authors' split, `vis_ok/` for test."""
    checked = folder / "vis_ok"
    if (
        split not in ("train", "test")
        or (folder / f"{split}.txt").is_file()
        or not checked.is_dir()
    ):
        return listed(pairs, (folder,), split, report)
    good = by_name(checked, PICTURE_SUFFIXES, report).keys()
    return [pair for pair in pairs if (pair.name in good) == (split == "test")]


MULTISPECTRAL = Layout(
    "multispectral",
    "ConvertedImages/ (or Images/) with fir/ and rgb/",
    lambda folder: _pictures(folder) is not None,
    _read,
)
