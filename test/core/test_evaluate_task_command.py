# SPDX-License-Identifier: Apache-2.0
"""`evaluate-task`: a line for each weights file, on its own input; pictures of what is found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from picture_files import write
from seer import Seer, drawn
from torch import nn

from bifuse_core.__main__ import main
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.engine.cost import cost_of
from bifuse_core.nets import zoo
from bifuse_core.nets.checkpoint import card_of, save_weights
from bifuse_core.nets.zoo import load_fusion
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.scoring import score_detector, score_segmenter
from bifuse_core.perception.settings import TaskSourceSettings
from bifuse_core.perception.sources import open_sources

HEIGHT, WIDTH = 240, 320
PERSON, VEHICLE = (0, 250, (40, 60, 72, 140)), (2, 250, (160, 80, 280, 160))
UNSEEN = (200, 20, 240, 60)
"""Of a person whom no colour shows."""

Tables = list[list[list[str]]]


def write_labelled(folder: Path, pictures: list[Any], labels: list[list[Any]]) -> None:
    for number, (sample, boxes) in enumerate(zip(pictures, labels, strict=True)):
        write(folder / f"vi/{number}.png", sample.rgb)
        write(folder / f"ir/{number}.png", np.full((HEIGHT, WIDTH), 60 + number, np.uint8))
        lines = []
        for label, (left, top, right, bottom) in boxes:
            middle = ((left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT)
            lines.append(
                f"{label} {middle[0]} {middle[1]} "
                f"{(right - left) / WIDTH} {(bottom - top) / HEIGHT}\n"
            )
        (folder / "labels").mkdir(exist_ok=True)
        (folder / f"labels/{number}.txt").write_text("".join(lines))


@pytest.fixture()
def data(tmp_path: Path) -> Path:
    """Write two data sets: in the one all is seen in colour, in the other half of the persons."""
    pictures = [drawn(PERSON, VEHICLE), drawn(PERSON)]
    seen = [[(label, box) for label, _, box in things] for things in ((PERSON, VEHICLE), (PERSON,))]
    write_labelled(tmp_path / "data/clear", pictures, seen)
    write_labelled(tmp_path / "data/dim", pictures[1:], [[(0, PERSON[2]), (0, UNSEEN)]])
    return tmp_path / "data"


@pytest.fixture()
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(zoo.DETECTORS, "fcos_small", lambda classes: Seer())
    sources = [{"path": name, "classes": list(DETECTION_CLASSES)} for name in ("clear", "dim")]
    content = {"task": "detection", "network": "fcos_small", "sources": sources, "steps": 1}
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({**content, "scored": sources}))
    return file


def weights(folder: Path, name: str, **settings: Any) -> Path:
    """Write weights whose card has some settings."""
    file = folder / f"{name}.safetensors"
    save_weights(file, "fcos_small", Seer(), {"settings": settings}, DETECTION_CLASSES)
    return file


def evaluate(config: Path, out: Path, *options: object) -> int:
    fixed = ["--data", str(config.parent / "data"), "--device", "cpu", "--out", str(out)]
    # No test sets the number of threads of those after it.
    threads = ["--threads", str(torch.get_num_threads())]
    return main(["evaluate-task", str(config), *fixed, *threads, *map(str, options)])


def tables(out: Path) -> Tables:
    """Return the cells of every table of `table.md`."""
    blocks = (out / "table.md").read_text().split("\n\n")
    return [
        [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        for block in blocks
        if block.startswith("|")
    ]


def plain(cell: str) -> str:
    return cell.removeprefix("**").removesuffix("**")


def test_each_weights_file_is_a_line_on_the_input_of_its_card(
    config: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [weights(tmp_path, "a", input="thermal"), weights(tmp_path, "b", input="rgb")]
    out = tmp_path / "out"
    assert evaluate(config, out, "--weights", *files, "--pictures", 0) == 0
    ((groups, _, heads, *lines),) = tables(out)
    assert groups[:5] == ["Input", "clear", "", "", ""]
    assert (groups[5], groups[9]) == ("dim", "together")
    assert heads[1:5] == ["person ↑", "bicycle ↑", "vehicle ↑", "mAP@0.5 ↑"]
    # Nothing has a colour in the thermal picture.
    assert lines[0] == ["thermal", *["0.000", "-", "0.000", "0.000"], *lines[0][5:13], *"---"]
    assert lines[1][:5] == ["RGB", "**1.000**", "-", "**1.000**", "**1.000**"]
    assert lines[1][-3:] == ["-", "-", "-"]

    record = json.loads((out / "scores.json").read_text())
    asked = [
        TaskSourceSettings(path=Path(name), classes=DETECTION_CLASSES) for name in ("clear", "dim")
    ]
    for line, see in zip(lines, ("thermal", "rgb"), strict=True):
        sources = open_sources(asked, data, "detection", input_by_name(see))
        shown = iter(line[1:])
        for name, chosen in {"clear": sources[:1], "dim": sources[1:], "together": sources}.items():
            expected = score_detector(Seer().eval(), chosen)
            found = record["inputs"][line[0]]["scores"][name]["AP50"]
            for label in DETECTION_CLASSES:
                value = expected.ap50[label]
                assert found[label] == (None if np.isnan(value) else value)
                assert plain(next(shown)) == ("-" if np.isnan(value) else f"{value:.3f}")
            assert found["mean"] == pytest.approx(expected.map50)
            assert plain(next(shown)) == f"{expected.map50:.3f}"
    # Half of the persons, found without a wrong one.
    half = record["inputs"]["RGB"]["scores"]["dim"]["AP50"]["person"]
    assert half == pytest.approx(0.5, abs=0.01)
    assert record["pictures"] == {"clear": 2, "dim": 1}

    notes, printed = (out / "table.md").read_text(), capsys.readouterr().out
    flops = "One addition and one multiplication are two FLOPs"
    for words in (flops, record["machine"], "`bifuse"):
        assert words in notes
    assert "clear (2), dim (1)" in notes
    assert "mAP@0.5" in printed and "Time" in printed
    assert not (out / "sheet.jpg").exists()


def test_fusions_have_their_cost_and_guided_ones_their_own_weights(
    config: Path, data: Path, tmp_path: Path
) -> None:
    net, checksum = load_fusion("edge")
    own = tmp_path / "guided/edge.safetensors"
    own.parent.mkdir()
    save_weights(own, "edge", net, {})
    files = [
        weights(tmp_path, "a", input="max"),
        weights(own.parent, "b", network="edge"),
        weights(tmp_path, "c", input=f"edge={own}"),
    ]
    out = tmp_path / "out"
    assert evaluate(config, out, "--weights", *files, "--pictures", 0) == 0
    (_, _, _, *lines), *_ = tables(out)
    # Two lines of one input are told apart by their weights.
    assert [line[0] for line in lines] == ["max", f"edge ({files[1]})", f"edge ({files[2]})"]
    record = json.loads((out / "scores.json").read_text())["inputs"]
    assert record[f"edge ({files[1]})"]["input"] == f"edge={own}"
    cost = cost_of(net, *torch.rand(2, 1, 1, 480, 640), runs=1)
    assert lines[0][-3:-1] == ["**0.000**", "**0.00**"]
    assert lines[1][-3:-1] == [f"{cost.parameters / 1e6:.3f}", f"{cost.flops / 1e9:.2f}"]
    assert record["max"]["fusion"]["seconds"] > 0


def test_weights_that_do_not_tell_their_input_need_it(
    config: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    bare, silent = weights(tmp_path, "bare"), weights(tmp_path, "silent", steps=3)
    card_of(bare).unlink()
    other = weights(tmp_path, "other", input="rgb")
    refused = {
        "bare.safetensors: no card bare.yaml beside it .* --input": [bare],
        "silent.yaml: tells no settings.input": [silent],
        "--input is for one weights file, not for 2": [bare, other, "--input", "rgb"],
        "other.safetensors is there twice": [other, other],
        "input is 'sonar'; choose from thermal": [bare, "--input", "sonar"],
        "no weights are shipped for network 'fcos_small'|no such weights": [],
    }
    for message, given in refused.items():
        options = ["--weights", *given] if given else []
        assert evaluate(config, out, *options) == 2
        assert re.search(message, capsys.readouterr().err)
    assert not out.exists()
    assert evaluate(config, out, "--weights", bare, "--input", "rgb", "--pictures", 0) == 0
    assert tables(out)[0][3][:2] == ["RGB", "1.000"]


def test_pictures_show_the_boxes_found_and_the_true_ones_and_nothing_else(
    config: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [weights(tmp_path, "a", input="thermal"), weights(tmp_path, "b", input="rgb")]
    out = tmp_path / "out"
    assert evaluate(config, out, "--weights", *files, "--show", "clear/1", "dim/0") == 0
    assert len(list((out / "pictures").iterdir())) == 4
    sheet = cv2.imread(str(out / "sheet.jpg"))
    assert min(sheet.shape[:2]) > 300 and sheet.std() > 20

    true = np.zeros((HEIGHT, WIDTH), bool)
    for left, top, right, bottom in (PERSON[2], UNSEEN):
        outline = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.rectangle(outline, (left, top), (right - 1, bottom - 1), 1)
        true |= outline > 0
    (thermal,), (rgb,) = (
        [cv2.imread(str(file))[..., ::-1] for file in (out / "pictures").glob(f"dim-0.{see}-*")]
        for see in ("thermal", "rgb")
    )
    # Nothing is found in the thermal picture, so that only true boxes are drawn, white.
    assert ((thermal == 255).all(axis=2) == true).all()
    assert (thermal[~true] == thermal[0, 0]).all()
    changed = (rgb != drawn(PERSON).rgb).any(axis=2)
    left, top, right, bottom = PERSON[2]
    around = np.zeros((HEIGHT, WIDTH), bool)
    around[top - 20 : bottom + 4, left - 4 : left + 100] = True
    assert (changed & around).sum() > 2 * (right - left + bottom - top)
    assert not (changed & ~around & ~true).any()
    assert not changed[top + 5 : bottom - 5, left + 5 : right - 5].any()
    assert (rgb[UNSEEN[1], UNSEEN[0] : UNSEEN[2]] == 255).all()

    assert evaluate(config, out, "--weights", *files, "--show", "7") == 2
    assert "no labelled picture '7' in clear, dim" in capsys.readouterr().err


class Tinted(nn.Module):
    """A random segmenter of nine classes that sees cells of 4x4 pixels."""

    classes, multiple = 9, 32

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 9, 1))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(10 * (rgb - 0.5))
        return logits


def test_segmenters_have_accuracy_and_intersection_in_percent_beside_each_other(
    config: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(zoo.SEGMENTERS, "segformer_b0", lambda classes: Tinted())
    random = np.random.default_rng(0)
    for number in range(2):
        blocks = random.integers(0, 8, (6, 8), np.uint8)
        mask = cv2.resize(blocks, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        write(data / f"clear/masks/{number}.png", mask)
        colours = random.integers(0, 256, (6, 8, 3), np.uint8)
        picture = cv2.resize(colours, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        write(data / f"clear/vi/{number}.png", picture)
    (data / "clear/mask_classes.txt").write_text("\n".join(SEGMENTATION_CLASSES))
    content = yaml.safe_load(config.read_text())
    scored = [{"path": "clear", "classes": list(DETECTION_CLASSES)}]
    changes = {"task": "segmentation", "network": "segformer_b0", "scored": scored}
    config.write_text(yaml.safe_dump({**content, **changes}))
    files = [tmp_path / f"{name}.safetensors" for name in ("rgb", "mean")]
    for file in files:
        card = {"settings": {"input": file.stem}}
        save_weights(file, "segformer_b0", Tinted(), card, SEGMENTATION_CLASSES)
    out = tmp_path / "out"
    assert evaluate(config, out, "--weights", *files) == 0

    ((groups, _, heads, *lines),) = tables(out)
    assert groups[1] == "clear"
    assert heads[1:5] == ["road Acc ↑", "road IoU ↑", "sidewalk Acc ↑", "sidewalk IoU ↑"]
    assert heads[-2:] == ["mAcc ↑", "mIoU ↑"]
    assert len(heads) == 1 + 2 * 9 + 2
    record = json.loads((out / "scores.json").read_text())
    assert record["size"] == [256, 320]
    asked = [TaskSourceSettings(path=Path("clear"), classes=DETECTION_CLASSES)]
    for line, see in zip(lines, ("rgb", "mean"), strict=True):
        sources = open_sources(asked, data, "segmentation", input_by_name(see))
        net = zoo.load_segmenter("segformer_b0", tmp_path / f"{see}.safetensors").net
        expected = score_segmenter(net, sources)
        shown = [
            value
            for name in SEGMENTATION_CLASSES
            for value in (expected.accuracy[name], expected.iou[name])
        ] + [expected.mean_accuracy, expected.mean_iou]
        texts = ["-" if np.isnan(value) else f"{100 * value:.1f}" for value in shown]
        assert [plain(cell) for cell in line[1:]] == texts
        found = record["inputs"][line[0]]["scores"]["clear"]
        assert found["IoU"]["road"] == expected.iou["road"]
        # No sign in any mask.
        assert line[-4:-2] == ["-", "-"] and found["IoU"]["sign"] is None
    assert 0 < record["inputs"]["RGB"]["scores"]["clear"]["IoU"]["mean"] < 0.5
    # Each picture as each input shows it, and what is known of it.
    names = {file.name.split(".")[1].split("-")[0] for file in (out / "pictures").iterdir()}
    assert names == {"labels", "rgb", "mean"}
    assert len(list((out / "pictures").iterdir())) == 6
    assert (out / "sheet.jpg").is_file()
