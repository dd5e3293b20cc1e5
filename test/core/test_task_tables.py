# SPDX-License-Identifier: Apache-2.0
"""Which value is the best of a column, and in which units values are shown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bifuse_core.engine.cost import Cost
from bifuse_core.evaluation.task_tables import Column, cost_columns, markdown


@pytest.mark.parametrize(
    ("values", "least", "best"),
    [
        ([0.1, 0.3, 0.2], False, [1]),
        ([0.1, 0.3, 0.2], True, [0]),
        ([None, 0.3, 0.2], False, [1]),
        # What looks the same is the same.
        ([0.3004, 0.3001, 0.2], False, [0, 1]),
        # Where nothing differs, nothing is better.
        ([0.3, 0.3, None], False, []),
        ([None, 0.3, None], False, []),
        ([None, None, None], False, []),
    ],
)
def test_the_best_of_several_that_differ(
    values: Sequence[float | None], least: bool, best: list[int]
) -> None:
    cells = Column("data", "head", values, 3, least).cells()
    assert [number for number, (_, marked) in enumerate(cells) if marked] == best
    assert [text for text, _ in cells] == ["-" if v is None else f"{v:.3f}" for v in values]


def test_cost_is_in_millions_billions_and_seconds() -> None:
    costs = [None, Cost(417_730, 256_000_000_000, 0.5), Cost(19_277, 220_000_000, 0.0123)]
    text = markdown(["RGB", "bdl", "edge"], cost_columns("Fusion", costs))
    assert text.splitlines() == [
        "| Input | Fusion |  |  |",
        "| --- | ---: | ---: | ---: |",
        "|  | Size (M) ↓ | FLOPs (G) ↓ | Time (s) ↓ |",
        "| RGB | - | - | - |",
        "| bdl | 0.418 | 256.00 | 0.5000 |",
        "| edge | **0.019** | **0.22** | **0.0123** |",
    ]
