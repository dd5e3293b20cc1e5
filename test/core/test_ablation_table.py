# SPDX-License-Identifier: Apache-2.0
"""The form of the table."""

from __future__ import annotations

from bifuse_core.ablation.plan import Columns, Plan, Variant
from bifuse_core.ablation.table import Outcome, markdown, missing

PLAN = Plan(
    title="T",
    base="small.yaml",
    corner="Way",
    variants=[Variant(name="A"), Variant(name="B", needs="patience")],
    columns=[
        Columns(label="Fusion", data="set", metrics=["MI", "hot"]),
        Columns(label="Detection", data="set", metrics=["mAP"], needs="a detector"),
    ],
)


def outcome(minutes: float, information: float, hot: float | None = 0.9) -> Outcome:
    return Outcome("1 + 2", minutes, {"Fusion": {"MI": information, "hot": hot}})


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_line_for_each_variant_with_mean_and_deviation_over_the_seeds() -> None:
    table = cells(markdown(PLAN, {"A": [outcome(1, 2.0), outcome(2, 2.5), outcome(6, 3.0)]}))
    assert table == [
        ["Way", "Fusion", "", "Detection", "Training", ""],
        ["---", *["---:"] * 5],
        ["", "MI ↑", "hot", "mAP ↑", "steps", "minutes"],
        ["A", "2.500 ± 0.500", "0.900 ± 0.000", "–", "1 + 2", "3.0"],
        ["B", "–", "–", "–", "–", "–"],
    ]


def test_metrics_as_lines_hold_the_same_with_variants_beside_each_other() -> None:
    plan = PLAN.model_copy(update={"lines": "metrics"})
    table = cells(markdown(plan, {"A": [outcome(1, 2.0)]}))
    assert table[0] == ["Way", "", "A", "B"]
    assert table[2:] == [
        ["Fusion", "MI ↑", "2.000", "–"],
        ["", "hot", "0.900", "–"],
        ["Detection", "mAP ↑", "–", "–"],
        ["Training", "steps", "1 + 2", "–"],
        ["", "minutes", "1.0", "–"],
    ]


def test_a_score_that_one_seed_lacks_is_not_averaged_over_the_others() -> None:
    table = cells(markdown(PLAN, {"A": [outcome(1, 2.0), outcome(1, 2.0, hot=None)]}))
    assert table[3][:3] == ["A", "2.000 ± 0.000", "–"]


def test_nothing_trained_leaves_a_table_of_dashes() -> None:
    table = cells(markdown(PLAN, {}))
    assert table[0] == ["Way", "Fusion", "", "Detection"]
    assert table[3] == ["A", "–", "–", "–"]


def test_what_is_missing_is_said_once_each() -> None:
    assert missing(PLAN) == ["– Detection: needs a detector.", "– B: needs patience."]


def test_a_bar_in_a_name_does_not_end_its_cell() -> None:
    plan = PLAN.model_copy(
        update={"columns": [Columns(label="S", data="s", metrics=["|F - max|"])]}
    )
    assert "\\|F - max\\|" in markdown(plan, {})
