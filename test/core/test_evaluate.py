# SPDX-License-Identifier: Apache-2.0
"""Fusions scored on a data set: what is written, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from evaluations import METHODS, PAIRS, count_scored, evaluate, record, render

from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.tensors import TensorPairs
from bifuse_core.engine.fusions import BASELINES, fusion_by_name
from bifuse_core.evaluation.tables import html_table, markdown_table, means
from bifuse_core.metrics.fusion.levels import grey_levels
from bifuse_core.metrics.fusion.score import score_fusion


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def evaluated(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated")
    assert evaluate(pairs, out, "--pictures", "2") == 0
    return out


def write_mean_fusion(pairs: Path, folder: Path) -> None:
    """Write what the baseline `mean` makes of the pairs, in grey, as someone else would."""
    net, _ = fusion_by_name("mean")
    for sample in TensorPairs(open_dataset(pairs)):
        fused = grey_levels(net(sample.thermal[None], sample.luma[None]))[0, 0].byte()
        assert cv2.imwrite(str(folder / f"{sample.name}.png"), fused.numpy())


def test_the_tables_have_every_model_and_the_baselines(evaluated: Path) -> None:
    table = (evaluated / "table.md").read_text(encoding="utf-8").split("\n\n")[1]
    rows = [line for line in table.splitlines() if line[:1] == "|"]
    header, _, *metrics = ([c.strip() for c in re.split(r"(?<!\\)\|", r)[1:-1]] for r in rows)
    assert header == ["", *METHODS]
    means_written = record(evaluated)["methods"]
    for name, *cells in metrics:
        for method, cell in zip(METHODS, cells, strict=True):
            value = means_written[method]["means"][name.replace("\\", "")]
            assert cell == ("-" if value is None else f"{value:.3f}")
    level = dict((row[0], row[1:]) for row in metrics)["level"]
    assert level[METHODS.index("max")] == "1.000"


def test_the_record_holds_every_picture_as_the_metrics_score_it(
    evaluated: Path, pairs: Path
) -> None:
    written = record(evaluated)
    assert written["dataset"] == {
        "path": str(pairs),
        "layout": "auto",
        "split": None,
        "pairs": PAIRS,
    }
    net, checksum = fusion_by_name("edge")
    edge = written["methods"]["edge"]
    assert edge["sha256"] == [checksum]
    assert len(edge["pictures"]) == PAIRS
    for sample in TensorPairs(open_dataset(pairs)):
        thermal, luma = sample.thermal[None], sample.luma[None]
        expected = score_fusion(net(thermal, luma), thermal, luma)
        scores = edge["pictures"][sample.name]
        assert list(scores) == list(expected)
        for metric, value in expected.items():
            if torch.isfinite(value):
                assert scores[metric] == pytest.approx(value.item(), rel=1e-6)
            else:
                assert scores[metric] is None


def test_the_page_shows_pictures_that_are_there(evaluated: Path) -> None:
    page = (evaluated / "page.html").read_text()
    files = re.findall(r'src="(.*?)"', page)
    # For two pairs: both sources, and for each method its picture and the difference.
    assert len(files) == len(set(files)) == 2 * (2 + 2 * len(METHODS))
    shown = {file: cv2.imread(str(evaluated / file)) for file in files}
    assert all(picture is not None and picture.shape == (80, 96, 3) for picture in shown.values())
    (dark, _) = (p for file, p in shown.items() if ".max." in file and ".difference." in file)
    assert dark.max() == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_damaged_pair_is_one_line_with_workers_too(
    pairs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: str
) -> None:
    copy, out = tmp_path / "pairs", tmp_path / "out"
    shutil.copytree(pairs, copy)
    damaged = sorted((copy / "vi").iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:-200])
    assert evaluate(copy, out, "--models", "--workers", workers) == 2
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("bifuse: ")]
    assert line.startswith(f"bifuse: {damaged}: ")
    # The pair before it has been scored and is kept.
    assert len((out / "scores.jsonl").read_text().splitlines()) == 1 + len(BASELINES)


def test_what_was_measured_is_told_once(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(pairs, tmp_path, "--pictures", "0") == 0
    (line,) = re.findall(r"median milliseconds a pair: (.*)", capsys.readouterr().out)
    told = dict(part.rsplit(" ", 1) for part in line.split(", "))
    assert list(told) == [*METHODS, "all metrics"]
    seconds = record(tmp_path)["seconds"]
    assert {name: f"{1000 * value:.0f}" for name, value in seconds.items()} == told
    assert 0 < seconds["all metrics"] < 60
    assert evaluate(pairs, tmp_path, "--pictures", "0") == 0
    assert "milliseconds" not in capsys.readouterr().out


def test_a_folder_of_fused_pictures_scores_like_the_fusion_itself(
    evaluated: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, out = tmp_path / "fused", tmp_path / "out"
    fused.mkdir()
    write_mean_fusion(pairs, fused)
    options = ("--models", "--fused", f"peer={fused}", "--pictures", "0")
    assert evaluate(pairs, out, *options) == 0
    methods = record(out)["methods"]
    assert list(methods) == [*BASELINES, "peer"]
    assert methods["peer"]["pictures"] == record(evaluated)["methods"]["mean"]["pictures"]
    # A picture that has changed is scored again, the others are not.
    changed = sorted(fused.iterdir())[0]
    assert cv2.imwrite(str(changed), np.zeros((80, 96), np.uint8))
    scored = count_scored(monkeypatch)
    assert evaluate(pairs, out, *options) == 0
    assert len(scored) == 1
    assert record(out)["methods"]["peer"]["pictures"][changed.stem]["level"] == 0


def test_a_missing_fused_picture_is_named_before_anything_is_scored(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fused, out = tmp_path / "fused", tmp_path / "out"
    fused.mkdir()
    write_mean_fusion(pairs, fused)
    missing = sorted(fused.iterdir())[-1]
    missing.unlink()
    assert evaluate(pairs, out, "--fused", f"peer={fused}") == 2
    assert f"{fused}: no fused picture {missing.stem}.* for 'peer'" in capsys.readouterr().err
    assert len((out / "scores.jsonl").read_text().splitlines()) == 1


def test_a_fused_picture_of_another_size_is_named(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mean_fusion(pairs, tmp_path)
    file = sorted(tmp_path.iterdir())[0]
    assert cv2.imwrite(str(file), np.zeros((70, 60), np.uint8))
    assert evaluate(pairs, tmp_path / "out", "--fused", f"peer={tmp_path}") == 2
    assert f"{file}: fused picture is 60x70, its pair 96x80" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--models", "nonesuch"),
            "'nonesuch'; choose from edge, bdl, tardal, umfusion, max, mean, vsm, laplacian",
        ),
        (("--models", "tardal"), "no weights are shipped for network 'tardal'"),
        (("--fused", "peer"), "--fused takes NAME=FOLDER, not 'peer'"),
        (("--fused", "peer={missing}"), "{missing}: no such folder of fused pictures"),
        (("--fused", "max={pairs}/ir"), "2 methods are called 'max'"),
        (("--limit", "0"), "--limit is 0"),
        (("--split", "val"), "no list of the split 'val'"),
    ],
)
def test_faulty_options_are_named(
    options: tuple[str, ...],
    message: str,
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"pairs": pairs, "missing": tmp_path / "missing"}
    assert evaluate(pairs, tmp_path, *(option.format(**names) for option in options)) == 2
    assert message.format(**names) in capsys.readouterr().err


def test_labels_do_not_matter(pairs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pairs"
    for side in ("ir", "vi"):
        (copy / side).parent.mkdir(exist_ok=True)
        (copy / side).symlink_to(pairs / side)
    (copy / "labels").mkdir()
    (copy / "labels" / "of_no_pair.txt").write_text("0 nonsense")
    assert evaluate(copy, tmp_path / "out", "--limit", "1", "--workers", "1") == 0
    assert record(tmp_path / "out")["dataset"]["pairs"] == 1


def test_means_leave_out_pictures_without_a_value() -> None:
    pictures = {"a": {"hot": 1.0, "MI": 1.0}, "b": {"hot": None, "MI": 2.0}}
    assert means(pictures) == {"hot": 1.0, "MI": 1.5}
    none = means({"b": {"|hot|": None}})
    assert none == {"|hot|": None}
    assert markdown_table({"max": none}).splitlines()[-1] == "| \\|hot\\| | - |"
    assert "<tr><td>|hot|</td><td>-</td></tr>" in html_table({"max": none})


def test_the_table_against_the_maximum_is_computed_from_the_means(evaluated: Path) -> None:
    means = {name: method["means"] for name, method in record(evaluated)["methods"].items()}
    table = (evaluated / "table.md").read_text(encoding="utf-8").split("\n\n")[2]
    rows = dict(
        (cells[0], cells[1:])
        for line in table.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split(" | ")]) > 1
    )
    place = rows[""].index("mean")
    assert "max" not in rows[""]
    assert float(rows["MI / max"][place]) == pytest.approx(
        means["mean"]["MI"] / means["max"]["MI"], abs=6e-4
    )
    assert float(rows["SSIM - max"][place]) == pytest.approx(
        means["mean"]["SSIM"] - means["max"]["SSIM"], abs=6e-4
    )
    assert float(rows["level"][place]) == pytest.approx(means["mean"]["level"], abs=6e-4)


def test_the_sheet_shows_the_chosen_pairs_side_by_side(pairs: Path, tmp_path: Path) -> None:
    chosen = sorted(file.stem for file in (pairs / "vi").iterdir())[1]
    assert evaluate(pairs, tmp_path, "--models", "edge", "--show", chosen) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    height, width = sheet.shape[:2]
    assert width > 2 * height  # thermal, rgb, max and edge in one row
    shown = {file.name.split(".")[0] for file in (tmp_path / "pictures").iterdir()}
    assert shown == {chosen}


def test_a_pair_to_show_that_is_not_there_is_named(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(pairs, tmp_path, "--show", "elsewhere") == 2
    assert "no pair 'elsewhere'" in capsys.readouterr().err
