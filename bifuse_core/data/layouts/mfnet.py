# SPDX-License-Identifier: Apache-2.0
"""MFNet: 1,569 urban pairs by day and night with masks of nine classes.

Source: github.com/haqishen/MFNet-pytorch (Ha et al., 2017): `images/` with pictures of four
channels (red, green, blue, thermal), `labels/` with masks, and the lists train, val, test,
test_day and test_night. Later copies have the channels apart, in `ir/` (or `thermal/`) and `rgb/`
(or `vi/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bifuse_core.data.annotations.masks import MaskFile
from bifuse_core.data.entries import Entry, EntryDataset, PairReader
from bifuse_core.data.faults import MaskError, PairError, PictureError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed, subfolder
from bifuse_core.data.pairs import ImagePair, by_name, matched
from bifuse_core.data.pictures import read_as_stored

MASK_CLASSES = (
    "unlabelled",
    "car",
    "person",
    "bike",
    "curve",
    "car_stop",
    "guardrail",
    "color_cone",
    "bump",
)
"""Value 0 is everything else, a class like the others in the tables of this data set."""

_TIMES = {"D": "day", "N": "night"}


@dataclass(frozen=True)
class FourChannelFile:
    """A picture of red, green, blue and thermal."""

    name: str
    file: Path

    def read(self) -> ImagePair:
        """Read it and take the channels apart.

        Raises:
            PictureError: the file is damaged or has other channels.
        """
        stored = read_as_stored(self.file)
        if stored.ndim != 3 or stored.shape[2] != 4 or stored.dtype != np.uint8:
            channels = stored.shape[2] if stored.ndim == 3 else 1
            raise PictureError(
                f"{self.file}: has {channels} channels of {stored.dtype}; "
                "red, green, blue and thermal are four of uint8"
            )
        thermal = np.ascontiguousarray(stored[..., 3])
        rgb = np.ascontiguousarray(stored[..., 2::-1])
        return ImagePair(self.name, thermal, rgb)


def _sides(folder: Path) -> tuple[Path | None, Path | None]:
    return subfolder(folder, "ir", "thermal"), subfolder(folder, "rgb", "vi")


def _fits(folder: Path) -> bool:
    masks = subfolder(folder, "labels")
    if masks is None or next(masks.glob("*.png"), None) is None:
        return False
    return subfolder(folder, "images") is not None or None not in _sides(folder)


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    images, (thermal, rgb) = subfolder(folder, "images"), _sides(folder)
    pairs: list[PairReader]
    if images is not None:
        files = by_name(images, (".png",), report)
        pairs = [FourChannelFile(name, files[name]) for name in sorted(files)]
    elif thermal is not None and rgb is not None:
        pairs = list(matched(thermal, rgb, report))
    else:
        raise PairError(f"{folder}: not MFNet; expected {MFNET.expects}")
    labels = subfolder(folder, "labels")
    masks = by_name(labels, (".png",), report) if labels else {}
    for name in sorted(masks.keys() - {pair.name for pair in pairs}):
        report(MaskError(f"{masks[name]}: belongs to no pair"))
    entries = []
    for pair in listed(pairs, (folder,), options.split, report):
        mask = None
        if pair.name in masks:
            mask = MaskFile(masks[pair.name], len(MASK_CLASSES), options.mask_read_as)
        # 00001D, 00003N: taken by day, by night.
        time = _TIMES.get(pair.name[-1:])
        entries.append(Entry(pair, mask=mask, meta={"time": time} if time else {}))
    return EntryDataset(tuple(entries), mask_classes=MASK_CLASSES)


MFNET = Layout(
    "mfnet", "images/ with pictures of four channels, and labels/ with masks (PNG)", _fits, _read
)
