# SPDX-License-Identifier: Apache-2.0
"""Results on their way to disk: pictures into a folder, or into a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.pictures import size_of, write_picture
from bifuse_core.data.whole import written_whole


class Fused(NamedTuple):
    """One fused picture, and of what."""

    name: str
    """That of its pair."""
    stamp: int
    """Time of its pair, nanoseconds."""
    frame_id: str
    """Coordinate frame of the camera whose picture it takes the place of."""
    rgb: NDArray[np.uint8]
    """(H, W, 3) red, green, blue."""


Keep = Callable[[Fused], None]
"""Writes one picture after the other, in the order of time."""


def require_new(out: Path, what: str = "is there") -> None:
    """Refuse a place for results where there is something.

    Raises:
        ValueError: there is; the message says what it does.
    """
    if out.exists() or out.is_symlink():
        raise ValueError(f"{out} {what} already and is not overwritten; name another --out")


def require_free(out: Path) -> None:
    """Do as `require_new`, but accept an empty folder."""
    if not out.is_dir():
        require_new(out)
    elif any(out.iterdir()):
        require_new(out, "holds something")


@contextmanager
def picture_folder(out: Path) -> Iterator[Keep]:
    """Write PNG files under the names of the pairs; each is whole, and those written stay.

    Raises:
        OSError: one cannot be written.
    """

    def keep(fused: Fused) -> None:
        write_picture(out / f"{fused.name}.png", fused.rgb)

    out.mkdir(parents=True, exist_ok=True)
    yield keep


@contextmanager
def video_file(out: Path, rate: float) -> Iterator[Keep]:
    """Write an MPEG-4 video, which is there once it is whole.

    Args:
        out: the file; its suffix chooses the container.
        rate: pictures per second.

    Raises:
        ValueError: the container cannot hold it, or the pictures differ in size.
        OSError: it cannot be written.
    """
    video = cv2.VideoWriter()
    shapes: list[tuple[int, ...]] = []
    with written_whole(out) as place:

        def keep(fused: Fused) -> None:
            height, width, _ = fused.rgb.shape
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            if not shapes and not video.open(str(place), codec, rate, (width, height)):
                raise ValueError(f"{out}: cannot write a video there; try .mp4 or a folder")
            shapes.append(fused.rgb.shape)
            if shapes[-1] != shapes[0]:
                size = f"{shapes[0][1]}x{shapes[0][0]}"
                raise ValueError(
                    f"{out}: pair {fused.name} is {size_of(fused.rgb)}, the video {size}; "
                    "fuse pairs of several sizes into a folder"
                )
            video.write(cv2.cvtColor(fused.rgb, cv2.COLOR_RGB2BGR))

        try:
            yield keep
        finally:
            video.release()
        # The writer does not tell when it fails.
        written = cv2.VideoCapture(str(place))
        if not written.isOpened() or written.get(cv2.CAP_PROP_FRAME_COUNT) != len(shapes):
            raise OSError(f"{out}: the video could not be written whole; is the disk full?")
