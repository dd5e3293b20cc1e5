# SPDX-License-Identifier: Apache-2.0
"""A second evaluation into one folder: what is not computed twice, and what must be."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from evaluations import METHODS, PAIRS, count_scored, evaluate, record, render

from bifuse_core.evaluation import fingerprint
from bifuse_core.evaluation.fingerprint import CODE, code_checksum
from bifuse_core.evaluation.ledger import Key, Ledger, Levels


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def evaluated(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated")
    assert evaluate(pairs, out, "--pictures", "2") == 0
    return out


def test_a_second_run_scores_nothing_and_says_the_same(
    evaluated: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = count_scored(monkeypatch)
    lines, before = (evaluated / "scores.jsonl").read_bytes(), record(evaluated)
    assert evaluate(pairs, evaluated, "--pictures", "2") == 0
    assert not scored
    assert (evaluated / "scores.jsonl").read_bytes() == lines
    assert record(evaluated)["methods"] == before["methods"]


def test_a_killed_run_goes_on_where_it_was(
    evaluated: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (evaluated / "scores.jsonl").read_text().splitlines(keepends=True)
    # The first line names the data set; the last was being written.
    kept = "".join(lines[:8])
    (tmp_path / "scores.jsonl").write_text(kept + lines[8][:30])
    scored = count_scored(monkeypatch)
    assert evaluate(pairs, tmp_path, "--pictures", "0") == 0
    assert len(scored) == PAIRS * len(METHODS) - 7
    assert (tmp_path / "scores.jsonl").read_text().startswith(kept)
    assert record(tmp_path)["methods"] == record(evaluated)["methods"]


def test_a_pair_that_has_changed_is_scored_and_shown_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, out = tmp_path / "pairs", tmp_path / "out"
    shutil.copytree(pairs, copy)
    assert evaluate(copy, out) == 0
    before = record(out)["methods"]
    changed = sorted((copy / "ir").iterdir())[1]
    thermal = cv2.imread(str(changed), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(changed), thermal[::-1])
    scored = count_scored(monkeypatch)
    assert evaluate(copy, out) == 0
    assert len(scored) == len(METHODS)
    for method, written in record(out)["methods"].items():
        for name, scores in written["pictures"].items():
            same = scores == before[method]["pictures"][name]
            assert same == (name != changed.stem), (method, name)
    # Back as it was: nothing is scored, and the page shows that state again.
    shown = thermal_shown(out, changed.stem)
    assert cv2.imwrite(str(changed), thermal)
    assert evaluate(copy, out) == 0
    assert len(scored) == len(METHODS)
    again = thermal_shown(out, changed.stem)
    # Their ranges of counts differ a little, since not every pixel is looked at for those.
    alike = [np.corrcoef(shown.ravel(), x.ravel())[0, 1] for x in (again[::-1], again)]
    assert alike[0] > 0.98 > alike[1]


def thermal_shown(out: Path, pair: str) -> np.ndarray[Any, Any]:
    page = (out / "page.html").read_text()
    (file,) = re.findall(rf'src="(pictures/{pair}\.\w+\.thermal\.jpg)"', page)
    return cv2.imread(str(out / file), cv2.IMREAD_GRAYSCALE).astype(float)


def test_other_code_scores_and_shows_everything_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evaluate(pairs, tmp_path, "--pictures", "1") == 0
    pictures = len(list((tmp_path / "pictures").iterdir()))
    monkeypatch.setattr(fingerprint, "code_checksum", lambda: "of other code")
    scored = count_scored(monkeypatch)
    assert evaluate(pairs, tmp_path, "--pictures", "1") == 0
    assert len(scored) == PAIRS * len(METHODS)
    assert len(list((tmp_path / "pictures").iterdir())) == 2 * pictures


def test_the_code_is_what_fuses_and_scores(tmp_path: Path) -> None:
    for folder in (*CODE, "commands"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "x.py").write_text("pass")
    seen = {code_checksum.__wrapped__(tmp_path)}
    (tmp_path / "commands" / "deep" / "x.py").write_text("...")
    assert code_checksum.__wrapped__(tmp_path) in seen
    for folder in CODE:
        file = tmp_path / folder / "deep" / "x.py"
        for change in (lambda f: f.write_text("..."), lambda f: f.rename(f.with_name("y.py"))):
            change(file)
            seen.add(code_checksum.__wrapped__(tmp_path))
    assert len(seen) == 1 + 2 * len(CODE)


def test_scores_of_another_data_set_are_not_mixed_in(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    key, levels = Key("max", "none", "a", "0123"), Levels(3.5, 2.5, 1.0)
    Ledger(file, {"path": "one"}).add(key, {"MI": 1.0, "hot": float("nan")}, levels)
    assert Ledger(file, {"path": "one"})[key] == ({"MI": 1.0, "hot": None}, levels)
    with pytest.raises(ValueError, match=r"holds scores of \{'path': 'one'\}.*another --out"):
        Ledger(file, {"path": "two"})
    with file.open("a") as lines:
        lines.write('{"method": "max"}\n')
    with pytest.raises(
        ValueError, match=r"not a file of this version's scores: KeyError\('version'\)"
    ):
        Ledger(file, {"path": "one"})
