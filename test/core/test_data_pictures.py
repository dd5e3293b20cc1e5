# SPDX-License-Identifier: Apache-2.0
"""Picture files: whole ones arrive unchanged, cut off ones are never taken for pictures."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import picture_files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bifuse_core.data.faults import PictureError
from bifuse_core.data.pictures import read_colour, read_thermal
from bifuse_core.imaging.encoded import is_cut_off


def jpeg(options: tuple[int, ...] = ()) -> bytes:
    picture = cv2.GaussianBlur(picture_files.rgb(3), (5, 5), 0)
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def with_thumbnail(data: bytes) -> bytes:
    """Return a JPEG with a whole one inside its header, as cameras write them."""
    content = b"Exif\x00\x00" + jpeg()
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    return data[:2] + segment + data[2:]


JPEGS = {
    "baseline": jpeg(),
    "progressive": jpeg((cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "restarts": jpeg((cv2.IMWRITE_JPEG_RST_INTERVAL, 1)),
    "thumbnail": with_thumbnail(jpeg()),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_whole_jpeg_is_read_and_data_behind_its_end_does_not_matter(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.jpg"
    for tail in (b"", b"maker's notes"):
        file.write_bytes(JPEGS[kind] + tail)
        assert read_colour(file).shape == (picture_files.HEIGHT, picture_files.WIDTH, 3)


@pytest.mark.parametrize("kind", JPEGS)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0.0, 0.999))
def test_a_jpeg_without_its_end_is_refused_wherever_it_breaks_off(
    kind: str, tmp_path: Path, share: float
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(JPEGS[kind][: int(len(JPEGS[kind]) * share)])
    for read in (read_colour, read_thermal):
        with pytest.raises(PictureError, match=r"a\.jpg: not a readable picture"):
            read(file)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.98])
def test_other_formats_cut_off_are_refused(suffix: str, share: float, tmp_path: Path) -> None:
    file = picture_files.write(tmp_path / f"a{suffix}", picture_files.rgb())
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PictureError, match="not a readable picture"):
        read_colour(file)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe0"]))
def test_any_bytes_are_judged_without_an_error(data: bytes, start: bytes) -> None:
    assert is_cut_off(start + data) in (True, False)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thermal_counts_keep_their_depth(dtype: type, tmp_path: Path) -> None:
    counts = picture_files.thermal(1, dtype)
    file = picture_files.write(tmp_path / "a.png", counts)
    np.testing.assert_array_equal(read_thermal(file), counts)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"gone\.png: not a readable picture: No such file"):
        read_colour(tmp_path / "gone.png")


def test_a_header_that_claims_an_absurd_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    data = bytearray(cv2.imencode(".png", picture_files.thermal())[1].tobytes())
    # Width, height and checksum of the chunk IHDR (ISO/IEC 15948).
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    file.write_bytes(data)
    with pytest.raises(PictureError, match=re.escape(f"{file}: not a readable picture")):
        read_thermal(file)
