# SPDX-License-Identifier: Apache-2.0
"""The report of a long run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bifuse_core.bench.goal import Goal
from bifuse_core.bench.report import Column, Report, Table, Value, installed
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.goals import where_time_goes
from bifuse_ros.bench.soak_run import AGES, SoakRun
from bifuse_ros.bench.soak_trend import Trend, trend
from bifuse_ros.bench.tables import LOST, PACKAGES, age_columns, ages

SETTLING = 0.2
"""Share of a run at its start in which memory still fills."""


def soak_report(
    case: Case, run: SoakRun, cores: Sequence[int], options: argparse.Namespace
) -> Report:
    """Return the report.

    Its goals are what a run is to reach. It has failed only where the memory surely grows beyond
    the limit, or something was lost that no counter explains: a short run cannot tell that memory
    stays, and a slow machine displaces pairs as it should.

    Args:
        case: what was run.
        run: how it went.
        cores: on which, by their numbers.
        options: `minutes`, `backend`, `threads`, `limit` (MiB/min) and `cores` of the command line.
    """
    memory, losses = run.memory, run.losses
    settled = next(
        (i for i, m in enumerate(memory.minutes) if m >= SETTLING * memory.minutes[-1]), 0
    )
    grown = {
        name: trend(memory.minutes[settled:], samples[settled:])
        for name, samples in (("node", memory.node), ("cameras", memory.cameras))
    }
    failures = []
    if grown["node"] and grown["node"].least > options.limit:
        failures.append(f"the node's memory grows by more than {options.limit:g} MiB/min")
    if losses.unexplained:
        failures.append("images or pairs are lost unexplained")
    command = f"./bifuse soak --minutes {options.minutes:g}"
    command += f" --backend {options.backend}" if options.backend != "torch" else ""
    command += f" --threads {options.threads}" if options.threads != 1 else ""
    command += f" --limit {options.limit:g}" if options.limit != 1.0 else ""
    command += f" --cores {options.cores}" if options.cores != 2 else ""
    return Report(
        "soak",
        command,
        (pairs_table(case, run, cores), streams_table(run), memory_table(run, grown, settled)),
        installed(*PACKAGES),
        goals=(
            _growth_goal(grown["node"], options.limit),
            Goal(
                "images that never arrived, and pairs whose end no counter tells",
                "",
                0,
                losses.unexplained,
                at_most=True,
                reason=f"of all that were lost: {losses.text}" if losses.unexplained else "",
            ),
            _lost_goal(run),
        ),
        failures=tuple(failures),
    )


def _growth_goal(grown: Trend | None, limit: float) -> Goal:
    name = "growth of the node's memory, upper end of its 95 % interval"
    goal = Goal(name, "MiB/min", limit, grown.most if grown else None, at_most=True)
    if grown is None:
        return replace(goal, reason="the run was too short")
    if goal.reached:
        return goal
    sure = "it surely grows" if grown.least > limit else "a longer run would tell"
    return replace(goal, reason=f"{grown.slope:+.3f} +- {grown.error:.3f} MiB/min: {sure}")


def _lost_goal(run: SoakRun) -> Goal:
    goal = Goal("pairs lost", "pairs", 0, run.losses.lost, at_most=True)
    if goal.reached:
        return goal
    return replace(goal, reason=f"{run.losses.text}; {where_time_goes(run.values, run.sights)}")


def pairs_table(case: Case, run: SoakRun, cores: Sequence[int]) -> Table:
    """Return what became of the pairs."""
    losses = run.losses
    wanted = f"fused image, boxes and masks subscribed ({case.backend})"
    return Table(
        "Pairs",
        f"Cameras of {case.size}, {case.rate} Hz, thermal {case.thermal}, stamps jittered by "
        f"+-{1e3 * case.jitter:g} ms; {wanted if case.backend else 'fused image subscribed'}; all "
        f"on the cores {', '.join(map(str, cores))}. From the first image to the last. A pair is "
        "displaced where a newer one came before it could be fused.",
        (*(Column(title, "d") for title in ("published", "paired", "fused")), *LOST),
        ((losses.published, losses.paired, losses.fused, losses.lost, losses.text),),
    )


def streams_table(run: SoakRun) -> Table:
    """Return rates and ages of the whole run."""
    rows = tuple((name, found.rate, *ages(found)) for name, found in run.streams.items())
    return Table(
        "Rates and ages",
        "Age: from stamp to receipt; the jitter of the stamps is in it. Percentiles by nearest "
        f"rank, of the last {AGES} messages. Of the cameras, that of their camera_info.",
        (Column("stream"), Column("Hz", ".2f", "high"), *age_columns("age")),
        rows,
    )


def memory_table(run: SoakRun, grown: Mapping[str, Trend | None], settled: int) -> Table:
    """Return the memory of both processes."""
    rows: list[tuple[Value, ...]] = []
    for name, samples in (("node", run.memory.node), ("cameras", run.memory.cameras)):
        slope = grown[name] or (None, None)
        rows.append((name, samples[0], samples[settled], samples[-1], max(samples), *slope))
    return Table(
        "Memory",
        f"Resident, in MiB, with what Fast DDS shares. Growth: straight line through the samples "
        f"after the first {SETTLING:.0%} of the run, with its 95 % interval.",
        (
            Column("process"),
            *(Column(title, ".1f", "low") for title in ("at first", "settled", "at last", "most")),
            Column("growth MiB/min", "+.3f", "low"),
            Column("+-", ".3f"),
        ),
        tuple(rows),
    )
