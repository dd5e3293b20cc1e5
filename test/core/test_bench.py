# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: what they measure, against closed forms and brute force, and how they report."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from bifuse_core.__main__ import main
from bifuse_core.bench.approximate import ApproximateTime
from bifuse_core.bench.cameras import MS, Message, messages, periodic, true_pairs
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.pairing import Tally, bound
from bifuse_core.bench.report import Column, Report, Table
from bifuse_core.bench.situations import SITUATIONS
from bifuse_core.streams.pairing import RGB, THERMAL, Pair


@pytest.mark.parametrize(
    ("jitter", "offset", "slop", "percent"),
    [
        (15, 0, 20, 88.9),
        (15, 0, 33, 100),
        (10, 10, 20, 87.5),
        (15, 10, 20, 77.8),
        (15, 10, 33, 97.3),
    ],
)
def test_the_bound_is_that_of_the_distribution(
    jitter: int, offset: int, slop: int, percent: float
) -> None:
    assert bound(jitter, offset, slop) == pytest.approx(percent, abs=0.06)
    sent = messages(Random(1), 20_000, periodic(offset=offset * MS), jitter=jitter * MS, drops=0)
    within = true_pairs(sent, slop * MS) / true_pairs(sent)
    assert 100 * within == pytest.approx(percent, abs=1.0)


@pytest.mark.parametrize("name", SITUATIONS)
def test_situations_are_in_order_of_arrival_and_the_same_for_a_seed(name: str) -> None:
    sent = SITUATIONS[name](Random(3), 200)
    assert sent == SITUATIONS[name](Random(3), 200)
    assert all(a.arrival <= b.arrival for a, b in pairwise(sent))
    assert {message.which for message in sent} == {THERMAL, RGB}
    assert true_pairs(sent) > 50


def test_the_approximate_synchroniser_takes_the_nearest_that_waits() -> None:
    pairing: ApproximateTime[str] = ApproximateTime(20, capacity=2)
    assert pairing.push(THERMAL, 0, "t0") == []
    assert pairing.push(THERMAL, 12, "t1") == []
    assert pairing.push(RGB, 10, "r0") == [Pair("t1", "r0", 2)]
    # Its slop is exclusive.
    assert pairing.push(RGB, 20, "r1") == []
    assert pairing.push(RGB, 19, "r2") == [Pair("t0", "r2", -19)]
    # The oldest leaves a full queue.
    for stamp in (100, 110, 120):
        assert pairing.push(THERMAL, stamp, f"t{stamp}") == []
    assert pairing.push(RGB, 99, "r3") == [Pair("t110", "r3", 11)]


def test_a_tally_counts_pairs_faults_and_holds() -> None:
    sent = [Message(which, k, k, 10 * MS * k) for k in range(3) for which in (THERMAL, RGB)]
    pairs = {
        1: [Pair(sent[0], sent[1], 0, True)],
        5: [Pair(sent[2], sent[5], 0, True), Pair(sent[2], sent[3], 0, False)],
    }

    class Prepared:
        def __init__(self) -> None:
            self.calls = -1

        def push(self, which: int, stamp: int, message: Message) -> list[Pair[Message]]:
            self.calls += 1
            return pairs.get(self.calls, [])

    tally = Tally()
    tally.run(Prepared(), sent)
    assert (tally.pairs, tally.wrong, tally.verified, tally.verified_wrong) == (3, 1, 2, 1)
    assert tally.holds == [0, 0, 10 * MS]
    assert tally.shares(4) == (50, pytest.approx(100 / 3), 25, 50)
    assert tally.messages == 6


def test_a_report_is_the_same_in_markdown_and_json(tmp_path: Path) -> None:
    columns = (Column("what"), Column("share %", ".1f"))
    table = Table("Title", "A note.", columns, (("this", 1.25), ("that", None)))
    report = Report(
        "speed", "./bifuse bench speed", (table,), ("numpy",), "a machine", "2026-01-02"
    )
    text = report.markdown()
    assert "| this | 1.2 |\n| that | - |" in text
    assert "a machine" in text and "2026-01-02" in text and "numpy" in text
    report.write(tmp_path / "new")
    assert (tmp_path / "new/speed.md").read_text(encoding="utf-8") == text
    found = json.loads((tmp_path / "new/speed.json").read_text(encoding="utf-8"))
    assert found["machine"] == "a machine"
    assert found["tables"][0]["rows"] == [["this", 1.25], ["that", None]]
    assert found["versions"].keys() == {"bifuse", "numpy"}


def test_the_command_prints_both_tables_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--seeds", "1", "--frames", "150", "--out", str(tmp_path)]
    assert main(["bench", "pairing", *options]) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == (tmp_path / "pairing.md").read_text(encoding="utf-8").strip()
    steady, besides = json.loads((tmp_path / "pairing.json").read_text(encoding="utf-8"))["tables"]
    assert len(steady["rows"]) == 18
    assert {row[0] for row in besides["rows"]} == set(SITUATIONS)


def test_goals_say_whether_they_are_reached() -> None:
    goals = (
        Goal("fast", "Hz", 10, 11.0),
        Goal("slow", "ms", 4, 4.5, at_most=True, reason="the network"),
        Goal("absent", "ms", 6, None, at_most=True, reason="no GPU"),
    )
    assert [goal.reached for goal in goals] == [True, False, None]
    text = Report("name", "command", (), goals=goals).markdown()
    assert "| fast | >= 10 Hz | 11 Hz | yes |  |" in text
    assert "| slow | <= 4 ms | 4.5 ms | **no** | the network |" in text
    assert "| absent | <= 6 ms | - | not measured | no GPU |" in text
