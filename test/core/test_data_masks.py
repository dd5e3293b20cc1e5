# SPDX-License-Identifier: Apache-2.0
"""Masks: class numbers arrive as they are stored, and each fault is named with its file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import picture_files
import pytest
from picture_files import HEIGHT, WIDTH

from bifuse_core.data.annotations.masks import MaskFile
from bifuse_core.data.faults import MaskError, PairError, refuse
from bifuse_core.data.layouts.layout import Options

GREY, PALETTE = 0, 3


def numbers() -> np.ndarray[Any, Any]:
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:8], mask[8:16] = 0, 1
    return mask


def fault_of(mask: MaskFile) -> str:
    """Return the one fault, having seen that strict reading stops at it."""
    faults: list[PairError] = []
    mask.read(HEIGHT, WIDTH, faults.append)
    (fault,) = faults
    with pytest.raises(MaskError) as caught:
        mask.read(HEIGHT, WIDTH, refuse)
    assert str(caught.value) == str(fault)
    return str(fault)


def write_png(file: Path, mask: np.ndarray[Any, Any], bits: int, kind: int) -> Path:
    """Write a PNG by its definition; OpenCV writes neither palettes nor fewer than 8 bits."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    height, width = mask.shape
    planes = np.unpackbits(mask[..., None], axis=-1)[..., 8 - bits :]
    rows = np.packbits(planes.reshape(height, -1), axis=-1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    colours = np.random.default_rng(0).integers(0, 256, 3 * 2**bits).astype(np.uint8).tobytes()
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
        + (chunk(b"PLTE", colours) + chunk(b"tRNS", bytes(2**bits)) if kind == PALETTE else b"")
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    return file


def test_masks_of_grey_levels_and_of_palettes_are_class_numbers(tmp_path: Path) -> None:
    picture_files.write(tmp_path / "grey.png", numbers())
    write_png(tmp_path / "palette.png", numbers(), 8, PALETTE)
    for name in ("grey", "palette"):
        mask = MaskFile(tmp_path / f"{name}.png", 2).read(HEIGHT, WIDTH, refuse)
        assert mask is not None
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, numbers())


@pytest.mark.parametrize("kind", [GREY, PALETTE])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_numbers_of_fewer_than_8_bits_are_read_as_they_are(
    tmp_path: Path, random: np.random.Generator, bits: int, kind: int
) -> None:
    stored = random.integers(0, 2**bits, (HEIGHT, WIDTH - 3)).astype(np.uint8)
    file = write_png(tmp_path / "a.png", stored, bits, kind)
    mask = MaskFile(file, 2**bits).read(HEIGHT, WIDTH - 3, refuse)
    np.testing.assert_array_equal(mask, stored)


def test_unknown_values_are_named_and_read_as_unlabelled_or_as_said(tmp_path: Path) -> None:
    stored = numbers()
    stored[0, :2] = 7, 254
    file = picture_files.write(tmp_path / "a.png", stored)
    assert fault_of(MaskFile(file, 2)) == f"{file}: values [7, 254] are none of the 2 classes"
    mask = MaskFile(file, 2, {254: 254, 7: 1}).read(HEIGHT, WIDTH, refuse)
    assert mask is not None
    assert mask[0, :3].tolist() == [1, 254, 0]


@pytest.mark.parametrize(
    ("read_as", "value"), [({300: 255}, 300), ({-1: 255}, -1), ({9: 256}, 256)]
)
def test_a_value_that_no_mask_can_hold_is_refused(read_as: dict[int, int], value: int) -> None:
    with pytest.raises(PairError, match=rf"mask value {value} is outside 0\.\.255"):
        Options(mask_read_as=read_as)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (numbers()[:, 1:], "the mask is 31x24, the picture 32x24"),
        (np.dstack([numbers()] * 3), "not 3 of uint8"),
        (numbers().astype(np.uint16), "not 1 of uint16"),
    ],
)
def test_a_mask_of_another_size_or_type_is_refused(
    tmp_path: Path, stored: np.ndarray[Any, Any], says: str
) -> None:
    file = picture_files.write(tmp_path / "a.png", stored)
    assert says in fault_of(MaskFile(file, 2))


@pytest.mark.parametrize("damage", ["cut off", "a wrong byte"])
@pytest.mark.parametrize("kind", [GREY, PALETTE])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_damaged_mask_is_named(tmp_path: Path, bits: int, kind: int, damage: str) -> None:
    file = write_png(tmp_path / "a.png", numbers(), bits, kind)
    data = bytearray(file.read_bytes())
    if damage == "cut off":
        data = data[:-30]
    else:
        data[data.index(b"IDAT") + 12] ^= 0x10
    file.write_bytes(data)
    assert f"{file}: not a readable picture" in fault_of(MaskFile(file, 16))
