# SPDX-License-Identifier: Apache-2.0
"""Samples as tensors, in this process and in spawned workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import picture_files
import pytest
import torch
from picture_files import HEIGHT, WIDTH
from torch.utils.data import DataLoader

from bifuse_core.data.augmentation import Augmentation
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.faults import PictureError
from bifuse_core.data.tensors import TensorPairs, TensorSample, normalised, to_tensors
from bifuse_core.imaging.colour import LUMA_WEIGHTS
from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        picture_files.write(tmp_path / f"ir/{number}.png", picture_files.thermal(number, np.uint16))
        picture_files.write(tmp_path / f"vi/{number}.png", picture_files.rgb(number))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/0.txt").write_text("0 0.5 0.5 0.5 0.5\n0 0.2 0.2 0.1 0.1\n")
    (tmp_path / "labels/1.txt").write_text("")
    (tmp_path / "classes.txt").write_text("person\n")
    picture_files.write(tmp_path / "masks/0.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    (tmp_path / "mask_classes.txt").write_text("road\n")
    return tmp_path


def test_values_and_shapes(folder: Path) -> None:
    sample = open_dataset(folder)[0]
    tensors = to_tensors(normalised(sample))
    expected = ThermalNormaliser()(sample.thermal, 0)
    np.testing.assert_array_equal(tensors.thermal.numpy(), expected[None])
    np.testing.assert_allclose(tensors.rgb.numpy(), sample.rgb.transpose(2, 0, 1) / 255, atol=1e-6)
    luma = sample.rgb @ np.array(LUMA_WEIGHTS) / 255
    np.testing.assert_allclose(tensors.luma.numpy(), luma[None], atol=1e-5)
    assert (tensors.thermal.dtype, tensors.luma.dtype) == (torch.float32, torch.float32)
    assert tensors.boxes is not None
    assert tensors.boxes.shape == (2, 4)
    assert tensors.labels is not None
    assert tensors.labels.tolist() == [0, 0]
    assert tensors.mask is not None
    assert tensors.mask.dtype == torch.int64
    assert (tensors.mask == 255).all()


def test_unknown_and_empty_stay_apart(folder: Path) -> None:
    pairs = TensorPairs(open_dataset(folder))
    assert pairs[1].boxes is not None
    assert pairs[1].boxes.shape == (0, 4)
    assert pairs[2].boxes is None
    assert pairs[2].mask is None


def test_thermal_settings_are_those_of_the_node(folder: Path) -> None:
    settings = ThermalSettings(unit="centikelvin", range="fixed", minimum=0.0, maximum=100.0)
    dataset = open_dataset(folder)
    celsius = dataset[0].thermal / 100 - 273.15
    thermal = TensorPairs(dataset, settings)[0].thermal[0]
    np.testing.assert_allclose(thermal, np.clip(celsius / 100, 0, 1), atol=1e-4)


def test_counts_must_be_normalised_first(folder: Path) -> None:
    with pytest.raises(ValueError, match="0: the thermal picture is uint16; normalise it first"):
        to_tensors(open_dataset(folder)[0])


def test_augmentation_depends_on_seed_epoch_and_number_alone(folder: Path) -> None:
    pairs = TensorPairs(open_dataset(folder), augmentation=Augmentation(crop=(16, 16)))
    assert pairs[3].thermal.shape == (1, 16, 16)
    torch.testing.assert_close(pairs[3].thermal, pairs[3].thermal)
    for other in (replace(pairs, seed=1), replace(pairs, epoch=1)):
        assert not torch.equal(other[3].rgb, pairs[3].rgb)


def test_two_spawned_workers_give_what_this_process_gives(folder: Path) -> None:
    pairs = TensorPairs(open_dataset(folder), augmentation=Augmentation(crop=(16, 16)))
    loader = DataLoader(
        pairs, batch_size=2, num_workers=2, collate_fn=list, multiprocessing_context="spawn"
    )
    received: list[TensorSample] = [sample for batch in loader for sample in batch]
    assert [sample.name for sample in received] == [str(number) for number in range(6)]
    for number, sample in enumerate(received):
        for mine, theirs in zip(pairs[number], sample, strict=True):
            if isinstance(mine, torch.Tensor):
                torch.testing.assert_close(theirs, mine)
            else:
                assert theirs == mine


def test_workers_forked_after_a_video_was_read_read_it_too(
    video: Callable[..., Path], tmp_path: Path
) -> None:
    for side in ("ir", "vi"):
        video(f"{side}/drive.mp4", frames=6)
    pairs = TensorPairs(open_dataset(tmp_path))
    expected = [pairs[number] for number in range(6)]
    loader = DataLoader(
        pairs, num_workers=2, collate_fn=list, multiprocessing_context="fork", timeout=30
    )
    for mine, (theirs,) in zip(expected, loader, strict=True):
        torch.testing.assert_close(theirs.thermal, mine.thermal)
    torch.testing.assert_close(pairs[5].thermal, expected[5].thermal)


def test_a_fault_in_a_worker_names_the_file(folder: Path) -> None:
    pairs = TensorPairs(open_dataset(folder))
    (folder / "vi/0.png").write_bytes(b"")
    loader = DataLoader(pairs, num_workers=1, collate_fn=list, multiprocessing_context="spawn")
    with pytest.raises(PictureError, match=r"vi/0\.png: not a readable picture"):
        next(iter(loader))
