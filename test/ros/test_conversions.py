# SPDX-License-Identifier: Apache-2.0
"""Messages to arrays and back."""

from __future__ import annotations

import re
import struct
import zlib
from array import array
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_messages import header, image, scene
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from bifuse_ros import conversions
from bifuse_ros.conversions import ImageError, image_message, rgb_picture, thermal_picture

WIDTH, HEIGHT = 38, 26
THERMAL, RGB = scene(1, WIDTH, HEIGHT)
PADDINGS = (0, 1, 10)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(
    ("encoding", "dtype"),
    [
        ("mono8", np.uint8),
        ("8UC1", np.uint8),
        ("mono16", np.uint16),
        ("16UC1", np.uint16),
        ("32FC1", np.float32),
    ],
)
def test_thermal_counts_arrive_unchanged(
    encoding: str, dtype: Any, big_endian: bool, padding: int
) -> None:
    counts = (THERMAL.astype(np.float64) * (1 if dtype == np.uint8 else 117.25)).astype(dtype)
    message = image(counts, encoding, padding=padding, big_endian=big_endian)
    picture = thermal_picture(message)
    assert picture.dtype == np.dtype(dtype)
    assert picture.dtype.isnative
    np.testing.assert_array_equal(picture, counts)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("encoding", "from_rgb"),
    [
        ("rgb8", lambda rgb: rgb),
        ("bgr8", lambda rgb: rgb[..., ::-1]),
        ("8UC3", lambda rgb: rgb[..., ::-1]),
        ("rgba8", lambda rgb: np.dstack([rgb, rgb[..., 0]])),
        ("bgra8", lambda rgb: np.dstack([rgb[..., ::-1], rgb[..., 0]])),
    ],
)
def test_colours_arrive_in_their_places(encoding: str, from_rgb: Any, padding: int) -> None:
    message = image(from_rgb(RGB), encoding, padding=padding)
    np.testing.assert_array_equal(rgb_picture(message), RGB)


def test_a_grey_camera_gives_three_equal_channels() -> None:
    picture = rgb_picture(image(THERMAL, "mono8", padding=3))
    np.testing.assert_array_equal(picture, np.repeat(THERMAL[..., None], 3, axis=2))


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_mosaic_of_one_colour_becomes_that_colour(pattern: str) -> None:
    colour = {"r": 200, "g": 120, "b": 30}
    tile = np.array([[colour[c] for c in pattern[:2]], [colour[c] for c in pattern[2:]]], np.uint8)
    mosaic = np.tile(tile, (HEIGHT // 2, WIDTH // 2))
    picture = rgb_picture(image(mosaic, f"bayer_{pattern}8", padding=6))
    np.testing.assert_array_equal(np.unique(picture.reshape(-1, 3), axis=0), [[200, 120, 30]])


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("yuv422", "UYVY"), ("uyvy", "UYVY"), ("yuv422_yuy2", "YUYV"), ("yuyv", "YUYV")],
)
def test_yuv422_of_one_colour_becomes_that_colour(encoding: str, order: str) -> None:
    # BT.601 limited range of (200, 120, 30), by its definition.
    y = 16 + (65.481 * 200 + 128.553 * 120 + 24.966 * 30) / 255
    u = 128 + (-37.797 * 200 - 74.203 * 120 + 112.0 * 30) / 255
    v = 128 + (112.0 * 200 - 93.786 * 120 - 18.214 * 30) / 255
    values = {"Y": round(y), "U": round(u), "V": round(v)}
    row = np.tile([values[c] for c in order], WIDTH // 2).astype(np.uint8)
    packed = np.tile(row, (HEIGHT, 1)).reshape(HEIGHT, WIDTH, 2)
    picture = rgb_picture(image(packed, encoding, padding=2))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(picture.astype(int) - [200, 120, 30]).max() <= 3


def test_what_is_left_to_cv_bridge_comes_back_as_rgb() -> None:
    # The cv_bridge of the wheels decodes nothing that we do not, so it is asked for a mosaic.
    pytest.importorskip("cv_bridge", reason="cv_bridge is not installed")
    message = image(THERMAL, "bayer_rggb8")
    np.testing.assert_array_equal(conversions._bridged(message), rgb_picture(message))


def test_compressed_images_are_decoded() -> None:
    counts = THERMAL.astype(np.uint16) * 200
    png = cv2.imencode(".png", counts)[1].tobytes()
    np.testing.assert_array_equal(
        thermal_picture(CompressedImage(format="16UC1; png compressed", data=array("B", png))),
        counts,
    )
    png = cv2.imencode(".png", RGB[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(
        rgb_picture(CompressedImage(format="rgb8; png compressed bgr8", data=array("B", png))), RGB
    )


def png_header(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file that claims a size (PNG specification, IHDR)."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + checksum


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        cv2.imencode(".png", RGB)[1].tobytes()[:40],
        png_header(100_000, 100_000),
    ],
)
def test_damaged_compressed_images_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=f"{len(data)} bytes of format 'png'"):
        rgb_picture(CompressedImage(format="png", data=array("B", data)))


def test_a_compressed_image_of_an_absurd_size_is_refused() -> None:
    data = cv2.imencode(".png", np.zeros((1, 8193), np.uint8))[1].tobytes()
    with pytest.raises(ImageError, match="size is 8193x1; each side must be 1 to 8192"):
        thermal_picture(CompressedImage(format="png", data=array("B", data)))


def damaged(**changes: Any) -> Image:
    message = image(RGB, "rgb8")
    for field, value in changes.items():
        setattr(message, field, value)
    return message


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (damaged(step=10), r"step is 10 bytes; 38 pixels of rgb8 need 114"),
        (damaged(data=array("B", bytes(100))), r"data has 100 bytes; .* needs 2964"),
        (damaged(encoding="rgb33"), r"'rgb33'; usable are rgb8, "),
        (damaged(encoding=""), r"''"),
        (damaged(width=0), r"0x26; each side must be 1 to 8192"),
        (damaged(height=0), r"38x0"),
        (damaged(width=2**31, step=2**32 - 1), r"2147483648x26"),
    ],
)
def test_malformed_images_are_refused_with_value_and_limit(message: Image, names: str) -> None:
    with pytest.raises(ImageError, match=names):
        rgb_picture(message)


@pytest.mark.parametrize("thermal", [True, False])
@pytest.mark.parametrize(
    "change", [{"step": 1}, {"data": array("B", bytes(7))}, {"width": 0}, {"height": 2**31}]
)
def test_the_check_at_receipt_refuses_what_conversion_would(
    change: dict[str, Any], thermal: bool
) -> None:
    message = image(THERMAL, "mono8") if thermal else image(RGB, "rgb8")
    conversions.check(message, thermal=thermal)
    for field, value in change.items():
        setattr(message, field, value)
    with pytest.raises(ImageError) as refused:
        conversions.check(message, thermal=thermal)
    with pytest.raises(ImageError, match=re.escape(str(refused.value))):
        (thermal_picture if thermal else rgb_picture)(message)


def test_the_check_at_receipt_knows_the_encodings() -> None:
    with pytest.raises(ImageError, match="'nonsense'"):
        conversions.check(image(RGB, "nonsense"), thermal=False)
    with pytest.raises(ImageError, match="'rgb8'"):
        conversions.check(image(RGB, "rgb8"), thermal=True)
    with pytest.raises(ImageError, match="0 bytes of format 'jpeg'"):
        conversions.check(CompressedImage(format="jpeg"), thermal=False)


def test_a_colour_image_is_no_thermal_image() -> None:
    with pytest.raises(ImageError, match="'rgb8'; usable are mono8, 8UC1, mono16, 16UC1, 32FC1"):
        thermal_picture(image(RGB, "rgb8"))


@settings(deadline=None, max_examples=200)
@given(
    height=st.integers(0, 40),
    width=st.integers(0, 40),
    step=st.integers(0, 200),
    size=st.integers(0, 3000),
    encoding=st.sampled_from([*conversions.RGB_ENCODINGS, *conversions.THERMAL_ENCODINGS, "x"]),
    thermal=st.booleans(),
)
def test_any_header_gives_a_picture_of_its_size_or_an_image_error(
    height: int, width: int, step: int, size: int, encoding: str, thermal: bool
) -> None:
    message = Image(height=height, width=width, step=step, encoding=encoding)
    message.data = array("B", bytes(size))
    try:
        picture = thermal_picture(message) if thermal else rgb_picture(message)
    except ImageError:
        return
    assert picture.shape[:2] == (height, width)
    assert picture.size


FIELD = st.integers(0, 50) | st.integers(0, 2**32 - 1)
"""Of 32 bits."""


@settings(deadline=None, max_examples=200)
@given(
    fields=st.fixed_dictionaries({"height": FIELD, "width": FIELD, "step": FIELD}),
    size=st.integers(0, 3000),
    encoding=st.sampled_from([*conversions.RGB_ENCODINGS, *conversions.THERMAL_ENCODINGS, "x"]),
    big_endian=st.integers(0, 255),
    thermal=st.booleans(),
)
def test_what_the_check_refuses_of_any_header_the_conversion_refuses_too(
    fields: dict[str, int], size: int, encoding: str, big_endian: int, thermal: bool
) -> None:
    message = Image(**fields, encoding=encoding, is_bigendian=big_endian)
    message.data = array("B", bytes(size))
    try:
        conversions.check(message, thermal=thermal)
    except ImageError:
        with pytest.raises(ImageError):
            (thermal_picture if thermal else rgb_picture)(message)


@pytest.mark.parametrize("behind_setter", [True, False])
@pytest.mark.parametrize(("picture", "encoding"), [(RGB, "rgb8"), (THERMAL, "mono8")])
def test_a_published_picture_survives_serialisation(
    picture: Any, encoding: str, behind_setter: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversions, "_accepts_memoryview", lambda: behind_setter)
    message = image_message(picture, encoding, header(5_000_000_007, "camera"))
    received = deserialize_message(serialize_message(message), Image)
    assert (received.height, received.width, received.encoding) == (HEIGHT, WIDTH, encoding)
    assert received.step == picture.nbytes // HEIGHT
    assert received.header == header(5_000_000_007, "camera")
    assert bytes(received.data) == picture.tobytes()
