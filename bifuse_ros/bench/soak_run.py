# SPDX-License-Identifier: Apache-2.0
"""How a long run goes: memory, rates and ages from time to time, and its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console

from bifuse_core.bench.process_meter import resident_mebibytes
from bifuse_core.streams.meters import LatencyMeter
from bifuse_ros.bench.chain import PATIENCE, Chain
from bifuse_ros.bench.listener import CAMERAS, RESULTS, Arrival
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.measurement import Stream, percentiles, rate_of
from bifuse_ros.processes import NodeError

INTERVAL = 5.0
"""Seconds between two samples."""
AGES = 1 << 16
"""Of each stream, the last ones, that are kept: half an hour of 30 Hz."""


@dataclass
class Memory:
    """Samples of the resident memory of both processes.

    Attributes:
        minutes: from the first image.
        node: MiB.
        cameras: MiB.
    """

    minutes: list[float] = field(default_factory=list)
    node: list[float] = field(default_factory=list)
    cameras: list[float] = field(default_factory=list)


@dataclass
class Tally:
    """Messages of one topic in a long run, in memory that does not grow with it.

    Attributes:
        count: of all.
        stamps: the first and the last, nanoseconds.
        ages: of the last `AGES`, seconds.
    """

    count: int = 0
    stamps: tuple[int, int] = (0, 0)
    ages: LatencyMeter = field(default_factory=partial(LatencyMeter, AGES))

    def add(self, arrivals: list[Arrival]) -> None:
        """Take in what came."""
        if not arrivals:
            return
        self.stamps = self.stamps[0] if self.count else arrivals[0].stamp, arrivals[-1].stamp
        self.count += len(arrivals)
        for arrival in arrivals:
            self.ages.add(arrival.age)

    @property
    def stream(self) -> Stream:
        """Rate by the stamps, and ages."""
        return Stream(rate_of(self.count, *self.stamps), percentiles(self.ages))


@dataclass(frozen=True)
class SoakRun:
    """How a run went.

    Attributes:
        memory: what both processes needed.
        streams: rates and ages of the whole run, by name.
        losses: what became of all pairs.
        values: the node's last diagnostics of the fusion.
        sights: the same of detector and segmenter, by name.
    """

    memory: Memory
    streams: dict[str, Stream]
    losses: Losses
    values: dict[str, str]
    sights: dict[str, dict[str, str]]


def watch(chain: Chain, seconds: float, console: Console) -> SoakRun:
    """Let the cameras play, sampling meanwhile, until they end; return how it went.

    Args:
        chain: the processes.
        seconds: that the cameras are to play; they may take longer.
        console: for a line now and then.

    Raises:
        NodeError: a node ended early, or the cameras fell silent.
    """
    memory = Memory()
    tallies = {name: Tally() for name in (*CAMERAS, *RESULTS)}
    # Enough samples of a short run too.
    interval = min(INTERVAL, seconds / 12)
    chain.start_cameras()
    started = before = heard = time.monotonic()
    with console.status("starting") as status:
        while chain.cameras.ended() is None:
            memory.minutes.append((before - started) / 60)
            memory.node.append(resident_mebibytes(chain.node.pid))
            memory.cameras.append(resident_mebibytes(chain.cameras.pid))
            chain.spin(interval)
            now = time.monotonic()
            came = chain.listener.take()
            for name, arrivals in came.items():
                tallies[name].add(arrivals)
            heard = now if came["rgb"] else heard
            if now - heard > PATIENCE:
                raise NodeError(f"no image for {PATIENCE:.0f} s:\n{chain.cameras.last_words()}")
            recent = {name: Stream.of(came[name], now - before) for name in RESULTS}
            line = live_line(chain, memory, recent, tallies["rgb"].count)
            before = now
            if console.is_terminal:
                status.update(line)
            else:
                console.print(line)
        losses = chain.finish()
    for name, arrivals in chain.listener.take().items():
        tallies[name].add(arrivals)
    streams = {name: tally.stream for name, tally in tallies.items()}
    return SoakRun(memory, streams, losses, chain.listener.values, chain.listener.sights)


def live_line(chain: Chain, memory: Memory, recent: dict[str, Stream], published: int) -> str:
    """Return the state in one line; rates and ages are those of the last interval."""
    values, ages = chain.listener.values, recent["fused"].ages
    aged = f", age p95 {ages[1]:.0f} ms" if ages else ""
    rates = ", ".join(f"{name} {found.rate:.1f} Hz" for name, found in recent.items())
    return (
        f"{memory.minutes[-1]:.1f} min: {rates}{aged}; node {memory.node[-1]:.0f} MiB, cameras "
        f"{memory.cameras[-1]:.0f} MiB; published {published}, fused {values.get('fused', 0)}, "
        f"displaced {values.get('displaced', 0)}"
    )
