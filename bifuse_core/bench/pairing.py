# SPDX-License-Identifier: Apache-2.0
"""How many true pairs the pairing finds, how many of its pairs are wrong, and what it costs."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import Protocol

from tqdm import tqdm

from bifuse_core.bench.approximate import ApproximateTime
from bifuse_core.bench.cameras import MS, Message, messages, periodic, true_pairs
from bifuse_core.bench.options import count
from bifuse_core.bench.pairing_goals import goals
from bifuse_core.bench.report import Column, Report, Table
from bifuse_core.bench.situations import SITUATIONS
from bifuse_core.streams.pairing import Pair, StreamPairing

SUMMARY = "pair two simulated cameras: pairs found and wrong beside the bounds, and time a message"
QUICK = ("--frames", "1500", "--seeds", "2")

STEADY = tuple((jitter, offset) for offset in (0, 10) for jitter in (5, 10, 15))
"""Jitter of the stamps and offset of the thermal ones, milliseconds."""
SLOPS = (20, 33, 50)

_FOUND = (
    Column("ATS found %", ".2f"),
    Column("ATS wrong %", ".2f"),
    Column("found %", ".2f", "high"),
    Column("wrong %", ".3f", "low"),
    Column("verified found %", ".2f", "high"),
    Column("verified wrong %", ".3f", "low"),
)


class Synchroniser(Protocol):
    """What pairs two streams."""

    def push(self, which: int, stamp: int, message: Message) -> list[Pair[Message]]:
        """Add one message and return the pairs that it completes."""
        ...


@dataclass
class Tally:
    """What one synchroniser made of the messages.

    Attributes:
        pairs, wrong: all its pairs, and those of two moments.
        verified, verified_wrong: of these, those that it vouches for.
        seconds, messages: time it took for how many.
        holds: nanoseconds from the arrival of a pair's later message to the pair.
    """

    pairs: int = 0
    wrong: int = 0
    verified: int = 0
    verified_wrong: int = 0
    seconds: float = 0.0
    messages: int = 0
    holds: list[int] = field(default_factory=list)

    def run(self, synchroniser: Synchroniser, sent: list[Message]) -> None:
        """Push all messages and count the pairs."""
        started = process_time()
        found = [
            (pair, message.arrival)
            for message in sent
            for pair in synchroniser.push(message.which, message.stamp, message)
        ]
        self.seconds += process_time() - started
        self.messages += len(sent)
        for pair, arrival in found:
            wrong = pair.thermal.moment != pair.rgb.moment
            self.pairs += 1
            self.wrong += wrong
            self.verified += pair.verified
            self.verified_wrong += wrong and pair.verified
            self.holds.append(arrival - max(pair.thermal.arrival, pair.rgb.arrival))

    def shares(self, true: int) -> tuple[float, float, float, float]:
        """Return % found and wrong of all pairs, and of the verified ones."""
        return (
            100 * (self.pairs - self.wrong) / true,
            100 * self.wrong / max(self.pairs, 1),
            100 * (self.verified - self.verified_wrong) / true,
            100 * self.verified_wrong / max(self.verified, 1),
        )

    @property
    def cost(self) -> float:
        """Microseconds of CPU time a message."""
        return self.seconds / self.messages * 1e6

    @property
    def hold(self) -> float:
        """The 99th percentile of the holds, milliseconds."""
        return sorted(self.holds)[len(self.holds) * 99 // 100] / MS if self.holds else 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench pairing`."""
    parser.add_argument("--frames", type=count, default=6000, help="moments that both cameras see")
    parser.add_argument("--seeds", type=count, default=10, help="repetitions with other jitter")


def measure(args: argparse.Namespace) -> Report:
    """Return both tables."""
    command = "./bifuse bench pairing"
    if (args.frames, args.seeds) != (6000, 10):
        command += f" --frames {args.frames} --seeds {args.seeds}"
    # As in the node: collections do not look at what the other benchmarks have made.
    gc.freeze()
    try:
        steady = steady_table(args.frames, args.seeds)
        tables = (steady, situations_table(args.frames, args.seeds))
    finally:
        gc.unfreeze()
    return Report("pairing", command, tables, ("numpy",), goals=goals(steady, args.frames))


def bound(jitter: float, offset: float, slop: float) -> float:
    """Return the % of true pairs whose stamps lie within the slop: what nothing can exceed.

    Their distance is the offset plus the difference of two errors, each uniform within the jitter.
    """

    def below(distance: float) -> float:
        x = min(max(distance / (2 * jitter), -1.0), 1.0)
        return (1 + x) ** 2 / 2 if x < 0 else 1 - (1 - x) ** 2 / 2

    return 100 * (below(slop - offset) - below(-slop - offset))


def compare(runs: Iterable[list[Message]], slop: int) -> tuple[Tally, Tally]:
    """Return what the ApproximateTimeSynchronizer and ours make of some runs; slop in ns."""
    theirs, ours = Tally(), Tally()
    for sent in runs:
        theirs.run(ApproximateTime(slop), sent)
        ours.run(StreamPairing(slop), sent)
    return theirs, ours


def steady_table(frames: int, seeds: int) -> Table:
    """Return the table of two steady cameras of 30 Hz."""
    rows = []
    for jitter, offset in tqdm(STEADY, desc="steady cameras"):
        runs = [
            messages(Random(seed), frames, periodic(offset=offset * MS), jitter=jitter * MS)
            for seed in range(seeds)
        ]
        true = sum(true_pairs(sent) for sent in runs)
        for slop in SLOPS:
            theirs, ours = compare(runs, slop * MS)
            limit = bound(jitter, offset, slop)
            shares = (*theirs.shares(true)[:2], *ours.shares(true))
            rows.append((jitter, offset, slop, limit, *shares, ours.hold, ours.cost))
    return Table(
        "Two steady cameras",
        f"30 Hz each, uniform jitter, 5 % of the messages dropped, {frames} moments, mean of "
        f"{seeds} seeds, from the first message on, offset not told. Found: of the true pairs; "
        "wrong: of the pairs that left. Verified: only pairs made by both cadences, as "
        "`Pair.verified` says; before these are known, the nearest stamps are paired. Bound: share "
        "of the true pairs whose stamps lie within the slop. ATS: the algorithm of "
        "message_filters' ApproximateTimeSynchronizer. Hold: 99th percentile of the time from the "
        "arrival of a pair's later message. Cost: CPU time a message.",
        (
            Column("jitter +-ms"),
            Column("offset ms"),
            Column("slop ms"),
            Column("bound %", ".1f"),
            *_FOUND,
            Column("hold ms", ".1f", "low"),
            Column("cost us", ".1f", "low"),
        ),
        tuple(rows),
    )


def situations_table(frames: int, seeds: int) -> Table:
    """Return the table of what happens besides."""
    rows = []
    for name, situation in tqdm(SITUATIONS.items(), desc="situations"):
        runs = [situation(Random(seed), frames) for seed in range(seeds)]
        for slop in SLOPS[:2]:
            true = sum(true_pairs(sent, slop * MS) for sent in runs)
            theirs, ours = compare(runs, slop * MS)
            rows.append((name, slop, *theirs.shares(true)[:2], *ours.shares(true), ours.cost))
    return Table(
        "What happens besides",
        "As above, with jitter of 3 or 5 ms; found: of the true pairs within the slop. What comes "
        "after a later message of its camera is dropped, since pairs leave in order. Verified "
        "pairs are few where there is no cadence.",
        (Column("situation"), Column("slop ms"), *_FOUND, Column("cost us", ".1f", "low")),
        tuple(rows),
    )
