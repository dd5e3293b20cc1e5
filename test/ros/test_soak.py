# SPDX-License-Identifier: Apache-2.0
"""The long run: how it is watched, whether its memory grows, and when it has failed."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from node_counters import diagnosed
from rich.console import Console

from bifuse_ros.bench import soak_run
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.listener import CAMERAS, RESULTS, Arrival
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.soak_report import soak_report
from bifuse_ros.bench.soak_run import Memory, SoakRun, watch
from bifuse_ros.bench.soak_trend import trend
from bifuse_ros.processes import NodeError


class PlayedChain:
    """Stands for the processes: each look at it lasts a tenth of a second and brings ten pairs."""

    def __init__(self, looks: int, heard: int | None = None) -> None:
        self.looks, self.heard, self.seen = looks, looks if heard is None else heard, 0
        self.node = SimpleNamespace(pid=os.getpid())
        self.cameras = SimpleNamespace(
            pid=os.getpid(), ended=self.ended, last_words=lambda: "no more pictures"
        )
        self.listener = SimpleNamespace(take=self.take, values=diagnosed(), sights={})

    def start_cameras(self) -> None:
        """They are there."""

    def ended(self) -> int | None:
        return 0 if self.seen >= self.looks else None

    def spin(self, seconds: float) -> None:
        self.seen += 1

    def take(self) -> dict[str, list[Arrival]]:
        came: dict[str, list[Arrival]] = {name: [] for name in (*CAMERAS, *RESULTS)}
        if self.seen <= self.heard:
            numbers = range(10 * self.seen, 10 * self.seen + 10)
            for name in (*CAMERAS, "fused"):
                came[name] = [Arrival(number * 10**7, 0.02) for number in numbers]
        return came

    def finish(self) -> Losses:
        self.seen += 1
        return Losses.read(100, diagnosed())


def test_a_run_is_watched_until_the_cameras_end(capsys: pytest.CaptureFixture[str]) -> None:
    # Longer than the cameras were asked to play.
    run = watch(PlayedChain(30), 1.0, Console(width=300))  # type: ignore[arg-type]
    assert len(run.memory.minutes) == len(run.memory.node) == len(run.memory.cameras) == 30
    assert run.streams["rgb"].rate == pytest.approx(100)
    assert run.streams["fused"].ages == pytest.approx((20, 20, 20))
    assert run.streams["masks"].rate == 0 and run.streams["masks"].ages is None
    printed = capsys.readouterr().out.splitlines()
    assert "published 300, fused 100, displaced 0" in printed[-1]


def test_cameras_that_fall_silent_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_run, "PATIENCE", 0.05)
    with pytest.raises(NodeError, match="(?s)no image for.*no more pictures"):
        watch(PlayedChain(10**6, heard=3), 1.0, Console(quiet=True))  # type: ignore[arg-type]


def noise(count: int, correlation: float, seed: int) -> np.ndarray:
    random, values = np.random.default_rng(seed), [0.0]
    for _ in range(count - 1):
        values.append(correlation * values[-1] + random.normal())
    return np.array(values)


def test_a_trend_is_the_line_of_least_squares() -> None:
    times = np.linspace(0, 10, 120)
    values = 700 + 2.5 * times + noise(120, 0.0, seed=1)
    found = trend(list(times), list(values))
    assert found is not None
    (slope, _), covariance = np.polyfit(times, values, 1, cov=True)
    assert found.slope == pytest.approx(slope)
    # As of independent errors, since these are.
    assert found.error == pytest.approx(1.96 * covariance[0, 0] ** 0.5, rel=0.3)
    assert trend([1, 2, 3], [1, 2, 3]) is None
    exact = trend([0, 1, 2, 3, 4], [5.0] * 5)
    assert exact is not None and exact == (0, 0)


def test_memory_that_wanders_is_told_from_a_leak() -> None:
    times = np.linspace(0, 8, 96)

    def grows(leak: float, seed: int) -> bool:
        found = trend(list(times), list(600 + leak * times + noise(96, 0.8, seed)))
        assert found is not None
        return found.least > 0

    assert sum(grows(0.0, seed) for seed in range(100)) <= 12
    assert sum(grows(3.0, seed) for seed in range(100)) >= 95


@pytest.mark.parametrize(
    ("leak", "noise_level", "displaced", "missing", "reached", "failures"),
    [
        (0.0, 0.01, 0, 0, [True, True, True], 0),
        # A pair that was displaced is no fault of the node.
        (0.0, 0.01, 3, 0, [True, True, False], 0),
        (3.0, 0.01, 0, 0, [False, True, True], 1),
        # The interval holds the limit: not shown, but no failure either.
        (1.0, 2.0, 0, 0, [False, True, True], 0),
        (0.0, 0.01, 0, 1, [True, False, False], 1),
    ],
)
def test_a_soak_fails_only_where_it_is_sure(
    leak: float,
    noise_level: float,
    displaced: int,
    missing: int,
    reached: list[bool],
    failures: int,
) -> None:
    minutes = list(np.linspace(0, 10, 120))
    node = list(600 + leak * np.array(minutes) + noise(120, 0.0, 1) * noise_level)
    fused = 100 - displaced - missing
    values = {"displaced": displaced, "fused": fused, "pairing paired": 100 - missing}
    values["pairing received"] = f"{100 - missing} + 100"
    losses = Losses.read(100, diagnosed(**values))
    run = SoakRun(Memory(minutes, node, node), {}, losses, {"fuse p50 (ms)": "9.00"}, {})
    options = argparse.Namespace(minutes=10, backend="none", threads=1, limit=1.0, cores=2)
    report = soak_report(Case(), run, (0, 1), options)
    assert [goal.reached for goal in report.goals] == reached
    assert all(bool(goal.reason) != goal.reached for goal in report.goals)
    assert len(report.failures) == failures


MINUTES, RATE = 10, 30


@pytest.mark.long
@pytest.mark.timeout(60 * MINUTES + 300)
def test_ten_minutes_lose_no_pair_and_no_memory(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    options = ["--minutes", str(MINUTES), "--backend", "none", "--out", str(tmp_path)]
    soak = process("bifuse_ros.bench.soak", *options)
    output, _ = soak.communicate()
    assert soak.returncode == 0, output
    report = json.loads((tmp_path / "soak.json").read_text())
    growth, unexplained, _ = report["goals"]
    assert growth["found"] <= growth["limit"], growth["reason"]
    assert unexplained["found"] == 0, unexplained["reason"]
    ((published, _, fused, lost, causes),) = report["tables"][0]["rows"]
    assert fused + lost == published == 60 * MINUTES * RATE
    # A machine that has other things to do, too, may displace some, and loses nothing else.
    assert re.fullmatch(r"-|pairs displaced: \d+", causes), causes
    assert lost < published / 2
