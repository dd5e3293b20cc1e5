# SPDX-License-Identifier: Apache-2.0
"""Pictures of any form in a room of one size."""

from __future__ import annotations

import numpy as np
import pytest

from bifuse_core.imaging.fitting import fitted


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (640, 480)),
        ((1280, 960), (640, 480)),
        ((320, 240), (640, 480)),
        ((1000, 500), (640, 320)),
        ((300, 600), (240, 480)),
        ((5000, 2), (640, 1)),
        ((2, 5000), (1, 480)),
        ((1, 1), (480, 480)),
    ],
)
def test_it_fills_the_room_in_its_own_form(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = size
    picture, back = fitted(np.full((height, width, 3), 7, np.uint8), 640, 480)
    assert picture.shape == (*expected[::-1], 3)
    assert (picture == 7).all()
    whole = np.array([0, 0, *expected], np.float32)
    assert (whole * back).tolist() == pytest.approx([0, 0, width, height])


def test_a_box_comes_back_to_where_it_was() -> None:
    picture = np.zeros((300, 500, 3), np.uint8)
    picture[90:180, 50:200] = 255
    small, back = fitted(picture, 100, 100)
    rows, columns = np.nonzero(small[..., 0] > 127)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(box * back - [50, 90, 200, 180]).max() < 5
