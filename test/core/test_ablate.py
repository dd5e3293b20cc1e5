# SPDX-License-Identifier: Apache-2.0
"""The command: trains what is not there, scores it, and goes on after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from evaluations import count_scored, render

from bifuse_core.__main__ import main
from bifuse_core.bilevel.strategies.joint import Joint
from bifuse_core.commands import ablate
from bifuse_core.commands.train import train_run

PLAN: dict[str, Any] = {
    "title": "Small",
    "base": "base.yaml",
    "variants": [
        {"name": "Joint", "changes": {"strategy": "joint"}},
        {"name": "Bi-level"},
        {"name": "More", "changes": {"guidance": "both"}, "needs": "more"},
    ],
    "columns": [
        {"label": "S", "data": "pairs", "every": 2, "metrics": ["MI", "VIF"]},
        {"label": "D", "data": "pairs", "metrics": ["mAP"], "needs": "a detector"},
    ],
    "seeds": [0, 1],
}
BASE = {
    "network": "edge",
    "data": {"sources": [{"path": "pairs"}], "batch": 1, "crop": 48, "validation_every": 2},
    "warm_start": 1,
    "steps": 2,
    "log": {"save_every": 1, "pictures_every": 0},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("data") / "pairs")


@pytest.fixture
def place(tmp_path: Path, pairs: Path) -> Path:
    (tmp_path / "pairs").symlink_to(pairs)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return tmp_path


def run(place: Path, *options: str) -> int:
    fixed = ["--data", str(place), "--out", str(place / "out"), "--threads", "1"]
    return main(["ablate", str(place / "plan.yaml"), *fixed, *options])


def count_trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    trained: list[Path] = []

    def counted(settings: Any, config: str, data: Path, out: Path, device: Any) -> None:
        trained.append(out)
        train_run(settings, config, data, out, device)

    monkeypatch.setattr(ablate, "train_run", counted)
    return trained


def test_every_variant_is_trained_with_every_seed_and_scored(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place) == 0
    text = (place / "out/table.md").read_text()
    assert text in capsys.readouterr().out
    lines = {line.split(" | ")[0]: line for line in text.splitlines()}
    for name in ("| Joint", "| Bi-level"):
        assert lines[name].count(" ± ") == 2
        assert "| 1 + 2 |" in lines[name]
    assert "±" not in lines["| More"]
    assert "– D: needs a detector." in text
    assert "Seeds 0, 1" in text
    assert "S: 2 pairs of pairs" in text
    found = sorted(path.name for path in (place / "out/runs").iterdir())
    assert found == ["bi-level-0", "bi-level-1", "joint-0", "joint-1"]


def test_what_is_finished_is_neither_trained_nor_scored_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(place, "--seeds", "1") == 0
    trained, scored = count_trained(monkeypatch), count_scored(monkeypatch)
    table = (place / "out/table.md").read_text()
    assert "one seed" in table
    assert "±" not in table
    assert run(place, "--seeds", "1") == 0
    assert (trained, scored) == ([], [])
    assert run(place) == 0
    assert [path.name for path in trained] == ["joint-1", "bi-level-1"]
    # Two pairs by two new runs.
    assert len(scored) == 4


def test_an_interrupted_training_goes_on_at_its_saved_step(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, numbers = Joint.step, []

    def interrupted(self: Joint, number: int, *draws: Any) -> Any:
        numbers.append(number)
        if len(numbers) == 2:
            raise KeyboardInterrupt
        return step(self, number, *draws)

    monkeypatch.setattr(Joint, "step", interrupted)
    assert run(place, "--seeds", "1") == 130
    clock = place / "out/runs/joint-0/seconds.txt"
    before = float(clock.read_text())
    assert run(place, "--seeds", "1") == 0
    assert numbers == [0, 1, 1]
    assert float(clock.read_text()) >= before


def test_other_settings_in_the_same_folder_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place, "--seeds", "1") == 0
    (place / "base.yaml").write_text(yaml.safe_dump(BASE | {"steps": 3}))
    assert run(place, "--seeds", "1") == 2
    assert "joint-0: trained with other settings (steps)" in capsys.readouterr().err


def test_a_missing_data_set_shows_before_anything_is_trained(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = count_trained(monkeypatch)
    plan = PLAN | {"columns": [{"label": "S", "data": "elsewhere", "metrics": ["MI"]}]}
    (place / "plan.yaml").write_text(yaml.safe_dump(plan))
    assert run(place) == 2
    assert "elsewhere" in capsys.readouterr().err
    assert not trained


def test_more_seeds_than_the_plan_has_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place, "--seeds", "3") == 2
    assert "--seeds is 3; " in capsys.readouterr().err
