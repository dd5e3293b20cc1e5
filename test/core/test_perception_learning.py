# SPDX-License-Identifier: Apache-2.0
"""A detector learns bright squares, and an interrupted training ends where a whole one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import squares
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.perception.batch import Batch, collate
from bifuse_core.perception.crops import Crops
from bifuse_core.perception.detection import DetectionLesson
from bifuse_core.perception.inputs import rgb
from bifuse_core.perception.learning import CURVES, finished, learn
from bifuse_core.perception.settings import TaskSettings
from bifuse_core.perception.sources import Source


def trained(
    out: Path, settings: TaskSettings, lesson: Any = None, scored: Sequence[Source] = ()
) -> tuple[Fcos, dict[str, float]]:
    torch.manual_seed(3)
    net = squares.detector()
    crops = Crops([squares.source(24)], settings.crop, rgb, settings.seed)
    return net, learn(settings, net, lesson or DetectionLesson(), crops, scored, out)


def numbers(net: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def curve(out: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(out / CURVES))
    events.Reload()
    return [(point.step, point.value) for point in events.Scalars(name)]


def test_squares_that_it_never_saw_are_found_after_a_short_training(tmp_path: Path) -> None:
    settings = squares.settings(
        steps=80,
        average=0.9,
        optimiser={"learning_rate": 1e-2},
        log={"losses_every": 10, "score_every": 40},
    )
    scored = [squares.source(16, seed=9)]
    lesson = DetectionLesson(size=(96, 128))
    torch.manual_seed(3)
    before = lesson.measures(squares.detector().eval(), scored)
    assert before["AP50"]["person"] < 0.05
    net, scores = trained(tmp_path, settings, lesson, scored)
    assert not net.training
    assert scores["AP50 person"] > 0.7
    assert "AP50 bicycle" in scores and scores["AP50 bicycle"] != scores["AP50 bicycle"]
    losses = [value for _, value in curve(tmp_path, "focal")]
    assert losses[-1] < 0.3 * losses[0]
    points = curve(tmp_path, "AP50 person")
    assert [step for step, _ in points] == [40, 80]
    assert points[-1][1] == pytest.approx(scores["AP50 person"])


class StopsAt(DetectionLesson):
    """A lesson that is interrupted."""

    def losses(self, net: Fcos, batch: Batch) -> dict[str, Tensor]:
        parts = super().losses(net, batch)
        seen = getattr(self, "seen", 0) + 1
        object.__setattr__(self, "seen", seen)
        if seen == 6:
            raise KeyboardInterrupt
        return parts


def test_an_interrupted_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    settings = squares.settings(
        steps=8, frozen_steps=4, log={"save_every": 3}, crop={"size": [64, 96], "vary": 1}
    )
    whole, _ = trained(tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", settings, StopsAt())
    assert not finished(settings, tmp_path / "parts")
    parts, _ = trained(tmp_path / "parts", settings)
    assert torch.equal(numbers(whole), numbers(parts))
    assert finished(settings, tmp_path / "parts")
    again, _ = trained(tmp_path / "parts", settings)
    assert torch.equal(numbers(whole), numbers(again))
    with pytest.raises(ValueError, match=r"other settings \(average\).* after 8 steps"):
        trained(tmp_path / "parts", settings.model_copy(update={"average": 0.5}))


def test_a_frozen_backbone_stays_and_the_rest_moves(tmp_path: Path) -> None:
    torch.manual_seed(3)
    start = squares.detector()
    frozen, _ = trained(tmp_path, squares.settings(steps=4, frozen_steps=4, average=0))
    assert torch.equal(numbers(frozen.backbone), numbers(start.backbone))
    assert not torch.equal(numbers(frozen.head), numbers(start.head))


def test_normalisations_of_a_frozen_backbone_stay_until_it_moves(tmp_path: Path) -> None:
    def run(steps: int) -> nn.BatchNorm2d:
        torch.manual_seed(3)
        net = squares.detector()
        net.backbone.first = nn.Sequential(net.backbone.first, nn.BatchNorm2d(16))
        settings = squares.settings(steps=steps, frozen_steps=2, average=0)
        crops = Crops([squares.source(4)], settings.crop, rgb)
        learn(settings, net, DetectionLesson(), crops, (), tmp_path / str(steps))
        norm = net.backbone.first[1]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm

    assert torch.equal(run(2).running_mean, torch.zeros(16))
    assert run(3).num_batches_tracked == 1


def test_the_backbone_moves_at_its_own_rate(tmp_path: Path) -> None:
    # The first step of Adam is as long as the rate, whatever the gradient.
    torch.manual_seed(3)
    start = squares.detector()
    plain = {"learning_rate": 1e-3, "weight_decay": 0, "schedule": "constant"}
    changes = {"steps": 1, "average": 0, "backbone_rate": 0.1, "optimiser": plain}
    net, _ = trained(tmp_path, squares.settings(**changes))
    moved = (net.backbone.first.weight - start.backbone.first.weight).abs()
    assert moved.median().item() == pytest.approx(1e-4, rel=0.05)
    moved = (net.pyramid.lateral[0].weight - start.pyramid.lateral[0].weight).abs()
    assert moved.median().item() == pytest.approx(1e-3, rel=0.05)


def test_the_mean_follows_weights_and_what_normalisations_have_seen(tmp_path: Path) -> None:
    states: list[dict[str, Tensor]] = []

    class Watched(DetectionLesson):
        def losses(self, net: Fcos, batch: Batch) -> dict[str, Tensor]:
            states.append({name: value.clone() for name, value in net.state_dict().items()})
            return super().losses(net, batch)

    # One more step, so that the last state is seen too.
    settings = squares.settings(steps=3, average=0.5)
    net, _ = trained(tmp_path, settings, Watched())
    stepped = torch.load(tmp_path / "state.pt", weights_only=True)["net"]
    for name, mean in net.state_dict().items():
        if not mean.is_floating_point():
            assert torch.equal(mean, stepped[name])
            continue
        expected = states[0][name]
        for number, state in enumerate([states[1], states[2], stepped]):
            decay = min(0.5, (1 + number) / (10 + number))
            expected = decay * expected + (1 - decay) * state[name]
        assert torch.allclose(mean, expected, atol=1e-6), name


def test_in_mixed_precision_a_network_learns_nearly_the_same(tmp_path: Path) -> None:
    curves = {}
    for precision in ("float32", "bfloat16"):
        settings = squares.settings(steps=12, precision=precision, log={"losses_every": 1})
        net, _ = trained(tmp_path / precision, settings)
        assert all(value.dtype != torch.bfloat16 for value in net.state_dict().values())
        curves[precision] = [value for _, value in curve(tmp_path / precision, "focal")]
    exact, mixed = (torch.tensor(values) for values in curves.values())
    assert not torch.equal(exact, mixed)
    assert torch.allclose(exact, mixed, rtol=0.05)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_pictures(tmp_path: Path) -> None:
    class Spoilt(DetectionLesson):
        def losses(self, net: Fcos, batch: Batch) -> dict[str, Tensor]:
            parts = super().losses(net, batch)
            return {**parts, "box": parts["box"] * float("nan")}

    with pytest.raises(FloatingPointError, match=r"step 1: box not finite on squares: \d\d"):
        trained(tmp_path, squares.settings(), Spoilt())
    assert not (tmp_path / "state.pt").exists()


def test_pictures_of_unknown_content_teach_nothing_about_backgrounds() -> None:
    settings = squares.settings(crop={"size": [64, 96], "vary": 0, "mosaic": 0})
    empty = tuple(
        replace(s, boxes=s.boxes[:0], labels=s.labels[:0])
        for s in squares.source(4).samples
        if s.boxes is not None and s.labels is not None
    )
    net = squares.detector()
    for known, learnt in (((False,) * 3, False), ((True, False, False), True)):
        crops = Crops([squares.source(samples=empty, known=known)], settings.crop, rgb)
        parts = DetectionLesson().losses(net, collate([crops[0], crops[1]]))
        assert bool(sum(parts.values()) > 0) == learnt
