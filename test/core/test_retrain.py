# SPDX-License-Identifier: Apache-2.0
"""`retrain`, from a recording to weights that see more of the part that was held back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

pytest.importorskip("rosbags", reason="rosbags is not installed")

import rendered_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.nets.checkpoint import card_of, sha256_of  # noqa: E402
from bifuse_core.nets.zoo import load_detector, shipped_weights  # noqa: E402

COUNT, RATE = 36, 2.0
BRIEF = ["crop.size=[128,160]", "crop.mosaic=0", "batch=4", "steps=40"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag of a night, to whose thermal camera heat is black, as the shipped detector has
    never seen it; beside it are the true boxes."""
    folder = tmp_path_factory.mktemp("drive")
    frames = rendered_bag.drive("night", COUNT, rate=RATE, seed=70, width=160, height=128)
    frames = rendered_bag.black_hot(frames)
    rendered_bag.write_truth(folder / "labels.json", frames, RATE)
    return rendered_bag.record(folder / "drive", frames, RATE)


def arguments(recording: Path, out: Path, *changes: str) -> list[str]:
    labels = str(recording.with_name("labels.json"))
    command = ["retrain", str(recording), "--labels", labels, "--out", str(out)]
    return [*command, "--threads", "1", "--device", "cpu", "--set", *BRIEF, *changes]


@pytest.mark.slow
def test_corrected_labels_make_weights_that_see_more(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(recording, tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "mean" in shown
    # The last fifth of 36.
    assert "held back: 7 pictures" in shown and "7 pictures tell little" in shown
    weights = tmp_path / "fcos_small.safetensors"
    card = yaml.safe_load(card_of(weights).read_text())
    assert card["sha256"] == sha256_of(weights)
    assert sha256_of(shipped_weights("fcos_small")) in card["start"]
    assert card["scores"].keys() == card["scores_of_start"].keys() != set()
    assert sum(card["scores"].values()) > sum(card["scores_of_start"].values())
    assert card["data"][0]["pictures"] == round(0.7 * COUNT)
    assert card["settings"]["seed"] == 0
    load_detector("fcos_small", weights)
    # The same command again has nothing left to do, and comes to the same verdict.
    assert main(arguments(recording, tmp_path)) == 0
    assert yaml.safe_load(card_of(weights).read_text()) == card
    note = tmp_path / "labels.sha256"
    note.write_text(note.read_text().replace("a", "b"))
    assert main(arguments(recording, tmp_path)) == 2
    assert "not the labels that the training" in capsys.readouterr().err


def test_weights_that_are_not_better_are_named_so(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A step far too long: what was learnt is lost.
    rate = ["optimiser.schedule=constant", "optimiser.learning_rate=0.05"]
    assert main(arguments(recording, tmp_path, "steps=1", "average=0", *rate)) == 1
    weights = tmp_path / "fcos_small_not_better.safetensors"
    assert f"not better than the old weights: {weights}" in capsys.readouterr().out
    assert not (tmp_path / "fcos_small.safetensors").exists()
    load_detector("fcos_small", weights)


def test_labels_are_proposed_where_none_are_given(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["retrain", str(recording), "--every", "4", "--out", str(tmp_path), "--threads", "1"]
    assert main([*command, "--set", *BRIEF, "steps=1"]) in (0, 1)
    assert "labels: proposed by the old weights" in capsys.readouterr().out
    assert (tmp_path / "labelled/drive/page.html").is_file()
    config = yaml.safe_load((tmp_path / "retrain.yaml").read_text())
    assert config["sources"][0]["labels"] == str(tmp_path / "labelled/drive/labels.json")
    assert config["scored"][0]["part"] == [0.8, 1.0]
    # They are not taken for those of other pairs or other cameras.
    for change, key in (
        (["--every", "3"], "every"),
        (["--camera", "sync.offset=-0.01"], "sync.offset"),
    ):
        assert main([*command, *change]) == 2
        error = capsys.readouterr().err
        assert f"proposed with other settings ({key}); name another --out, delete" in error
    # A default that is given is none: this fails only later.
    assert main([*command, "--camera", "sync.offset=0", "--set", "stepps=3"]) == 2
    assert "did you mean 'steps'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--labels", "a.json", "b.json"], "--labels names 2 files for 1 recordings"),
        (["--every", "0"], "--every is 0; it must be 1 or more"),
        (["--labels", "none.json"], "none.json: not readable as COCO"),
        (["--set", "stepps=3"], "--set: stepps: no such key; did you mean 'steps'?"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    recording: Path,
    tmp_path: Path,
    changes: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*arguments(recording, tmp_path / "out"), *changes]) == 2
    assert message in capsys.readouterr().err
