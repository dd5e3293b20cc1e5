# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the running node: real processes and topics, and what is made of the numbers."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from spinning import PATIENCE, Client

from bifuse_core.bench.comparison import compare_reports
from bifuse_core.bench.stored import read_reports
from bifuse_ros.bench import isolation, node
from bifuse_ros.bench.__main__ import main
from bifuse_ros.bench.cases import FUSION, PERCEPTION, Case, chosen
from bifuse_ros.bench.engine_alone import engine_milliseconds
from bifuse_ros.bench.goals import goals
from bifuse_ros.bench.isolation import core_count, few_cores
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.measurement import Measurement, Result, Stream, measure_case
from bifuse_ros.bench.pictures import write_pictures
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
    assert losses.published == 80
    assert 0 < losses.fused <= losses.paired <= losses.published
    # Each pair made has met its end, and each message is somewhere.
    assert losses.paired == losses.fused + losses.displaced + losses.failed
    assert losses.failed == losses.rejected == 0
    assert losses.missing >= 0 and losses.waiting >= 0
    assert measured.cameras > 0 and measured.fused.rate > 0 and measured.node_rate > 0
    assert measured.fused.ages is not None
    assert 0 < measured.fused.ages[0] <= measured.fused.ages[1] <= measured.fused.ages[2]
    assert measured.detections == Stream(0, None)
    assert measured.node_milliseconds is not None and measured.node_milliseconds > 0
    # A process with PyTorch in it.
    assert min(measured.memory) > 50
    assert {"fuse p50 (ms)", "receive p50 (ms)"} <= measured.values.keys()
    assert list(tmp_path.glob("python*.log")), "the logs of the nodes lie with the case"
    assert processes_of(tmp_path) == []


def test_a_domain_with_somebody_in_it_is_not_free(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    monkeypatch.setattr(isolation, "DOMAINS", range(domain, domain + 1))
    monkeypatch.setattr(isolation, "TRIES", 1)
    monkeypatch.setattr(isolation, "DISCOVERY", PATIENCE)
    with pytest.raises(NodeError, match=f"domains {domain}"):
        isolation.free_domain()


# Cases and report


def test_cases_are_chosen_by_parts_of_their_names() -> None:
    names = [case.name for case in (*FUSION, *PERCEPTION)]
    assert len(set(names)) == len(names) == 14
    assert chosen(["1280x720-60hz"], False) == [
        Case(1280, 720, 60, "mono8"),
        Case(1280, 720, 60, "mono16"),
    ]
    assert [case.name for case in chosen(["mono16-torch"], True)] == ["640x480-25hz-mono16-torch"]
    with pytest.raises(ValueError, match="(?s)'8k'.*640x480-30hz-mono8"):
        chosen(["8k"], False)


def test_cases_without_their_backend_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert {case.backend for case in chosen(["25hz"], False)} == {"torch"}
    with pytest.raises(ImportError, match="25hz-mono16-openvino.*: openvino not installed"):
        chosen(["openvino"], False)
    with pytest.raises(ImportError, match="25hz-mono16-onnx.*: onnx, onnxruntime not installed"):
        chosen(["onnxruntime"], False)


def test_cores_are_those_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    there = os.sched_getaffinity(0)
    with few_cores(1) as taken:
        assert os.sched_getaffinity(0) == set(taken) == {min(there)}
    with few_cores(0) as taken:
        assert set(taken) == there
    assert os.sched_getaffinity(0) == there
    assert core_count(str(len(there))) == len(there)
    for text in (str(len(there) + 1), "-1", "two"):
        with pytest.raises(SystemExit):
            main(["node", "--cores", text])
        assert f"--cores: '{text}' is no whole number from 0 to" in capsys.readouterr().err


def test_the_engine_alone_takes_time(pictures: Path) -> None:
    assert engine_milliseconds(Case(96, 80, 1000), pictures, 0.01) > 0


def measurement(lost: int = 2, cameras: float = 60.0) -> Measurement:
    fused = 100 - lost
    losses = Losses(100, 200, 0, 0, paired=100, fused=fused, unpaired={}, displaced=lost, failed=0)
    values = {"fuse p50 (ms)": "12.50", "wait p50 (ms)": "0.30"}
    sights = {"detection": {"look p50 (ms)": "80.00"}}
    stream, none = Stream(59.5, (20.0, 30.0, 40.0)), Stream(0, None)
    return Measurement(
        cameras, 59.5, stream, none, none, 1.19, 0.3, (400, 401), losses, values, sights
    )


@pytest.fixture
def measured() -> Measurement:
    return measurement()


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
    cases = ["640x480-30hz-mono8", "640x480-60hz-mono8", "mono16-torch"]
    assert main(["node", "--cases", *cases, "--out", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "node.json").read_text())
    fusion, perception, stages = found["tables"]
    failed, fine = fusion["rows"]
    assert failed[:4] == ["640x480", "mono8", 30, None]
    assert failed[-1] == "NodeError: fusion_node ended early: no / weights"
    assert found["failures"] == ["640x480-30hz-mono8"]
    # 1.19 s of CPU time a second for 59.5 pairs, of which the engine takes 16 ms each.
    columns = [column["title"] for column in fusion["columns"]]
    row = dict(zip(columns, fine, strict=True))
    assert row["node CPU ms"] == pytest.approx(20)
    assert row["overhead ms"] == pytest.approx(4)
    assert row["cameras CPU ms"] == pytest.approx(5)
    assert row["lost"] == 2
    assert len(perception["rows"]) == 2
    assert [row[0] for row in stages["rows"]][0] == "640x480-30hz-mono8"
    cores = min(2, len(os.sched_getaffinity(0)))
    where = f"edge, {cores} cores, 640x480"
    reached = {goal["name"]: goal for goal in found["goals"]}
    fast = reached[f"pairs/s, {where}, cameras of 60 Hz"]
    assert (fast["found"], fast["reason"]) == (59.5, "")
    assert all(goal["found"] is None for name, goal in reached.items() if "30 Hz" in name)
    assert reached[f"age p95, {where}, 30 Hz"]["reason"] == "640x480-30hz-mono8 failed"
    assert reached[f"fused, {where} fed 25 pairs/s"]["found"] == 59.5
    masks = reached[f"masks, {where} fed 25 pairs/s"]
    assert (masks["found"], masks["limit"]) == (0, 5)
    assert masks["reason"].startswith("with torch; ")
    assert masks["reason"].endswith(
        "medians: wait 0.30 ms, fuse 12.50 ms, look of detection 80.00 ms"
    )


def test_beside_fusion_the_backend_counts_that_comes_closest_in_all() -> None:
    def result(backend: str, boxes: float, masks: float) -> Result:
        found = replace(measurement(0), detections=Stream(boxes, None), masks=Stream(masks, None))
        return Result(Case(rate=25, backend=backend), found, None, "")

    # One has more masks than it needs, and boxes that are further from enough.
    results = [result("torch", 6, 9), result("openvino", 9, 4)]
    found = {goal.name.split(",")[0]: goal for goal in goals(results, 2) if "25 pairs" in goal.name}
    assert [found[name].found for name in ("boxes", "masks")] == [9, 4]
    assert all(goal.reason.startswith("with openvino") for goal in found.values())
    assert found["fused"].reached and not found["boxes"].reached
    none = [goal for goal in goals([], 2) if "25 pairs" in goal.name]
    assert [goal.reason for goal in none] == ["the case was not run"] * 3


def test_cameras_that_are_too_slow_judge_no_node() -> None:
    case = Case(rate=30)
    for cameras, lost in ((29.6, 0), (29.8, 0), (29.8, 3)):
        result = Result(case, measurement(lost, cameras), 10.0, "pairs displaced: 3")
        age, losses, overhead = (g for g in goals([result], 2) if "30 Hz" in g.name)
        if cameras < 29.7:
            assert age.found is losses.found is overhead.found is None
            assert age.reason == f"the cameras of {case.name} gave 29.6 Hz of 30"
        else:
            assert age.reached and age.reason == ""
            assert losses.reached == (lost == 0)
            assert ("displaced" in losses.reason) == (lost > 0)
            # 20 ms a pair, of which the engine takes 10.
            assert overhead.found == pytest.approx(10) and "fuse 12.50 ms" in overhead.reason


def test_reports_compare_though_pairs_were_lost_in_one(tmp_path: Path) -> None:
    options = argparse.Namespace(seconds=10.0, cases=None, quick=False, cores=2)
    made = []
    for lost in (0, 4):
        results = [
            Result(case, found, 16.0, found.losses.text)
            for case in (Case(), Case(rate=25, backend="torch"))
            for found in [measurement(lost)]
        ]
        node.report(results, 10.0, (0, 1), options).write(tmp_path / str(lost))
        made += read_reports(tmp_path / str(lost) / "node.json")
    text = compare_reports(made[1:], made[:1])
    assert "alone" not in text
    rows = [line for line in text.splitlines() if line.startswith("| 640x480 |")]
    assert len(rows) == 2
    assert all("from 0" in row and row.endswith("| lost worse |") for row in rows)


def test_the_command_knows_the_benchmarks_of_the_core_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["pairing", "--seeds", "1", "--frames", "100"]) == 0
    assert "Two steady cameras" in capsys.readouterr().out
    assert main(["node", "--cases", "8k"]) == 2
    assert "no case is called" in capsys.readouterr().err
    assert main(["node", "--seconds", "0"]) == 2
    assert "--seconds is 0" in capsys.readouterr().err
