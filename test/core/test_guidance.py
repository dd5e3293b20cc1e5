# SPDX-License-Identifier: Apache-2.0
"""Fusion guided by detection and segmentation: labels arrive, gradients reach omega, runs end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from bifuse_core.__main__ import main
from bifuse_core.bilevel.batch import Batch, collate
from bifuse_core.bilevel.guidance import guides_of
from bifuse_core.bilevel.objectives.detection import DetectionTask
from bifuse_core.bilevel.objectives.segmentation import SegmentationTask
from bifuse_core.bilevel.settings import Settings, load_settings
from bifuse_core.bilevel.splits import open_splits
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES, SOME_STUFF
from bifuse_core.nets.checkpoint import CheckpointError, save_weights
from bifuse_core.nets.zoo import create_detector, create_fusion, load_detector

CPU = torch.device("cpu")
SIZE = 64

CONTENT: dict[str, Any] = {
    "network": "edge",
    "data": {
        "sources": [
            {
                "path": "road",
                "classes": ["man", "car"],
                "read_as": {"man": "person", "car": "vehicle"},
            },
            {"path": "people", "classes": ["person"], "known": ["person"], "weight": 0.5},
            {"path": "plain"},
        ],
        "batch": 3,
        "crop": SIZE,
        "vary": 0,
    },
    "steps": 2,
    "guidance": "detection",
    "detector": {"network": "fcos_small", "start": "none"},
    "log": {"save_every": 1, "pictures_every": 0},
    "seed": 3,
}


def write_pairs(folder: Path, count: int) -> None:
    random = np.random.default_rng(count)
    for side, channels in (("ir", ()), ("vi", (3,))):
        (folder / side).mkdir(parents=True)
        for number in range(count):
            coarse = random.integers(0, 255, (8, 8, *channels), dtype=np.uint8)
            picture = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / side / f"{number}.png"), picture)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three data sets: two classes and masks; persons alone; no labels."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("road", "people", "plain"):
        write_pairs(folder / name, 6)
    (folder / "road/labels").mkdir()
    (folder / "road/masks").mkdir()
    (folder / "people/labels").mkdir()
    for number in range(6):
        (folder / f"road/labels/{number}.txt").write_text(
            "0 0.25 0.5 0.25 0.5\n1 0.75 0.75 0.5 0.25\n"
        )
        (folder / f"people/labels/{number}.txt").write_text("0 0.5 0.5 0.25 0.75\n")
        mask = np.full((SIZE, SIZE), SOME_STUFF, np.uint8)
        mask[16:48, 8:24] = SEGMENTATION_CLASSES.index("person")
        mask[:4] = 255
        cv2.imwrite(str(folder / f"road/masks/{number}.png"), mask)
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(CONTENT))
    return file


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**CONTENT, **changes})


def batch_of(data: Path, chosen: Settings, source: int) -> Batch:
    """Return crops of one source, as training draws them."""
    splits = open_splits(chosen.data, data, chosen.seed, chosen.guides)
    crops = (splits.whole[number] for number in range(100))
    found = [crop for crop in crops if crop.source == source]
    return collate(found[:3])


def reach(task: DetectionTask | SegmentationTask, batch: Batch) -> Tensor:
    """Return how far each number of omega is moved by the task alone."""
    torch.manual_seed(0)
    fusion = create_fusion("edge")
    loss = task.upper(fusion(batch.thermal, batch.luma), batch)
    parameters = list(fusion.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in found])


def test_boxes_arrive_in_our_classes(data: Path) -> None:
    batch = batch_of(data, settings(), 0)
    for sample in batch.samples:
        assert sample.labels is not None
        assert [DETECTION_CLASSES[label] for label in sample.labels] == ["person", "vehicle"]
        assert sample.mask is None


def test_both_tasks_reach_the_fusion_network(data: Path) -> None:
    chosen = settings(guidance="both", segmenter={"network": "segformer_b0", "start": "none"})
    torch.manual_seed(0)
    detection, segmentation = guides_of(chosen, CPU)
    batch = batch_of(data, chosen, 0)
    for task in (detection, segmentation):
        moved = reach(task, batch)
        assert torch.isfinite(moved).all()
        assert moved.norm() > 1e-6


def test_pictures_without_labels_teach_no_task_anything(data: Path) -> None:
    chosen = settings(guidance="both", segmenter={"network": "segformer_b0", "start": "none"})
    batch = batch_of(data, chosen, 2)
    for task in guides_of(chosen, CPU):
        assert task.lower(batch.luma, batch) == 0
        assert not reach(task, batch).any()


def test_of_a_source_of_persons_nothing_is_learnt_about_vehicles(data: Path) -> None:
    chosen = settings()
    (task,) = guides_of(chosen, CPU)
    batch = batch_of(data, chosen, 1)
    losses = []
    for bias in (-3.0, 3.0):
        # How sure the detector is of vehicles everywhere.
        with torch.no_grad():
            task.net.head.logits.bias[2] = bias
        losses.append(task.lower(batch.luma, batch).item())
    # Only where a person is, a vehicle is known not to be.
    road = batch_of(data, chosen, 0)
    known = []
    for bias in (-3.0, 3.0):
        with torch.no_grad():
            task.net.head.logits.bias[2] = bias
        known.append(task.lower(road.luma, road).item())
    assert losses[1] - losses[0] < 0.3 * (known[1] - known[0])


def test_a_source_of_less_weight_has_less_of_the_loss(data: Path) -> None:
    chosen = settings()
    people, road = (batch_of(data, chosen, source) for source in (1, 0))
    torch.manual_seed(0)
    net = create_detector("fcos_small", 3).eval()
    both = collate_with(people, road)
    losses = []
    for weight in (1.0, 0.6, 0.2):
        sources = [s.model_copy(update={"weight": weight}) for s in chosen.data.sources[1:2]]
        task = DetectionTask(net, [chosen.data.sources[0], *sources])
        losses.append(task.lower(both.luma, both).item())
    # Weights are no part of the divisor: what the persons add is proportional to theirs.
    assert losses[2] < 0.9 * losses[0]
    assert losses[1] == pytest.approx((losses[0] + losses[2]) / 2, rel=1e-5)


def collate_with(first: Batch, second: Batch) -> Batch:
    """Return two batches as one."""
    tensors = {
        name: torch.cat([getattr(first, name), getattr(second, name)])
        for name in ("thermal", "luma", "share", "hot", "mix", "source")
    }
    return Batch(first.names + second.names, samples=first.samples + second.samples, **tensors)


def test_masks_of_the_night_say_only_what_is_not_there(data: Path) -> None:
    chosen = settings_of_masks()
    (task,) = guides_of(chosen, CPU)
    batch = batch_of(data, chosen, 0)
    assert SOME_STUFF in batch.samples[0].mask  # type: ignore[operator]
    head = task.net.model.decode_head.classifier
    losses = {}
    for name in ("road", "sky", "vehicle"):
        with torch.no_grad():
            head.bias.zero_()
            head.weight.zero_()
            head.bias[SEGMENTATION_CLASSES.index(name)] = 8.0
            head.bias[SEGMENTATION_CLASSES.index("person")] = 6.0
        losses[name] = task.lower(batch.luma, batch).item()
    assert losses["road"] == pytest.approx(losses["sky"], rel=1e-4)
    assert losses["vehicle"] > losses["road"] + 1


def settings_of_masks() -> Settings:
    content = {key: value for key, value in CONTENT.items() if key != "detector"}
    segmenter = {"network": "segformer_b0", "start": "none"}
    return Settings.model_validate({**content, "guidance": "segmentation", "segmenter": segmenter})


@pytest.mark.parametrize("strategy", ["bilevel", "joint", "alternating"])
def test_a_guided_run_moves_fusion_and_detector_and_writes_both(
    strategy: str, data: Path, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = [f"strategy={strategy}"]
    if strategy == "alternating":
        changes += ["alternating.fusion_steps=1", "alternating.task_steps=1"]
    arguments = ["train", str(config), "--data", str(data), "--out", str(out), "--device", "cpu"]
    assert main([*arguments, "--set", *changes]) == 0
    trained = load_detector("fcos_small", out / "fcos_small.safetensors")
    assert trained.classes == DETECTION_CLASSES
    card = yaml.safe_load((out / "fcos_small.yaml").read_text())
    assert card["task"] == "detection"
    assert card["settings"]["strategy"] == strategy
    assert (out / "edge.safetensors").is_file()


def test_start_weights_of_other_classes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "deer.safetensors"
    save_weights(file, "fcos_small", create_detector("fcos_small", 1), {}, ["deer"])
    chosen = settings(detector={"network": "fcos_small", "start": str(file)})
    with pytest.raises(CheckpointError, match="tells apart deer; needed are person, bicycle"):
        guides_of(chosen, CPU)


def test_start_weights_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    net = create_detector("fcos_small", 3)
    save_weights(file, "fcos_small", net, {}, DETECTION_CLASSES)
    (task,) = guides_of(settings(detector={"network": "fcos_small", "start": str(file)}), CPU)
    for found, expected in zip(task.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=3e-3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"guidance": "depth"}, "guidance: Input should be 'detection', 'segmentation' or 'both'"),
        ({"guidance": None}, "detector is not read without guidance: detection"),
        ({"guidance": "segmentation"}, "detector is not read without guidance: detection"),
        ({"detector.network": "yolo"}, "detector.network is 'yolo'; choose from fcos, fcos_small"),
        ({"weighting": {"name": "manual", "options": {"weights": [1]}}}, "weighting: "),
        ({"data.sources": [{"path": "a", "known": ["deer"]}]}, "known: 'deer' is none of person"),
        (
            {"data.sources": [{"path": "a", "read_as": {"car": "auto"}}]},
            "read_as.car is 'auto'; choose from person, bicycle, vehicle, ignore, nothing",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    changes: dict[str, Any], text: str, config: Path
) -> None:
    with pytest.raises(ValueError, match=text.split(";")[0]) as caught:
        load_settings(config, changes)
    assert text in str(caught.value)


def test_crops_that_the_detector_cannot_see_are_refused(config: Path) -> None:
    chosen = load_settings(config, {"data.crop": 72})
    with pytest.raises(ValueError, match=r"data.crop is 72; fcos_small takes multiples of 32"):
        guides_of(chosen, CPU)


def test_classes_without_a_meaning_are_refused_by_name(data: Path, config: Path) -> None:
    chosen = load_settings(config, {"data.sources": [{"path": "road", "classes": ["man", "car"]}]})
    with pytest.raises(ValueError, match="road: class 'man' is none of person, bicycle, vehicle"):
        open_splits(chosen.data, data, 0, chosen.guides)
