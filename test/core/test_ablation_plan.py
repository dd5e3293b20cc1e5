# SPDX-License-Identifier: Apache-2.0
"""What a table compares: the plans that are there, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bifuse_core.ablation.plan import load_plan, settings_of
from bifuse_core.ablation.runs import runs_of

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / "config/ablations").glob("*.yaml"))
SMALL = ROOT / "config/training/small.yaml"


def plan_file(folder: Path, **keys: Any) -> Path:
    plan = {
        "title": "T",
        "base": str(SMALL),
        "variants": [{"name": "A"}, {"name": "B", "changes": {"strategy": "joint"}}],
        "columns": [{"label": "S", "data": "set", "metrics": ["MI"]}],
    }
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(plan | keys))
    return file


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_every_plan_can_be_used(file: Path) -> None:
    plan = load_plan(file)
    runs = runs_of(plan, Path("out"))
    assert len(runs) == len(plan.trained) * len(plan.seeds)
    assert len({run.folder for run in runs}) == len(runs)
    settings = [settings_of(plan, variant, 0) for variant in plan.variants if not variant.needs]
    dumps = [one.model_dump_json() for one in settings]
    assert len(set(dumps)) == len(dumps)


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_every_plan_names_its_command(file: Path) -> None:
    assert f"./bifuse ablate config/ablations/{file.name} --data" in file.read_text()


def test_all_tables_of_the_paper_that_compare_trainings_are_there() -> None:
    titles = " ".join(load_plan(file).title for file in PLANS)
    for number in (4, 5, 6, 7):
        assert f"Table {number}:" in titles


def test_changes_of_a_variant_win_over_those_of_the_plan(tmp_path: Path) -> None:
    variants = [{"name": "A"}, {"name": "B", "changes": {"steps": 3}}]
    plan = load_plan(plan_file(tmp_path, changes={"steps": 2, "data.batch": 1}, variants=variants))
    first, second = (settings_of(plan, variant, 7) for variant in plan.variants)
    assert (first.steps, first.data.batch, first.seed) == (2, 1, 7)
    assert (second.steps, second.data.batch, second.seed) == (3, 1, 7)


def test_what_needs_something_is_not_run(tmp_path: Path) -> None:
    variants = [{"name": "A"}, {"name": "B", "changes": {"none": 1}, "needs": "more"}]
    plan = load_plan(plan_file(tmp_path, variants=variants))
    assert [run.variant for run in runs_of(plan, tmp_path)] == ["A", "A", "A"]
    columns = [{"label": "S", "data": "set", "metrics": ["mAP"], "needs": "a detector"}]
    assert runs_of(load_plan(plan_file(tmp_path, columns=columns)), tmp_path) == []


def test_columns_of_a_detector_say_how_their_labels_are_read(tmp_path: Path) -> None:
    labels = {"classes": ["man", "car"], "read_as": {"man": "person", "car": "vehicle"}}
    detected = {"label": "D", "data": "set", "metrics": ["person", "mAP"], "labels": labels}
    fused = {"label": "F", "data": "set", "metrics": ["MI"]}
    first, second = load_plan(plan_file(tmp_path, columns=[detected, fused])).scored
    assert (first.detected, second.detected) == (True, False)
    assert first.labels.read_as == {"man": "person", "car": "vehicle"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"columns": [{"label": "S", "data": "s", "metrics": ["IoU"]}]},
            "no metric 'IoU'; choose from MI,.* or from person, bicycle, vehicle, mAP",
        ),
        *(
            (
                {"columns": [{"label": "S", "data": "s", "metrics": mixed}]},
                f"S: metrics {', '.join(mixed)} are partly of fused pictures, partly of what a",
            )
            for mixed in (["MI", "mAP"], ["person", "VIF"])
        ),
        ({"variants": []}, "variants: .*at least 1"),
        ({"variants": [{"name": "A"}, {"name": "A"}]}, "variants: 'A' is there twice"),
        ({"seeds": [1, 1]}, "seeds: 1 is there twice"),
        ({"seed": 1}, "seed: "),
    ],
)
def test_a_faulty_plan_is_refused_with_file_and_key(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"plan.yaml: .*{message}"):
        load_plan(plan_file(tmp_path, **keys))


def test_settings_that_cannot_be_used_name_the_variant(tmp_path: Path) -> None:
    plan = load_plan(plan_file(tmp_path, variants=[{"name": "A", "changes": {"stepps": 1}}]))
    with pytest.raises(ValueError, match=r"variant 'A': .*stepps.*did you mean 'steps'"):
        runs_of(plan, tmp_path)
