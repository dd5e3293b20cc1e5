# SPDX-License-Identifier: Apache-2.0
"""Videos and frames: which pictures follow each other, and the flicker between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from evaluations import count_scored, evaluate, record, render

from bifuse_core.engine.fusions import BASELINES
from bifuse_core.evaluation.sequences import sequences

FLICKER = ["flicker", "flicker / inputs", "steps over", "worst step"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def evaluated(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated")
    assert evaluate(pairs, out, "--pictures", "2") == 0
    return out


def test_a_video_is_scored_frame_by_frame_with_its_flicker(
    video: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thermal, _ = video("ir/drive.mp4", frames=5), video("vi/drive.mp4", frames=4)
    assert evaluate(thermal, tmp_path / "out", "--models", "--pictures", "1") == 0
    assert "drive.mp4: means over 4 pairs, 3 steps between frames" in capsys.readouterr().out
    # Both videos step by 20 grey levels, and so does whatever is made of them.
    for method, written in record(tmp_path / "out")["methods"].items():
        assert list(written["pictures"]) == [f"drive/{number:06d}" for number in range(4)]
        assert "flicker" not in written["pictures"]["drive/000000"]
        flicker = {name: written["means"][name] for name in FLICKER}
        assert flicker["flicker"] == pytest.approx(20, abs=1), method
        assert flicker["flicker / inputs"] == pytest.approx(1, abs=0.1)
        assert flicker["steps over"] <= 1 / 3
        assert flicker["worst step"] < 1
    for file in ("table.md", "page.html"):
        assert all(name in (tmp_path / "out" / file).read_text() for name in FLICKER)


def test_the_flicker_of_a_resumed_run_is_that_of_one_run(
    video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thermal, _ = video("ir/drive.mp4", frames=5), video("vi/drive.mp4", frames=5)
    options = ("--models", "--pictures", "0")
    assert evaluate(thermal, tmp_path / "whole", *options) == 0
    # The first three frames; further ones would leave a gap, and no flicker.
    assert evaluate(thermal, tmp_path / "parts", *options, "--limit", "3") == 0
    assert list(record(tmp_path / "parts")["methods"]["max"]["pictures"]) == [
        f"drive/{number:06d}" for number in range(3)
    ]
    assert "flicker" in record(tmp_path / "parts")["methods"]["max"]["means"]
    scored = count_scored(monkeypatch)
    assert evaluate(thermal, tmp_path / "parts", *options) == 0
    assert len(scored) == 2 * len(BASELINES)
    assert record(tmp_path / "parts")["methods"] == record(tmp_path / "whole")["methods"]


def test_pictures_are_a_sequence_where_one_says_so(
    evaluated: Path, pairs: Path, tmp_path: Path
) -> None:
    assert not set(FLICKER) & set(record(evaluated)["methods"]["max"]["means"])
    shutil.copy(evaluated / "scores.jsonl", tmp_path)
    assert evaluate(pairs, tmp_path, "--sequence", "--pictures", "0") == 0
    for written in record(tmp_path)["methods"].values():
        assert set(FLICKER) < set(written["means"])


@pytest.mark.parametrize(
    ("names", "found"),
    [
        # As frames of two videos are named, in any order.
        (["a/2", "b/007", "a/1", "a/3", "b/008"], [["a/1", "a/2", "a/3"], ["b/007", "b/008"]]),
        (["set00/V000/I00009", "set00/V000/I00010"], [["set00/V000/I00009", "set00/V000/I00010"]]),
        # Frames that were left out, one frame alone, stills, and names without a number.
        (["a/1", "a/2", "a/4"], []),
        (["a/1", "b/2"], []),
        (["1", "2", "3"], []),
        (["IR1", "IR2"], []),
        (["night/00001N", "night/00002N", "a/x"], []),
    ],
)
def test_frames_are_known_by_their_names(names: list[str], found: list[list[str]]) -> None:
    assert sequences(names) == found
