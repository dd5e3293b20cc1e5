# SPDX-License-Identifier: Apache-2.0
"""Data sets of cameras that do not see the same pixels: checked, scored, and read when needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bifuse_core.__main__ import main
from bifuse_core.bilevel.crops import Crops, Source
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.pairs import ImagePair, PairFiles
from bifuse_core.data.pictures import write_picture
from bifuse_core.data.tensors import TensorPairs
from bifuse_core.engine.fusions import fusion_by_name
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.imaging.thermal import ThermalSettings

SIZE, THERMAL_SIZE = (96, 128), (60, 80)
VIEW = np.diag([0.625, 0.625, 1.0])
HOMOGRAPHY = AlignmentSettings("homography", tuple(VIEW.ravel()))
CENTIKELVIN = ThermalSettings("centikelvin")
COUNT = 3
TOPICS = ["/thermal/image_raw", "/front/image_raw"]


def moments() -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    random = np.random.default_rng(0)
    return [
        (
            random.integers(29000, 30500, THERMAL_SIZE).astype(np.uint16),
            random.integers(0, 255, (*SIZE, 3)).astype(np.uint8),
        )
        for _ in range(COUNT)
    ]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Return a recording whose thermal stamps are 0.3 s too early."""
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    from bag_files import image, write_bag

    messages: list[tuple[str, Any]] = []
    for number, (thermal, rgb) in enumerate(moments()):
        stamp = 1_700_000_000_000_000_000 + number * 1_000_000_000
        messages.append((TOPICS[0], image(thermal, "16UC1", stamp - 300_000_000)))
        messages.append((TOPICS[1], image(rgb, "rgb8", stamp)))
    return write_bag(tmp_path / "drive", messages)


@pytest.fixture
def cameras(tmp_path: Path) -> list[str]:
    file = tmp_path / "robot.yaml"
    values = {"sync.offset": 0.3, "thermal.unit": "centikelvin", "alignment.method": "homography"}
    file.write_text(json.dumps({"fusion_node": {"ros__parameters": values}}))
    view = f"alignment.homography={VIEW.ravel().tolist()}"
    return ["--params", str(file), "--camera", view, f"topics=[{','.join(TOPICS)}]"]


def test_a_bag_is_checked_as_its_parameters_say(
    bag: Path, cameras: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["check", str(bag), "--strict"]
    assert main([*command, *cameras]) == 0
    shown = capsys.readouterr().out
    assert f"pairs: {COUNT}, of which {COUNT} without fault" in shown
    assert "sizes: 128x96 3" in shown
    assert main([*command, *cameras, "alignment.method=none"]) == 1
    assert "unless alignment.method says how they lie" in capsys.readouterr().out
    assert main([*command, "--topics", *TOPICS]) == 2
    assert "were taken within 20 ms" in capsys.readouterr().err


def test_a_bag_is_scored_as_its_parameters_say(
    bag: Path, cameras: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    more = ["--models", "--limit", "1", "--pictures", "0", "--device", "cpu", "--threads", "1"]
    assert main(["evaluate", str(bag), "--out", str(out), *more, *cameras]) == 0
    rows = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    level = next(row["levels"][0] for row in rows if row.get("method") == "max")
    folder = tmp_path / "pairs"
    thermal, rgb = moments()[0]
    write_picture(folder / "ir/0.png", thermal)
    write_picture(folder / "vi/0.png", rgb)
    dataset = open_dataset(folder, options=Options(alignment=HOMOGRAPHY))
    sample = TensorPairs(dataset, CENTIKELVIN)[0]
    fused = fusion_by_name("max")[0](sample.thermal[None], sample.luma[None])
    assert level == pytest.approx(255 * fused.mean().item(), abs=0.6)


@pytest.mark.parametrize(("thermal", "most"), [("fixed", 0), ("percentile", 1)])
def test_pictures_of_a_folder_are_not_all_read_before_the_first_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thermal: Any, most: int
) -> None:
    for number, (one, rgb) in enumerate(moments()):
        write_picture(tmp_path / f"ir/{number}.png", one)
        write_picture(tmp_path / f"vi/{number}.png", rgb)
    dataset = open_dataset(tmp_path, options=Options(alignment=HOMOGRAPHY))
    names, read = [], PairFiles.read

    def noted(pair: PairFiles) -> ImagePair:
        names.append(pair.name)
        return read(pair)

    monkeypatch.setattr(PairFiles, "read", noted)
    settings = ThermalSettings(range=thermal)
    pairs, crops = TensorPairs(dataset, settings), Crops([Source(dataset, 1.0, settings)], 48)
    assert len(names) <= most
    assert pairs[2].thermal.shape[1:] == SIZE
    assert crops[0].sample.thermal.shape[1:] == (48, 48)
