# SPDX-License-Identifier: Apache-2.0
"""Two synchronised videos, one per camera, read as pairs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from glob import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.faults import ONE_SIZE, PairError
from bifuse_core.data.pairs import ImagePair

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")


@dataclass(frozen=True)
class VideoPairs:
    """A thermal and an RGB video, frame by frame until the shorter one ends.

    Attributes:
        thermal_file: the thermal video.
        rgb_file: the RGB video.
        one_size: refuse videos that differ in size.

    Raises:
        PairError: a file is no readable video, or the two differ in size or rate.
    """

    thermal_file: Path
    rgb_file: Path
    one_size: bool = True

    def __post_init__(self) -> None:
        files = (self.thermal_file, self.rgb_file)
        sizes = [_property(f, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT) for f in files]
        if self.one_size and sizes[0] != sizes[1]:
            thermal, rgb = (f"{width:.0f}x{height:.0f}" for width, height in sizes)
            raise PairError(
                f"{self.thermal_file} is {thermal} but {self.rgb_file} is {rgb}; {ONE_SIZE}"
            )
        rates = [_property(f, cv2.CAP_PROP_FPS)[0] for f in files]
        if abs(rates[0] - rates[1]) > 0.01 * max(rates):
            raise PairError(
                f"{self.thermal_file} has {rates[0]:g} frames a second but {self.rgb_file} has "
                f"{rates[1]:g}; they are paired frame by frame and must have one rate"
            )

    @property
    def rate(self) -> float | None:
        """Frames per second of the thermal video."""
        (rate,) = _property(self.thermal_file, cv2.CAP_PROP_FPS)
        return rate if rate > 0 else None

    def __len__(self) -> int:
        files = (self.thermal_file, self.rgb_file)
        return int(min(_property(f, cv2.CAP_PROP_FRAME_COUNT)[0] for f in files))

    def __iter__(self) -> Iterator[ImagePair]:
        thermal_video, rgb_video = (
            cv2.VideoCapture(str(f)) for f in (self.thermal_file, self.rgb_file)
        )
        number = 0
        while True:
            (more_thermal, thermal), (more_rgb, bgr) = thermal_video.read(), rgb_video.read()
            if not (more_thermal and more_rgb):
                return
            yield self.pair(number, thermal, bgr)
            number += 1

    def pair(self, number: int, thermal: NDArray[np.uint8], bgr: NDArray[np.uint8]) -> ImagePair:
        """Return a pair of decoded frames under its name, VIDEO/NUMBER."""
        grey = cv2.cvtColor(thermal, cv2.COLOR_BGR2GRAY)
        return ImagePair(self.name(number), grey, np.ascontiguousarray(bgr[..., ::-1]))

    def name(self, number: int) -> str:
        """Return the name of a frame."""
        return f"{self.thermal_file.stem}/{number:06d}"


def partner_video(thermal: Path) -> Path:
    """Return the RGB video that belongs to a thermal one: `vi/NAME.*` beside `ir/NAME.mp4`.

    Raises:
        PairError: it does not lie in a folder `ir/`, or there is none.
    """
    for candidate in sorted((thermal.parent.parent / "vi").glob(f"{escape(thermal.stem)}.*")):
        if thermal.parent.name == "ir" and candidate.suffix.lower() in VIDEO_SUFFIXES:
            return candidate
    raise PairError(
        f"{thermal}: one video alone; expected it in a folder ir/ with its partner "
        f"vi/{thermal.name} beside that folder"
    )


@dataclass(frozen=True)
class VideoFrame:
    """One frame of two videos, found without reading those before it one by one."""

    videos: VideoPairs
    number: int

    @property
    def name(self) -> str:
        """That of the frame in `VideoPairs`."""
        return self.videos.name(self.number)

    def read(self) -> ImagePair:
        """Decode the frame of both videos.

        Raises:
            PairError: a video ends before it, or is damaged there.
        """
        files = (self.videos.thermal_file, self.videos.rgb_file)
        thermal, bgr = (self._frame(file) for file in files)
        return self.videos.pair(self.number, thermal, bgr)

    def _frame(self, file: Path) -> NDArray[np.uint8]:
        video = _opened(file)
        if round(video.get(cv2.CAP_PROP_POS_FRAMES)) != self.number:
            video.set(cv2.CAP_PROP_POS_FRAMES, self.number)
        more, frame = video.read()
        if not more:
            raise PairError(f"{file}: frame {self.number} cannot be read")
        return np.asarray(frame, np.uint8)


# Opening a video takes longer than decoding a frame, so a few stay open.
@lru_cache(maxsize=8)
def _opened(file: Path) -> cv2.VideoCapture:
    return cv2.VideoCapture(str(file))


# A forked worker has a copy of each decoder but none of its threads: it would wait for ever.
os.register_at_fork(before=_opened.cache_clear)


def _property(file: Path, *names: int) -> tuple[float, ...]:
    video = cv2.VideoCapture(str(file))
    if not video.isOpened():
        raise PairError(f"{file}: not a readable video")
    return tuple(video.get(name) for name in names)
