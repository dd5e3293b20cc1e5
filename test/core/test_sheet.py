# SPDX-License-Identifier: Apache-2.0
"""The picture sheet, where there are more rows than a JPEG can be tall."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bifuse_core.evaluation import sheet
from bifuse_core.evaluation.sheet import write_sheet

LEVELS = [20 * number for number in range(1, 11)]


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, dict[str, Path]]:
    """Return ten rows of plain squares, each of a grey level of its own."""
    found = {}
    for level in LEVELS:
        file = tmp_path / f"{level}.png"
        cv2.imwrite(str(file), np.full((16, 16), level, np.uint8))
        found[str(level)] = {"left": file, "right": file}
    return found


def written(rows: dict[str, dict[str, Path]], file: Path) -> NDArray[np.uint8]:
    write_sheet(file, rows, ["left", "right"])
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)


def levels_of(picture: NDArray[np.uint8]) -> list[int]:
    """Return the grey levels along the middle of the left column."""
    column = picture[:, picture.shape[1] // 4].astype(int)
    return [level for level in LEVELS if (abs(column - level) <= 2).sum() > 100]


def test_all_rows_are_shown_where_there_is_room(
    rows: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    assert levels_of(written(rows, tmp_path / "sheet.png")) == LEVELS


def test_of_too_many_rows_some_are_taken_evenly_and_it_says_so(
    rows: dict[str, dict[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "TALLEST", 1100)
    few = written(rows, tmp_path / "few.png")
    assert 700 < few.shape[0] <= 1100
    assert levels_of(few) == [20, 80, 140]
    same = {name: rows[name] for name in ("20", "80", "140")}
    all_of_them = written(same, tmp_path / "all.png")
    # The line that says so lies above the headings, in the middle.
    middle = slice(few.shape[1] // 2 - 30, few.shape[1] // 2 + 30)
    assert few[:20, middle].min() < 100
    assert all_of_them[:20, middle].min() > 200


def test_the_tallest_sheet_is_one_that_a_jpeg_can_be() -> None:
    assert sheet.TALLEST <= 65_535
