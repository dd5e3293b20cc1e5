# SPDX-License-Identifier: Apache-2.0
"""What the overlay paints, where, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.imaging.overlay import (
    BOX_COLOURS,
    MASK_COLOURS,
    draw_boxes,
    draw_mask,
    draw_words,
    mask_picture,
)


@pytest.fixture
def picture(random: np.random.Generator) -> NDArray[np.uint8]:
    return random.integers(0, 256, (480, 640, 3), np.uint8)


def test_every_class_has_a_colour_of_its_own() -> None:
    assert {MASK_COLOURS[name] for name in SEGMENTATION_CLASSES} == set(MASK_COLOURS.values())
    assert len(set(MASK_COLOURS.values())) == len(SEGMENTATION_CLASSES)
    assert len({BOX_COLOURS[name] for name in DETECTION_CLASSES}) == len(DETECTION_CLASSES)


def test_a_mask_is_blended_pixel_by_pixel(
    random: np.random.Generator, picture: NDArray[np.uint8]
) -> None:
    mask = random.choice([*range(len(SEGMENTATION_CLASSES)), 254, 255], (480, 640)).astype(np.uint8)
    kept = picture.copy()
    drawn = draw_mask(picture, mask, SEGMENTATION_CLASSES, opacity=0.3)
    np.testing.assert_array_equal(picture, kept)
    expected = picture.astype(float)
    for number, name in enumerate(SEGMENTATION_CLASSES):
        chosen = mask == number
        expected[chosen] = 0.7 * picture[chosen] + 0.3 * np.array(MASK_COLOURS[name])
    assert np.abs(drawn - expected).max() <= 0.51
    np.testing.assert_array_equal(drawn[mask >= 254], picture[mask >= 254])


def test_a_mask_is_a_picture_of_its_colours() -> None:
    mask = np.array([[0, 2], [1, 255]], np.uint8)
    drawn = mask_picture(mask, ("sky", "road", "unheard of"))
    sky, road = MASK_COLOURS["sky"], MASK_COLOURS["road"]
    assert drawn.tolist() == [[list(sky), [255] * 3], [list(road), [0] * 3]]


def test_a_mask_of_another_size_is_refused(picture: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="240"):
        draw_mask(picture, np.zeros((240, 320), np.uint8), SEGMENTATION_CLASSES)


def test_a_box_is_drawn_on_its_edges_with_a_plate_above() -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([[100.0, 200.0, 180.0, 300.0]], np.float32)
    drawn = draw_boxes(black, boxes, np.array([0.87]), np.array([2]), DETECTION_CLASSES)
    assert not black.any()
    painted = (drawn == BOX_COLOURS["vehicle"]).all(axis=2)
    for inside in (painted[200, 100:180], painted[299, 100:180], painted[200:300, 100]):
        assert inside.all()
    assert painted[200:300, 179].all()
    assert not drawn[204:296, 104:176].any()
    rows, columns = np.nonzero(drawn.any(axis=2))
    assert (rows.max(), columns.min()) == (300, 99)  # the line is two pixels wide
    plate = drawn[rows.min() : 199, 100:150]
    assert 10 <= plate.shape[0] <= 24
    # Dark text on a bright plate.
    assert 0.1 < (plate.max(axis=2) < 100).mean() < 0.6


@pytest.mark.parametrize(
    "box", [(0, 0, 40, 60), (600, 2, 640, 90), (-20, -30, 700, 500), (610, 470, 640, 480)]
)
def test_the_name_stays_in_the_picture(box: tuple[float, ...]) -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([box], np.float32)
    drawn = draw_boxes(black, boxes, np.array([0.5]), np.array([0]), DETECTION_CLASSES)
    beside = draw_boxes(
        black, np.array([[300, 200, 340, 260]]), np.array([0.5]), np.array([0]), DETECTION_CLASSES
    )
    dark_text = [(d.max(axis=2) > 0) & (d.max(axis=2) < 250) for d in (drawn, beside)]
    # The grey rims of the letters are there, none cut off.
    assert dark_text[0].sum() == dark_text[1].sum() > 20


def test_the_surest_box_is_on_top() -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([[100, 100, 200, 200], [100, 100, 200, 200]], np.float32)
    drawn = draw_boxes(black, boxes, np.array([0.9, 0.2]), np.array([0, 2]), DETECTION_CLASSES)
    assert tuple(drawn[150, 100]) == BOX_COLOURS["person"]


def test_names_of_a_crowd_do_not_cover_each_other() -> None:
    black = np.zeros((480, 640, 3), np.uint8)

    def drawn(lefts: list[int]) -> NDArray[np.uint8]:
        boxes = np.array([[left, 200, left + 12, 230] for left in lefts], np.float32)
        scores, labels = np.linspace(0.9, 0.5, len(lefts)), np.zeros(len(lefts), int)
        return draw_boxes(black, boxes, scores, labels, DETECTION_CLASSES)

    crowd, alone = drawn([300, 304, 308, 312, 316, 320]), drawn([300])
    # The name of the surest is as if nobody else were there.
    rows, columns = np.nonzero(alone[:199].any(axis=2))
    plate = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    np.testing.assert_array_equal(crowd[plate], alone[plate])
    # Another stands below; a third and its like have no place but in the boxes.
    assert crowd[232:260].any() and not alone[232:260].any()
    assert not crowd[: rows.min()].any() and not crowd[260:].any()


def test_no_boxes_leave_the_picture_as_it_is(picture: NDArray[np.uint8]) -> None:
    none = np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, np.int64)
    np.testing.assert_array_equal(draw_boxes(picture, *none, DETECTION_CLASSES), picture)


def test_words_stand_in_the_upper_left_corner_and_nowhere_else(
    picture: NDArray[np.uint8],
) -> None:
    before = picture.copy()
    drawn = draw_words(picture, "RGB ALONE")
    np.testing.assert_array_equal(picture, before)
    rows, columns = np.nonzero((drawn != picture).any(axis=2))
    assert rows.min() == columns.min() == 0
    assert rows.max() < 24
    assert 60 < columns.max() < 160
    # Nothing of the picture shines through, and there is something to read.
    assert set(np.unique(drawn[: rows.max(), : columns.max()])) >= {0, 255}
    longer = draw_words(picture, "THERMAL ALONE")
    assert np.nonzero((longer != picture).any(axis=2))[1].max() > columns.max()
