# SPDX-License-Identifier: Apache-2.0
"""TensorBoard gets curves and pictures, and an interruption leaves neither gap nor knot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import trainings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bifuse_core.bilevel.journal import Journal
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.sections import LogSettings
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.trainer import CURVES, SHOWN

PICTURES = "thermal, luma, u_m, fused"


def written(out: Path) -> EventAccumulator:
    events = EventAccumulator(str(out), size_guidance={"images": 0, "scalars": 0})
    return events.Reload()


def steps(events: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in events.Scalars(tag)]


def settings(losses_every: int = 2) -> Settings:
    log = {"losses_every": losses_every, "pictures_every": 4, "save_every": 3}
    return trainings.settings(warm_start=4, steps=6, log=log)


def test_a_run_writes_a_curve_of_every_figure_and_pictures(tmp_path: Path) -> None:
    trained = trainings.run(settings(), tmp_path)
    events = written(tmp_path / CURVES)
    assert set(events.Tags()["scalars"]) == {"content", *trained.figures}
    assert {"lower/visual", "upper/bright_pixels", "weight/visual"} <= trained.figures.keys()
    assert steps(events, "content") == [2, 4]
    assert steps(events, "upper/visual") == [6, 8, 10]
    assert steps(events, "gradient/fusion") == [2, 4, 6, 8, 10]
    assert all(np.isfinite(e.value) for tag in trained.figures for e in events.Scalars(tag))


def test_pictures_show_the_same_pairs_with_inputs_target_and_result_side_by_side(
    tmp_path: Path,
) -> None:
    trainings.run(settings(), tmp_path)
    events = written(tmp_path / CURVES)
    assert events.Tags()["images"] == [PICTURES]
    assert [event.step for event in events.Images(PICTURES)] == [4, 8]
    png = np.frombuffer(events.Images(PICTURES)[1].encoded_image_string, np.uint8)
    shown = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    assert shown.shape == (SHOWN * trainings.SIZE, 4 * trainings.SIZE)
    for number, row in enumerate(np.split(shown, SHOWN)):
        thermal, luma, target, fused = np.split(row, 4, axis=1)
        crop = trainings.splits().validation[number]
        np.testing.assert_allclose(thermal, crop.sample.thermal[0], atol=0.004)
        np.testing.assert_allclose(luma, crop.sample.luma[0], atol=0.004)
        for between in (target, fused):
            assert (between >= np.minimum(thermal, luma) - 0.006).all()
            assert (between <= np.maximum(thermal, luma) + 0.006).all()


def test_a_point_is_the_mean_of_the_steps_since_the_last_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LogSettings(losses_every=3), done=0)
    for step, value in enumerate([1.0, 2.0, 6.0, 5.0], start=1):
        # A figure that does not come up in every step is the mean of those where it does.
        journal.add(step, {"often": value, **({"rarely": 8.0} if step == 2 else {})})
    journal.close()
    events = written(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("often")] == [(3, 3.0)]
    assert [(e.step, e.value) for e in events.Scalars("rarely")] == [(3, 8.0)]


def test_an_interrupted_run_keeps_its_points_and_goes_on_behind_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, taken, follow = settings(losses_every=1), 0, Learner.follow

    def stop(self: Learner, number: int) -> None:
        nonlocal taken
        taken += 1
        if taken == 9:
            raise KeyboardInterrupt
        follow(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "follow", stop)
        with pytest.raises(KeyboardInterrupt):
            trainings.run(chosen, tmp_path)
    # The state is of step 7, the curves reach to step 8.
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 7
    assert steps(written(tmp_path / CURVES), "gradient/fusion") == [1, 2, 3, 4, 5, 6, 7, 8]
    trained = trainings.run(chosen, tmp_path)
    trainings.run(chosen, tmp_path / "whole")
    events, whole = (written(out / CURVES) for out in (tmp_path, tmp_path / "whole"))
    for tag in ("content", *trained.figures):
        points, expected = ([(e.step, e.value) for e in x.Scalars(tag)] for x in (events, whole))
        assert points == expected
    assert [e.step for e in events.Images(PICTURES)] == [4, 8]


def test_no_pictures_are_drawn_where_none_are_wanted(tmp_path: Path) -> None:
    trainings.run(trainings.settings(log={"pictures_every": 0}), tmp_path)
    assert written(tmp_path / CURVES).Tags()["images"] == []
