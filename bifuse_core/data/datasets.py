# SPDX-License-Identifier: Apache-2.0
"""From a path to the data set behind it, by what lies there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bifuse_core.data.aligned import aligned
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.faults import LabelError, MaskError, PairError
from bifuse_core.data.layouts.bag import BAG
from bifuse_core.data.layouts.folder import FOLDER
from bifuse_core.data.layouts.layout import Layout, Options
from bifuse_core.data.layouts.m3fd import M3FD
from bifuse_core.data.layouts.mfnet import MFNET
from bifuse_core.data.layouts.multispectral import MULTISPECTRAL
from bifuse_core.data.layouts.roadscene import ROADSCENE
from bifuse_core.data.layouts.tno import TNO
from bifuse_core.data.layouts.video import VIDEO

# What fits a special layout often fits a general one too, so those come first.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (BAG, VIDEO, ROADSCENE, MULTISPECTRAL, M3FD, MFNET, FOLDER, TNO)
}


def open_dataset(path: Path, layout: str = "auto", options: Options | None = None) -> EntryDataset:
    """Open a data set whose listing is without fault.

    Args:
        path: its folder, a bag, or the thermal video of a pair.
        layout: one of `LAYOUTS`, or `auto` for the first that fits what lies there.
        options: see `Options`.

    Raises:
        PairError: nothing is there, no layout fits, files lack their partners, or it is empty.
    """
    dataset = list_dataset(path, layout, options)
    if dataset.faults:
        more = len(dataset.faults) - 1
        rest = f"; {more} more (`bifuse check` lists them)" if more else ""
        raise type(dataset.faults[0])(f"{dataset.faults[0]}{rest}")
    return dataset


def list_dataset(path: Path, layout: str = "auto", options: Options | None = None) -> EntryDataset:
    """Open a data set with its faults, for those who want to see all of them.

    Args:
        path: its folder, a bag, or the thermal video of a pair.
        layout: one of `LAYOUTS`, or `auto`.
        options: see `Options`.

    Raises:
        PairError: nothing is there, no layout fits, or there is not one pair.
    """
    options = options or Options()
    if not path.exists():
        raise PairError(f"{path}: no such file or folder")
    chosen = _fitting(path) if layout == "auto" else _named(layout)
    faults: list[PairError] = []
    dataset = chosen.read(path, options, faults.append)
    if not options.one_size:
        dataset = aligned(dataset, path, options)
    if not options.annotated:
        pictures = tuple(replace(entry, boxes=None, mask=None) for entry in dataset.entries)
        dataset = EntryDataset(pictures)
        faults = [fault for fault in faults if not isinstance(fault, LabelError | MaskError)]
    if options.labelled_only:
        labelled = tuple(e for e in dataset.entries if e.boxes or e.mask)
        dataset = replace(dataset, entries=labelled)
    if not dataset.entries:
        reason = f": {faults[0]}" if faults else ""
        raise PairError(f"{path}: not one pair in it; expected {chosen.expects}{reason}")
    return replace(dataset, faults=tuple(faults))


def _fitting(path: Path) -> Layout:
    for layout in LAYOUTS.values():
        if layout.fits(path):
            return layout
    expected = "".join(f"\n  {layout.name}: {layout.expects}" for layout in LAYOUTS.values())
    raise PairError(f"{path}: fits no layout; expected one of{expected}")


def _named(name: str) -> Layout:
    if name not in LAYOUTS:
        raise PairError(f"layout is {name!r}; choose from auto, {', '.join(LAYOUTS)}")
    return LAYOUTS[name]
