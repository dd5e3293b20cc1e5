# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the running node: real processes and topics, and what is made of the numbers."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from spinning import PATIENCE, Client

from bifuse_ros.bench import node, seclusion
from bifuse_ros.bench.__main__ import main
from bifuse_ros.bench.cases import FUSION, PERCEPTION, Case, chosen
from bifuse_ros.bench.chain import running
from bifuse_ros.bench.course import watch
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.measurement import Measurement, Stream, measure_case
from bifuse_ros.bench.pictures import engine_milliseconds, write_pictures
from bifuse_ros.bench.soak_report import soak_report
from bifuse_ros.processes import NodeError

SMALL = Case(96, 80, 20, "mono16", jitter=0.003)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(SMALL.width, SMALL.height, tmp_path_factory.mktemp("pairs") / "small")


def processes_of(folder: Path) -> list[int]:
    """Return the processes whose parameter files lie in a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in file.read_bytes():
                found.append(int(file.parent.name))
        except OSError:  # it has just ended
            continue
    return found


# With real nodes


@pytest.mark.slow
def test_a_case_accounts_for_every_pair(pictures: Path, tmp_path: Path) -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    measured = measure_case(SMALL, pictures, tmp_path, domain, seconds=1.0, warm_up=0.5)
    losses = measured.losses
    assert losses.published == 40
    assert 0 < losses.fused <= losses.paired <= losses.published
    # Each pair made has met its end, and each message is somewhere.
    assert losses.paired == losses.fused + losses.displaced + losses.failed
    found = 2 * losses.paired + sum(losses.unpaired.values()) + losses.waiting
    assert found + losses.rejected + losses.missing == 80
    assert losses.failed == losses.rejected == 0
    assert losses.waiting >= 0
    assert measured.cameras > 0 and measured.fused.rate > 0
    assert measured.fused.ages is not None
    assert 0 < measured.fused.ages[0] <= measured.fused.ages[1] <= measured.fused.ages[2]
    assert measured.detections == Stream(0, None)
    assert measured.milliseconds is not None and measured.milliseconds > 0
    # A process with PyTorch in it.
    assert min(measured.memory) > 50
    assert {"fuse p50 (ms)", "receive p50 (ms)"} <= measured.values.keys()
    assert processes_of(tmp_path) == []


@pytest.mark.slow
def test_a_soak_watches_until_the_last_pair(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    with running(SMALL, pictures, tmp_path, domain, count=30) as chain:
        course = watch(chain, 1.5, Console())
        assert "played 30 pairs" in chain.cameras.last_words()
        heard = chain.listener.arrivals
    assert len({arrival.stamp for arrival in heard["fused"]}) == len(heard["fused"])
    assert {a.stamp for a in heard["fused"]} <= {a.stamp for a in heard["rgb"]}
    assert course.losses.fused >= len(heard["fused"]) > 0
    assert len(course.memory.node) == len(course.memory.minutes) >= 5
    assert "published" in capsys.readouterr().out
    options = argparse.Namespace(minutes=1.5 / 60, backend="torch", limit=1e6, cores=2)
    report = soak_report(SMALL, course, options)
    growth, unexplained = report.goals
    assert growth.reached
    assert unexplained.found == course.losses.missing
    assert f"| 30 | {course.losses.paired} | {course.losses.fused} |" in report.markdown()


def test_a_domain_with_somebody_in_it_is_not_free(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    monkeypatch.setattr(seclusion, "DOMAINS", range(domain, domain + 1))
    monkeypatch.setattr(seclusion, "TRIES", 1)
    monkeypatch.setattr(seclusion, "DISCOVERY", PATIENCE)
    with pytest.raises(NodeError, match=f"domains {domain}"):
        seclusion.free_domain()


# Cases and report


def test_cases_are_chosen_by_parts_of_their_names() -> None:
    names = [case.name for case in (*FUSION, *PERCEPTION)]
    assert len(set(names)) == len(names) == 12
    assert chosen(["1280x720-60hz"], False) == [
        Case(1280, 720, 60, "mono8"),
        Case(1280, 720, 60, "mono16"),
    ]
    assert [case.name for case in chosen(["torch"], True)] == ["640x480-25hz-mono16-torch"]
    with pytest.raises(ValueError, match="(?s)'8k'.*640x480-30hz-mono8"):
        chosen(["8k"], False)


def test_the_engine_alone_takes_time(pictures: Path) -> None:
    assert 0 < engine_milliseconds(Case(96, 80, 1000), pictures, 0.01) < 1000


@pytest.fixture
def measured() -> Iterator[Measurement]:
    losses = Losses(100, 200, 0, paired=100, fused=98, unpaired={}, displaced=2, failed=0)
    values = {"fuse p50 (ms)": "12.50"}
    stream = Stream(59.5, (20.0, 30.0, 40.0))
    yield Measurement(
        60.0, stream, Stream(0, None), Stream(0, None), 1.19, 0.3, (400, 401), losses, values
    )


def test_a_case_that_fails_is_a_row_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, measured: Measurement, tmp_path: Path
) -> None:
    def measure(case: Case, *_: object) -> Measurement:
        if case.rate == 30:
            raise NodeError("fusion_node ended early:\nno | weights")
        return measured

    monkeypatch.setattr(node, "measure_case", measure)
    monkeypatch.setattr(node, "write_pictures", lambda *_: tmp_path)
    monkeypatch.setattr(node, "engine_milliseconds", lambda *_: 16.0)
    monkeypatch.setattr(node, "free_domain", lambda: 7)
    cases = ["640x480-30hz-mono8", "640x480-60hz-mono8", "torch"]
    assert main(["node", "--cases", *cases, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "node.json").read_text())
    fusion, perception, stages = found["tables"]
    failed, fine = fusion["rows"]
    assert failed[:4] == ["640x480", "mono8", 30, None]
    assert failed[-1] == "fusion_node ended early: no / weights"
    # 1.19 s of CPU time a second for 59.5 pairs, of which the engine takes 16 ms each.
    columns = [column["title"] for column in fusion["columns"]]
    row = dict(zip(columns, fine, strict=True))
    assert row["node CPU ms"] == pytest.approx(20)
    assert row["overhead ms"] == pytest.approx(4)
    assert row["cameras CPU ms"] == pytest.approx(5)
    assert row["lost"] == 2
    assert len(perception["rows"]) == 2
    assert [row[0] for row in stages["rows"]][0] == "640x480-30hz-mono8"
    goals = {goal["name"]: goal for goal in found["goals"]}
    assert goals["pairs/s, 640x480, cameras of 60 Hz"]["found"] == 59.5
    assert all(goal["found"] is None for name, goal in goals.items() if "30 Hz" in name)
    assert goals["age p95, 640x480, 30 Hz"]["reason"] == "the case failed"
    assert goals["pairs fused beside boxes and masks, 640x480, 25 Hz, torch"]["found"] == 98
    assert goals["masks, 640x480, 25 Hz, openvino"]["reason"] == "the case was not run"


def test_the_command_knows_the_benchmarks_of_the_core_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["pairing", "--seeds", "1", "--frames", "100"]) == 0
    assert "Two steady cameras" in capsys.readouterr().out
    assert main(["node", "--cases", "8k"]) == 2
    assert "no case is called" in capsys.readouterr().err
    assert main(["node", "--seconds", "0"]) == 2
    assert "--seconds is 0" in capsys.readouterr().err
