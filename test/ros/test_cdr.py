# SPDX-License-Identifier: Apache-2.0
"""Images read out of their serialisation, compared with the messages of ROS."""

from __future__ import annotations

import numpy as np
import pytest
from image_messages import image
from rclpy.serialization import serialize_message

from bifuse_core.imaging.encodings import ImageError
from bifuse_ros.cdr import header_stamp, serialised_image


@pytest.mark.parametrize("frame", ["", "a", "rgb", "rgb_optical_frame"])
@pytest.mark.parametrize("encoding", ["rgb8", "yuv422_yuy2"])
def test_all_fields_are_those_of_the_message(frame: str, encoding: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (7, 5, 3), dtype=np.uint8)
    message = image(picture, encoding, 1_700_000_000_123_456_789, frame, padding=2)
    message.is_bigendian = 1
    data = serialize_message(message)
    read = serialised_image(data)
    for field in ("height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(read, field) == getattr(message, field), field
    assert bytes(read.data) == bytes(message.data)
    assert header_stamp(data) == 1_700_000_000_123_456_789


@pytest.mark.parametrize("size", [4, 14, 18, 30, 40])
def test_what_is_cut_off_is_refused(size: int) -> None:
    data = serialize_message(image(np.zeros((4, 4, 3), np.uint8), "rgb8", 1, "camera"))
    with pytest.raises(ImageError, match=f"{size} bytes"):
        serialised_image(data[:size])
