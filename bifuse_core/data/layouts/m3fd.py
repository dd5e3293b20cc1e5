# SPDX-License-Identifier: Apache-2.0
"""M3FD: 4,200 pairs with boxes of six classes (M3FD_Detection), 300 without (M3FD_Fusion).

Source: github.com/JinyuanLiu-CV/TarDAL (Liu et al., 2022): `Ir/`, `Vis/` and `Annotation/` with one
VOC file a pair. Lists of a split lie beside them or in `meta/`.
"""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.annotations.voc import VocFile
from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import LabelError, PairError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed, subfolder
from bifuse_core.data.pairs import by_name, matched

CLASSES = ("People", "Car", "Bus", "Lamp", "Motorcycle", "Truck")


def _sides(folder: Path) -> tuple[Path | None, Path | None]:
    return subfolder(folder, "ir"), subfolder(folder, "vis", "vi")


def _fits(folder: Path) -> bool:
    thermal, rgb = _sides(folder)
    if thermal is None or rgb is None:
        return False
    return subfolder(folder, "annotation") is not None or (thermal.name, rgb.name) == ("Ir", "Vis")


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    thermal, rgb = _sides(folder)
    if thermal is None or rgb is None:
        raise PairError(f"{folder}: not M3FD; expected {M3FD.expects}")
    pairs = matched(thermal, rgb, report)
    annotations = subfolder(folder, "annotation")
    files = by_name(annotations, (".xml",), report) if annotations else {}
    for name in sorted(files.keys() - {pair.name for pair in pairs}):
        report(LabelError(f"{files[name]}: belongs to no pair"))
    lists = (folder, folder / "meta", folder / "ImageSets" / "Main")
    return EntryDataset(
        tuple(
            Entry(pair, VocFile(files[pair.name], CLASSES) if pair.name in files else None)
            for pair in listed(pairs, lists, options.split, report)
        ),
        CLASSES if annotations else (),
    )


M3FD = Layout("m3fd", "Ir/ and Vis/, with VOC files in Annotation/", _fits, _read)
