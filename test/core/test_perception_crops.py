# SPDX-License-Identifier: Apache-2.0
"""Crops around objects: boxes stay on the pixels they mean, and a number is always one crop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import squares

from bifuse_core.data.classes import SOME_STUFF
from bifuse_core.data.sample import Sample
from bifuse_core.metrics.unlabelled import UNLABELLED
from bifuse_core.perception.batch import collate
from bifuse_core.perception.crops import Crops
from bifuse_core.perception.inputs import input_by_name, rgb, seen
from bifuse_core.perception.settings import CropSettings
from bifuse_core.perception.sources import Source

SIZE = (64, 96)


def crops(*sources: Source, seed: int = 0, **changes: Any) -> Crops:
    settings = CropSettings.model_validate({"size": SIZE, "vary": 0, "mosaic": 0, **changes})
    return Crops(sources or (squares.source(),), settings, rgb, seed)


def bright(sample: Sample) -> np.ndarray[Any, Any]:
    return sample.rgb.min(axis=2) > 185


def drawn_box(sample: Sample, box: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    """Return the corners of what is bright in and just around a box."""
    left, top = (max(0, int(np.floor(value)) - 2) for value in box[:2])
    right, bottom = (int(np.ceil(value)) + 2 for value in box[2:])
    rows, columns = np.nonzero(bright(sample)[top:bottom, left:right])
    return (
        left + int(columns.min()),
        top + int(rows.min()),
        left + int(columns.max()) + 1,
        top + int(rows.max()) + 1,
    )


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_a_number_is_always_the_same_crop_and_others_are_other_crops(mosaic: float) -> None:
    first, second = (crops(mosaic=mosaic, vary=1) for _ in range(2))
    order = [5, 0, 3]
    for number in order:
        a, b = first[number].sample, second[number].sample
        assert np.array_equal(a.rgb, b.rgb)
        assert a.boxes is not None and b.boxes is not None
        assert np.array_equal(a.boxes, b.boxes)
    seen = {first[number].sample.rgb.tobytes() for number in range(20)}
    assert len(seen) == 20
    assert crops(seed=1)[0].sample.rgb.tobytes() != crops(seed=0)[0].sample.rgb.tobytes()


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_boxes_lie_where_the_pixels_lie(mosaic: float) -> None:
    # One square a picture, so that nothing bright is beside a box.
    alone = tuple(
        sample
        for sample in squares.source(40).samples
        if sample.labels is not None and (sample.labels == squares.SQUARE).sum() == 1
    )
    drawn = crops(squares.source(samples=alone), mosaic=mosaic, scale=[0.8, 2.5])
    compared = 0
    for number in range(120):
        sample = drawn[number].sample
        assert sample.rgb.shape == (*SIZE, 3)
        assert sample.thermal.shape == SIZE
        assert sample.boxes is not None and sample.labels is not None
        assert (sample.boxes[:, :2] >= 0).all()
        assert (sample.boxes[:, 2:] <= (SIZE[1], SIZE[0])).all()
        for box in sample.boxes[sample.labels == squares.SQUARE]:
            if mosaic and _touches_another(sample, box):
                continue
            assert np.abs(np.subtract(drawn_box(sample, box), box)).max() <= 1.5
            compared += 1
    assert compared > 60


def _touches_another(sample: Sample, box: np.ndarray[Any, Any]) -> bool:
    """Tell whether something bright of another picture or a cut off object lies beside a box."""
    assert sample.boxes is not None
    others = np.concatenate([sample.boxes, sample.ignore])
    grown = box + np.array([-4, -4, 4, 4])
    meets = (others[:, :2] < grown[2:]).all(axis=1) & (others[:, 2:] > grown[:2]).all(axis=1)
    return int(meets.sum()) > 1


def test_every_bright_pixel_belongs_to_a_box_or_to_a_region_to_ignore() -> None:
    drawn = crops(scale=[1.5, 2.5], mosaic=0.5)
    ignored = 0
    for number in range(80):
        sample = drawn[number].sample
        assert sample.boxes is not None
        ignored += len(sample.ignore)
        left = bright(sample)
        for box in (*sample.boxes, *sample.ignore):
            corners = np.concatenate([np.floor(box[:2]) - 1, np.ceil(box[2:]) + 1]).clip(0)
            x0, y0, x1, y1 = corners.astype(int)
            left[y0:y1, x0:x1] = False
        assert not left.any()
    assert ignored > 5


def test_aimed_crops_show_their_object_and_the_rare_class_comes_more_often_than_it_appears() -> (
    None
):
    pictures = list(squares.source(20).samples)
    # One picture in twenty shows a bicycle; there is something of class 0 in all.
    rare = replace(pictures[0], labels=np.ones_like(pictures[0].labels))
    for sample in pictures[1:]:
        assert sample.labels is not None
        sample.labels[:] = 0
    drawn = crops(squares.source(samples=(rare, *pictures[1:])), aimed=1, scale=[2.0, 2.2])
    labels = [drawn[number].sample.labels for number in range(200)]
    assert all(found is not None and len(found) for found in labels)
    share = np.mean([1 in found for found in labels if found is not None])
    # The square root of 1 against that of 19 pictures.
    assert share == pytest.approx(1 / (1 + 19**0.5), abs=0.07)


def test_without_aim_many_crops_show_nothing() -> None:
    drawn = crops(aimed=0, scale=[2.0, 2.2])
    boxes = [drawn[number].sample.boxes for number in range(100)]
    shown = [len(found) for found in boxes if found is not None]
    assert 5 < shown.count(0) < 95


def test_an_object_larger_than_the_crop_fills_it() -> None:
    large = squares.picture(0)
    box = np.array([[4, 2, 124, 94]], np.float32)
    large = replace(large, boxes=box, labels=np.array([0]))
    drawn = crops(squares.source(samples=(large,)), aimed=1, scale=[3.0, 3.0])
    for number in range(20):
        boxes = drawn[number].sample.boxes
        assert boxes is not None
        seen = boxes if len(boxes) else drawn[number].sample.ignore
        assert np.array_equal(seen, [[0, 0, SIZE[1], SIZE[0]]])


def test_what_is_beyond_a_picture_is_grey_unlabelled_and_without_boxes() -> None:
    sample = replace(squares.picture(0), mask=np.full((96, 128), 3, np.uint8))
    sample.rgb[:] = 255
    drawn = crops(squares.source(samples=(sample,)), scale=[0.5, 0.5])
    for number in range(10):
        crop = drawn[number].sample
        assert crop.mask is not None and crop.boxes is not None
        inside = crop.rgb[..., 0] == 255
        assert inside.sum() == 32 * 43
        assert np.array_equal(crop.mask == 3, inside)
        assert (crop.mask[~inside] == UNLABELLED).all()
        assert (crop.rgb[~inside] == 114).all()
        rows, columns = np.nonzero(inside)
        low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
        assert (crop.boxes[:, :2] >= low).all()
        assert (crop.boxes[:, 2:] <= np.add(high, 0.5)).all()


def test_crops_are_laid_around_pixels_of_rare_classes_where_there_are_masks_alone() -> None:
    masked = []
    for number in range(20):
        mask = np.zeros((96, 128), np.uint8)
        mask[:8, :8] = SOME_STUFF
        # One picture in twenty has a few pixels of a bicycle, in one corner.
        mask[92:, 124:] = 6 if number == 0 else 0
        masked.append(replace(squares.picture(number), boxes=None, labels=None, mask=mask))
    drawn = crops(squares.source(samples=tuple(masked)), aimed=1, flip=0, scale=[2.0, 2.2])
    masks = [drawn[number].sample.mask for number in range(200)]
    share = np.mean([6 in mask for mask in masks if mask is not None])
    assert share == pytest.approx(1 / (1 + 20**0.5), abs=0.07)


def test_a_crop_of_both_cameras_shows_what_a_fusion_of_the_whole_pair_shows_there() -> None:
    random = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(random.random((96, 128)).astype(np.float32), (0, 0), 4)
    thermal = (smooth - smooth.min()) / np.ptp(smooth)
    pair = replace(squares.picture(1), thermal=thermal)
    see = input_by_name("edge", "cpu")
    whole = seen(pair, see)
    for scale in (0.8, 1.0, 2.2):
        settings = CropSettings(size=SIZE, scale=(scale, scale), vary=0, mosaic=0)
        of_pair = Crops([squares.source(samples=(pair,))], settings, see)
        of_whole = Crops([squares.source(samples=(whole,))], settings, rgb)
        for number in range(10):
            part, expected = of_pair[number].sample, of_whole[number].sample
            assert part.boxes is not None and expected.boxes is not None
            assert np.allclose(part.boxes, expected.boxes, atol=1)
            # Sizes in whole pixels: a part is scaled by up to a pixel more than the whole.
            difference = np.abs(part.rgb.astype(float) - expected.rgb)
            assert np.median(difference) <= 6
            assert part.thermal.shape == SIZE and not part.thermal.any()


@pytest.mark.parametrize(("dark", "vary"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_each_camera_is_varied_alone_and_nights_are_dark_for_the_colour_camera(
    dark: float, vary: float
) -> None:
    pair = replace(squares.picture(1), thermal=np.full((96, 128), 0.5, np.float32))
    pair.rgb[:] = 128
    levels: list[tuple[float, float]] = []

    def see(sample: Sample) -> np.ndarray[Any, Any]:
        levels.append((float(sample.thermal.mean()), float(sample.rgb.mean()) / 255))
        return sample.rgb

    settings = CropSettings(size=SIZE, mosaic=0, vary=vary, dark=dark)
    drawn = Crops([squares.source(samples=(pair,))], settings, see)
    for number in range(60):
        drawn[number]
    warm, light = np.array(levels).T
    if dark:
        # At most 0.7 of a level raised to 0.6, and the offset.
        assert light.max() < 0.7 * 0.5**0.6 + 0.09 and light.std() > 0.05
    if vary:
        assert warm.std() > 0.05 and light.std() > 0.05
        assert abs(np.corrcoef(warm, light)[0, 1]) < 0.4
    else:
        assert np.allclose(warm, 0.5)
    if not dark and not vary:
        assert np.allclose(light, 128 / 255)


def test_mosaics_show_four_pictures_of_one_source() -> None:
    sources = [
        squares.source(6, seed, name=name, known=(True, False, known), weight=weight)
        for seed, (name, known, weight) in enumerate([("a", True, 1.0), ("b", False, 0.3)])
    ]
    drawn = crops(*sources, mosaic=1)
    batch = collate([drawn[number] for number in range(16)])
    assert {name.partition(":")[0] for name in batch.names} == {"a", "b"}
    for name, truth in zip(batch.names, batch.truth, strict=True):
        assert name.count(",") == 3
        assert truth is not None
        first = name.startswith("a")
        assert truth.known.tolist() == [True, False, first]
        assert truth.weight == (1.0 if first else 0.3)


def test_sources_are_drawn_by_their_share() -> None:
    drawn = crops(squares.source(3, name="a", share=3.0), squares.source(3, 1, name="b", share=1.0))
    names = [drawn[number].source.name for number in range(300)]
    assert names.count("a") / 300 == pytest.approx(0.75, abs=0.08)


def test_a_batch_holds_the_pictures_in_the_order_of_channels() -> None:
    drawn = [crops()[number] for number in range(3)]
    batch = collate(drawn)
    assert batch.rgb.shape == (3, 3, *SIZE)
    assert batch.masks is None
    for picture, crop in zip(batch.rgb, drawn, strict=True):
        assert np.allclose(picture.permute(1, 2, 0).numpy() * 255, crop.sample.rgb)
    unknown = replace(drawn[0].sample, boxes=None, labels=None)
    assert collate([replace(drawn[0], sample=unknown)]).truth == (None,)
