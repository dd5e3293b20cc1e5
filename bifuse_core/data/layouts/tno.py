# SPDX-License-Identifier: Apache-2.0
"""TNO Image Fusion Dataset: grey pairs of military scenes without labels, in its usual forms.

Source: figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029 (Toet, 2014). The authors'
tree has a folder a scene with files such as `IR_lake_g.bmp` and `VIS_lake_r.bmp`, and sequences in
two folders such as `thermal/` and `visual/` with `1800i.bmp` and `1800v.bmp`; near-infrared
pictures (`NIR`, `II`) are left aside. Fusion repositories have `IR1.png`, `VIS1.png`, ... in one
folder, or `ir/` and `vi/` (`infrared/` and `visible/`, ...).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import PictureError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed, subfolder
from bifuse_core.data.pairs import PairFiles
from bifuse_core.data.pictures import PICTURE_SUFFIXES

_THERMAL_FOLDERS = ("ir", "lwir", "inf", "infrared", "thermal", "rad")
_RGB_FOLDERS = ("vi", "vis", "visible", "visual", "dhv")
_THERMAL_WORDS, _RGB_WORDS = {"ir", "lwir"}, {"vi", "vis"}

Group = dict[str, Path]


def _fits(folder: Path) -> bool:
    return folder.is_dir() and next(_pairs(folder, lambda fault: None), None) is not None


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    pairs = listed(_pairs(folder, report), (folder,), options.split, report)
    return EntryDataset(tuple(Entry(pair) for pair in pairs))


def _pairs(folder: Path, report: Report) -> Iterator[PairFiles]:
    for place in sorted([folder, *(path for path in folder.rglob("*") if path.is_dir())]):
        thermal_folder, rgb_folder = (
            subfolder(place, *names) for names in (_THERMAL_FOLDERS, _RGB_FOLDERS)
        )
        if thermal_folder and rgb_folder:
            thermal, rgb = _named(_pictures(thermal_folder), _pictures(rgb_folder))
        elif place.name.lower() in (*_THERMAL_FOLDERS, *_RGB_FOLDERS):
            continue
        else:
            thermal, rgb = _scene(_pictures(place))
        for key in sorted(thermal.keys() ^ rgb.keys()):
            report(PictureError(f"{thermal.get(key) or rgb.get(key)}: lacks its partner"))
        for key in sorted(thermal.keys() & rgb.keys()):
            name = (place / thermal[key].stem).relative_to(folder).as_posix()
            yield PairFiles(name, thermal[key], rgb[key])


def _scene(files: list[Path]) -> tuple[Group, Group]:
    """Tell thermal and visible files of one folder apart by the words in their names."""
    thermal = [f for f in files if _words(f) & _THERMAL_WORDS or f.stem.startswith("2_fk")]
    rgb = [f for f in files if _words(f) & _RGB_WORDS or f.stem.startswith("1_fk")]
    if len(thermal) == 1 and not rgb and len(files) == 2:
        rgb = [f for f in files if f not in thermal]  # bunker_r.bmp says of itself only that
    if len(thermal) == len(rgb) == 1:
        return {"": thermal[0]}, {"": rgb[0]}
    # Pictures without such words are no scene (references, results).
    return _named(thermal, rgb)


def _named(thermal: list[Path], rgb: list[Path]) -> tuple[Group, Group]:
    """Return the files by the numbers in their names (IR1, VIS1), where those tell them apart."""
    sides = (thermal, rgb)
    numbered = [{_number(f): f for f in files} for files in sides]
    if any(len(group) < len(files) for group, files in zip(numbered, sides, strict=True)):
        numbered = [{f.stem: f for f in files} for files in sides]
    return numbered[0], numbered[1]


def _number(file: Path) -> str:
    digits = re.findall(r"\d+", file.stem)
    return "_".join(digits).zfill(8) if digits else file.stem


def _words(file: Path) -> set[str]:
    return set(re.findall(r"[a-z]+", file.stem.lower()))


def _pictures(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURE_SUFFIXES)


TNO = Layout(
    "tno",
    "a folder a scene with an IR and a VIS picture, or IR1, VIS1, ..., or infrared/ and visible/",
    _fits,
    _read,
)
