# SPDX-License-Identifier: Apache-2.0
"""The page of all benchmarks, and how a run is compared with an older one."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bifuse_core.bench.comparison import compare_reports
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.page import Failure, Page
from bifuse_core.bench.report import Column, Report, Table
from bifuse_core.bench.stored import read_reports
from bifuse_core.commands import bench as command

COLUMNS = (
    Column("network"),
    Column("threads"),
    Column("ms", ".1f", "low"),
    Column("rate", ".1f", "high"),
    Column("spread", ".1f"),
)
ROWS = (("edge", 1, 20.0, 50.0, 1.0), ("edge", 2, 10.0, 100.0, 1.0), ("bdl", 1, 0.0, None, 1.0))


def report(rows: tuple[tuple[str | float | None, ...], ...] = ROWS, **values: object) -> Report:
    table = Table("Times", "", COLUMNS, rows)
    made = Report(
        "speed", "./bifuse bench speed", (table,), ("numpy",), "this machine", "2026-01-02"
    )
    return replace(made, **values)  # type: ignore[arg-type]


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def fake(name: str, made: Report | Exception) -> SimpleNamespace:
    """Return a benchmark with one option, whose value becomes the report's command."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--runs", default="5")

    def measure(args: argparse.Namespace) -> Report:
        if isinstance(made, Exception):
            raise made
        return replace(made, name=name, command=f"runs {args.runs}")

    return SimpleNamespace(SUMMARY=f"measures {name}", add_arguments=add_arguments, measure=measure)


def run(benches: dict[str, SimpleNamespace], *arguments: str) -> int:
    parser = argparse.ArgumentParser("bench")
    command.add_arguments(parser, benches)  # type: ignore[arg-type]
    return command.run(parser.parse_args(list(arguments)))


def test_numbers_are_compared_row_by_row_and_only_those_beyond_noise_are_named() -> None:
    # In another order; 10 % slower is within the noise, twice is not.
    old = report((ROWS[2], ROWS[1], ROWS[0]))
    new = report((("edge", 1, 22.0, 50.0, 1.0), ("edge", 2, 20.0, 150.0, 3.0), ROWS[2]))
    text = compare_reports([new], [old], noise=1.15)
    assert lines(text, "| edge | 1") == ["| edge | 1 | 1.10 | 1.00 | 1.00 |  |"]
    assert lines(text, "| edge | 2") == [
        "| edge | 2 | 2.00 | 1.50 | 3.00 | ms worse, rate better, spread higher |"
    ]
    assert lines(text, "| bdl | 1") == ["| bdl | 1 | 1.00 | = | 1.00 |  |"]
    assert "Beyond 1.15 times: 1 worse, 1 better, 1 otherwise changed." in text
    assert "two machines" not in text and "alone" not in text


def test_the_noise_is_the_same_either_way() -> None:
    new = report((("edge", 1, 10.0, 25.0, 0.5), *ROWS[1:]))
    row = "| edge | 1 | 0.50 | 0.50 | 0.50 |"
    for noise, found in ((1.9, "ms better, rate worse, spread lower"), (2.1, "")):
        text = compare_reports([new], [report()], noise)
        assert lines(text, "| edge | 1") == [f"{row} {found} |"]


@pytest.mark.parametrize(
    ("old", "new", "shown", "verdict"),
    [
        (0.0, 0.0, "1.00", ""),
        (0.0, 3.0, "from 0", "ms worse"),
        (3.0, 0.0, "0.00", "ms better"),
        (-2.0, -4.0, "-", ""),
        (-2.0, -2.0, "1.00", ""),
        (None, 3.0, "- -> 3", ""),
        (3.0, None, "3 -> -", ""),
        (None, None, "=", ""),
        ("quick", "slow", "quick -> slow", ""),
    ],
)
def test_what_has_no_ratio_is_shown_all_the_same(
    old: str | float | None, new: str | float | None, shown: str, verdict: str
) -> None:
    before, now = (report((("edge", 1, value, 1.0, 1.0),)) for value in (old, new))
    row = f"| edge | 1 | {shown} | 1.00 | 1.00 | {verdict} |"
    assert lines(compare_reports([now], [before]), "| edge") == [row]


def test_what_only_one_version_has_is_listed() -> None:
    renamed = (COLUMNS[0], COLUMNS[1], Column("ms", ".1f"), Column("pairs/s", ".1f"), COLUMNS[4])
    tables = (Table("Times", "", renamed, ROWS[:2]), Table("Costs", "", COLUMNS[:1], ()))
    text = compare_reports([report()], [report(tables=tables, goals=(Goal("g", "s", 1, 2.0),))])
    (line,) = lines(text, "In one of both alone")
    for part in (
        "table, old: Costs",
        "goal, old: g",
        "column of Times, old: pairs/s",
        "column of Times, new: rate",
        "row of Times, new: bdl 1",
    ):
        assert part in line
    # The new version knows that a long time is worse.
    assert lines(text, "| edge | 2") == ["| edge | 2 | 1.00 | 1.00 |  |"]


def test_a_label_that_came_later_does_not_hide_the_rows() -> None:
    older = Table("Times", "", (COLUMNS[0], COLUMNS[2]), (("edge", 10.0), ("bdl", 0.0)))
    text = compare_reports([report()], [report(tables=(older,))])
    assert "| edge | 2.00 | ms worse |" in text
    assert "column of Times, new: threads, rate, spread" in text


def test_goals_tell_what_was_reached_before_and_now() -> None:
    old = report(goals=(Goal("fast", "Hz", 10, 12.0), Goal("late", "ms", 5, None, at_most=True)))
    new = report(goals=(Goal("fast", "Hz", 10, 6.0), Goal("late", "ms", 5, 4.0, at_most=True)))
    text = compare_reports([new], [old])
    assert "| fast | 12 Hz (reached) | 6 Hz (missed) | 0.50 | worse |" in text
    assert "| late | - | 4 ms (reached) | - |  |" in text


def test_another_machine_and_other_options_are_said() -> None:
    old = report(machine="a tractor", date="2025-12-24", command="./bifuse bench speed --runs 9")
    text = compare_reports([report()], [old])
    assert "New: 2026-01-02, this machine." in text
    assert "Old: 2025-12-24, a tractor." in text
    assert "two machines" in text
    assert "`./bifuse bench speed --runs 9`" in text


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="holds other"):
        compare_reports([report()], [report(name="other")])


def test_remarks_neither_label_nor_count() -> None:
    columns = (*COLUMNS[:1], COLUMNS[2], Column("lost to", remark=True))
    tables = [Table("T", "", columns, (("edge", 2.0, note),)) for note in ("-", "late: 3")]
    old, new = (report(tables=(table,)) for table in tables)
    text = compare_reports([new], [old])
    assert "| edge | 1.00 |  |" in text
    assert "alone" not in text and "late" not in text


def test_a_part_that_failed_is_said_and_gives_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    benches = {"one": fake("one", report(failures=("60 Hz",))), "two": fake("two", report())}
    assert run(benches, "one") == 1
    assert "**Failed: 60 Hz.**" in capsys.readouterr().out
    assert run(benches, "all") == 1
    assert "**Failed: 60 Hz of one.**" in capsys.readouterr().out
    assert run(benches, "two") == 0


def test_reports_and_pages_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = report(goals=(Goal("late", "ms", 5, 4.0, at_most=True),))
    made.write(tmp_path)
    (found,) = read_reports(tmp_path / "speed.json")
    assert found.tables == made.tables and found.goals == made.goals
    assert (found.machine, found.date, found.command) == (made.machine, made.date, made.command)
    Page("all", (made, Failure("x", "y"), replace(made, name="two"))).write(tmp_path)
    assert [r.name for r in read_reports(tmp_path / "benchmarks.json")] == ["speed", "two"]


def test_reports_of_other_versions_are_read(tmp_path: Path) -> None:
    older = {
        "name": "speed",
        "command": "c",
        "tables": [
            {"title": "T", "note": "", "columns": [{"title": "ms", "form": ".1f"}], "rows": [[1]]}
        ],
    }
    newer = {**older, "weather": "fine", "goals": [{**vars(Goal("g", "s", 1, 2.0)), "hue": 3}]}
    for document in (older, newer):
        file = tmp_path / "old.json"
        file.write_text(json.dumps(document))
        (found,) = read_reports(file)
        assert found.tables == (Table("T", "", (Column("ms", ".1f"),), ((1,),)),)
    assert found.goals == (Goal("g", "s", 1, 2.0),)


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", "{}", '{"reports": 3}', '{"name": "n", "command": "c", "tables": 1}']
)
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="old.json: no report of `bifuse bench`"):
        read_reports(file)


def test_all_makes_one_page_with_the_goals_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goals = (Goal("soon", "ms", 5, 9.0, at_most=True, reason="it dawdles"),)
    benches = {"one": fake("one", report()), "two": fake("two", report(goals=goals))}
    assert run(benches, "all", "--out", str(tmp_path / "new")) == 0
    captured = capsys.readouterr()
    text = (tmp_path / "new" / "benchmarks.md").read_text()
    assert captured.out.strip() == text.strip()
    assert "[2/2] two: measures two" in captured.err
    assert "| two | soon | <= 5 ms | 9 ms | **no** | it dawdles |" in text
    headings = [line for line in text.splitlines() if line.startswith(("# ", "## ", "### Goals"))]
    assert headings == ["# Benchmarks", "### Goals", "## one", "## two"]


def test_a_bench_that_fails_does_not_take_the_others_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benches = {"one": fake("one", RuntimeError("no fuel")), "two": fake("two", report())}
    assert run(benches, "all", "--out", str(tmp_path)) == 1
    text = capsys.readouterr().out
    assert "**Failed: one.**" in text
    assert "## one\n\n**Failed**: RuntimeError: no fuel\n" in text
    assert "| edge | 1 | 20.0 |" in text
    page = json.loads((tmp_path / "benchmarks.json").read_text())
    assert page["failures"] == {"one": "RuntimeError: no fuel"}
    assert [made["name"] for made in page["reports"]] == ["two"]


def test_quick_shortens_the_benches_that_can_be(tmp_path: Path) -> None:
    benches = {"one": fake("one", report()), "two": fake("two", report())}
    benches["one"].QUICK = ("--runs", "1")
    for options, runs in (((), ["runs 5", "runs 5"]), (("--quick",), ["runs 1", "runs 5"])):
        assert run(benches, "all", "--out", str(tmp_path), *options) == 0
        page = json.loads((tmp_path / "benchmarks.json").read_text())
        assert [made["command"] for made in page["reports"]] == runs
    assert page["command"] == "./bifuse bench all --quick"


def test_one_bench_is_compared_with_a_page_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = report((("edge", 1, 40.0, 50.0, 1.0), *ROWS[1:]))
    old = {"one": fake("one", report()), "two": fake("two", report())}
    assert run(old, "all", "--out", str(tmp_path)) == 0
    capsys.readouterr()
    file = str(tmp_path / "benchmarks.json")
    assert run({"two": fake("two", slow)}, "two", "--compare", file) == 0
    text = capsys.readouterr().out
    assert "| edge | 1 | 2.00 | 1.00 | 1.00 | ms worse |" in text
    assert "In one of both alone: one." in text
    assert run({"two": fake("two", slow)}, "two", "--compare", file, "--noise", "2.5") == 0
    assert "| edge | 1 | 2.00 | 1.00 | 1.00 |  |" in capsys.readouterr().out


def test_a_noise_that_is_no_ratio_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run({"one": fake("one", report())}, "one", "--noise", "0.9")
    assert "--noise: 0.9 is below 1" in capsys.readouterr().err


def test_the_old_file_is_read_before_anything_is_measured(tmp_path: Path) -> None:
    benches = {"one": fake("one", RuntimeError("measured"))}
    with pytest.raises(OSError, match="missing.json"):
        run(benches, "one", "--compare", str(tmp_path / "missing.json"))
    report(name="other").write(tmp_path)
    for name in ("one", "all"):
        with pytest.raises(ValueError, match="nothing to compare one with.*holds other"):
            run(benches, name, "--compare", str(tmp_path / "other.json"))
