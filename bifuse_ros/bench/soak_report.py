# SPDX-License-Identifier: Apache-2.0
"""The report of a long run."""

from __future__ import annotations

import argparse

from bifuse_core.bench.goal import Goal
from bifuse_core.bench.report import Column, Report, Table, Value
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.course import Course
from bifuse_ros.bench.tables import age_columns, ages
from bifuse_ros.bench.trend import Trend, trend
from bifuse_ros.bench.versions import packages

WARM_UP = 0.2
"""Share of a run at its start in which memory still fills."""


def soak_report(case: Case, course: Course, options: argparse.Namespace) -> Report:
    """Return the report; its goals are what a run must reach to pass."""
    memory, grown = course.memory, {}
    warm = next((i for i, m in enumerate(memory.minutes) if m >= WARM_UP * options.minutes), 0)
    for name, samples in (("node", memory.node), ("cameras", memory.cameras)):
        grown[name] = trend(memory.minutes[warm:], samples[warm:])
    goals = (
        Goal(
            "growth of the node's memory, lower end of its 95 % interval",
            "MB/min",
            options.limit,
            grown["node"].least if grown["node"] else None,
            at_most=True,
            reason="" if grown["node"] else "the run was too short",
        ),
        Goal(
            "images that never arrived, and pairs whose end no counter tells",
            "",
            0,
            course.losses.unexplained,
            at_most=True,
        ),
    )
    command = f"./bifuse soak --minutes {options.minutes:g}"
    command += f" --backend {options.backend}" if options.backend != "torch" else ""
    command += f" --limit {options.limit:g}" if options.limit != 1.0 else ""
    command += f" --cores {options.cores}" if options.cores != 2 else ""
    tables = (pairs_table(case, course), streams_table(course), memory_table(course, grown, warm))
    return Report("soak", command, tables, packages(), goals=goals)


def pairs_table(case: Case, course: Course) -> Table:
    """Return what became of the pairs."""
    losses = course.losses
    return Table(
        "Pairs",
        f"Cameras of {case.size}, {case.rate} Hz, thermal {case.thermal}, stamps jittered by "
        f"+-{1e3 * case.jitter:g} ms; fused image, boxes and masks subscribed ({case.backend}). "
        "From the first image to the last. A pair is displaced where a newer one came before it "
        "could be fused.",
        tuple(Column(title) for title in ("published", "paired", "fused", "lost", "lost to")),
        ((losses.published, losses.paired, losses.fused, losses.lost, losses.text),),
    )


def streams_table(course: Course) -> Table:
    """Return rates and ages of the whole run."""
    rows = tuple((name, found.rate, *ages(found)) for name, found in course.streams.items())
    return Table(
        "Rates and ages",
        "Age: from stamp to receipt; the jitter of the stamps is in it. Of the cameras, that of "
        "their camera_info.",
        (Column("stream"), Column("Hz", ".2f"), *age_columns("age")),
        rows,
    )


def memory_table(course: Course, grown: dict[str, Trend | None], warm: int) -> Table:
    """Return the memory of both processes."""
    rows: list[tuple[Value, ...]] = []
    for name, samples in (("node", course.memory.node), ("cameras", course.memory.cameras)):
        slope = grown[name] or (None, None)
        rows.append((name, samples[0], samples[warm], samples[-1], max(samples), *slope))
    return Table(
        "Memory",
        f"Resident, in 2^20 bytes, with what Fast DDS shares. Growth: straight line through the "
        f"samples after the first {WARM_UP:.0%} of the run, with its 95 % interval.",
        (
            Column("process"),
            Column("at first", ".1f"),
            Column("warm", ".1f"),
            Column("at last", ".1f"),
            Column("greatest", ".1f"),
            Column("growth per min", "+.3f"),
            Column("+-", ".3f"),
        ),
        tuple(rows),
    )
