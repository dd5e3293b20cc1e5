# SPDX-License-Identifier: Apache-2.0
"""Pictures fitted within a size, and boxes brought back."""

from __future__ import annotations

import numpy as np
import pytest

from bifuse_core.imaging.fitting import fit_within


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((480, 640), (480, 640)), ((768, 1024), (480, 640)), ((304, 500), (389, 640))],
)
def test_size(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit_within(np.zeros((*size, 3), np.uint8), 480, 640).picture.shape == (*fitted, 3)


@pytest.mark.parametrize("size", [(768, 1024), (304, 500), (2000, 30)])
def test_boxes_come_back_to_where_things_are(size: tuple[int, int]) -> None:
    height, width = size
    picture = np.zeros((*size, 3), np.uint8)
    box = np.array([width // 3, height // 4, 2 * width // 3, height // 2])
    picture[box[1] : box[3], box[0] : box[2]] = 255
    fitted = fit_within(picture, 480, 640)
    rows, columns = (fitted.picture[..., 0] > 127).nonzero()
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(seen * fitted.back - box).max() <= 1.01 * max(fitted.back)


def test_a_picture_of_that_size_is_not_touched() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    fitted = fit_within(picture, 480, 640)
    assert fitted.picture is picture
    assert fitted.back.tolist() == [1, 1, 1, 1]
