# SPDX-License-Identifier: Apache-2.0
"""`bifuse train --from-bags`: recordings and their labels in place of a configuration's data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rosbags", reason="rosbags is not installed")

import rendered_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.nets.checkpoint import card_of, sha256_of  # noqa: E402

pytest_plugins = ("train_fixtures",)

GUIDED = {
    "network": "edge",
    "guidance": "detection",
    "data": {"sources": [{"path": "elsewhere"}], "batch": 2, "crop": 64, "validation_every": 2},
    "warm_start": 1,
    "steps": 1,
    "seed": 3,
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag; beside it are its true boxes and the parameters of its robot."""
    folder = tmp_path_factory.mktemp("drive")
    frames = rendered_bag.drive("day", 4, rate=2.0, width=128, height=96)
    rendered_bag.write_truth(folder / "labels.json", frames, 2.0)
    values = {"thermal.unit": "centikelvin", "thermal.time_constant": 1.0, "sync.slop": 0.01}
    parameters = {"fusion_node": {"ros__parameters": values}}
    (folder / "robot.yaml").write_text(yaml.safe_dump(parameters))
    return rendered_bag.record(folder / "drive", frames, 2.0)


def train(config: Path, content: dict[str, object], *arguments: object) -> tuple[int, Path]:
    config.write_text(yaml.safe_dump(content))
    out = config.with_suffix("")
    command = ["train", str(config), "--out", str(out), "--device", "cpu", "--threads", "1"]
    return main([*command, *map(str, arguments)]), out / "edge.safetensors"


def test_it_trains_as_a_configuration_that_names_them_does(recording: Path, tmp_path: Path) -> None:
    labels, robot = recording.with_name("labels.json"), recording.with_name("robot.yaml")
    named = {
        "path": "drive",
        "labels": "labels.json",
        "thermal": {"unit": "centikelvin", "time_constant": 1.0},
        "sync": {"slop": 0.01},
    }
    spelled_out = {**GUIDED, "data": {**GUIDED["data"], "sources": [named]}}  # type: ignore[dict-item]
    code, expected = train(tmp_path / "a.yaml", spelled_out, "--data", recording.parent)
    assert code == 0
    options = ("--from-bags", recording, "--labels", labels, "--params", robot)
    code, weights = train(tmp_path / "b.yaml", GUIDED, *options)
    assert code == 0
    assert sha256_of(weights) == sha256_of(expected)
    card = yaml.safe_load(card_of(weights).read_text())
    assert card["data"] == [{"path": str(recording), "pairs": 4}]
    (source,) = card["settings"]["data"]["sources"]
    assert source["thermal"]["unit"] == "centikelvin"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--labels", "labels.json"], "--labels belongs to --from-bags"),
        (["--camera", "thermal.unit=kelvin"], "--camera belongs to --from-bags"),
        (["--from-bags", "a", "b", "--labels", "c"], "--labels names 1 files for 2 recordings"),
        (["--from-bags", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], says: str, complaint: Callable[[], str], tmp_path: Path
) -> None:
    code, weights = train(tmp_path / "run.yaml", GUIDED, *options)
    assert code != 0
    assert says in complaint()
    assert not weights.exists()
