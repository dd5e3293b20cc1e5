# SPDX-License-Identifier: Apache-2.0
"""RoadScene: 221 aligned pairs of road scenes, without labels.

Source: github.com/hanna-xu/RoadScene (Xu et al., 2020). The thermal pictures in `cropinfrared/` fit
those in `crop_LR_visible/`, name by name; `crop_HR_visible/` is larger and not read.
"""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.pairs import matched

_SIDES = ("cropinfrared", "crop_LR_visible")


def _fits(folder: Path) -> bool:
    return all((folder / side).is_dir() for side in _SIDES)


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    thermal, rgb = (folder / side for side in _SIDES)
    pairs = listed(matched(thermal, rgb, report), (folder,), options.split, report)
    return EntryDataset(tuple(Entry(pair) for pair in pairs))


ROADSCENE = Layout("roadscene", "cropinfrared/ and crop_LR_visible/", _fits, _read)
