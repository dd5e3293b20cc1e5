# SPDX-License-Identifier: Apache-2.0
"""How a long run goes: memory, rates and ages from time to time, and its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Console

from bifuse_ros.bench.chain import Chain
from bifuse_ros.bench.listener import RESULTS
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.measurement import Stream
from bifuse_ros.bench.process_meter import resident_megabytes

INTERVAL = 5.0
"""Seconds between two samples."""


@dataclass
class Memory:
    """Samples of the resident memory of both processes.

    Attributes:
        minutes: from the first image.
        node: MB.
        cameras: MB.
    """

    minutes: list[float] = field(default_factory=list)
    node: list[float] = field(default_factory=list)
    cameras: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """How a run went.

    Attributes:
        memory: what both processes needed.
        streams: rates and ages of the whole run, by name.
        losses: what became of all pairs.
    """

    memory: Memory
    streams: dict[str, Stream]
    losses: Losses


def watch(chain: Chain, seconds: float, console: Console) -> Course:
    """Let the cameras play for so long, sampling meanwhile; return how it went.

    Raises:
        NodeError: a node ended early.
    """
    memory = Memory()
    # Enough samples of a short run too.
    interval = min(INTERVAL, seconds / 12)
    chain.start_cameras()
    started, began = time.monotonic(), time.time_ns()
    due = interval
    with console.status("starting") as status:
        while due < seconds and chain.cameras.ended() is None:
            chain.spin(started + due - time.monotonic())
            due += interval
            memory.minutes.append((time.monotonic() - started) / 60)
            memory.node.append(resident_megabytes(chain.node.pid))
            memory.cameras.append(resident_megabytes(chain.cameras.pid))
            line = live_line(chain, memory, interval)
            if console.is_terminal:
                status.update(line)
            else:
                console.print(line)
        losses = chain.finish()
    streams = {}
    for name, arrivals in chain.listener.arrivals.items():
        last = arrivals[-1].received + 1 if arrivals else time.time_ns()
        streams[name] = Stream.of(arrivals, began, last)
    return Course(memory, streams, losses)


def live_line(chain: Chain, memory: Memory, interval: float) -> str:
    """Return the state in one line; rates and ages are those of the last interval, seconds."""
    now = time.time_ns()
    since = now - round(interval * 1e9)
    arrivals, values = chain.listener.arrivals, chain.listener.values
    rates = {name: Stream.of(arrivals[name][-1000:], since, now) for name in RESULTS}
    ages = rates["fused"].ages
    aged = f", age p95 {ages[1]:.0f} ms" if ages else ""
    heard = ", ".join(f"{name} {found.rate:.1f} Hz" for name, found in rates.items())
    return (
        f"{memory.minutes[-1]:.1f} min: {heard}{aged}; node {memory.node[-1]:.0f} MB, cameras "
        f"{memory.cameras[-1]:.0f} MB; published {len(arrivals['rgb'])}, fused "
        f"{values.get('fused', 0)}, displaced {values.get('displaced', 0)}"
    )
