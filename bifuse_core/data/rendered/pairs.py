# SPDX-License-Identifier: Apache-2.0
"""Rendered scenes as a source of pairs, for training and for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.rendered import CONDITIONS, RenderedDrive, RenderedFrame

SECONDS_BETWEEN = 2.0
"""Far enough apart along the drive that pictures differ."""


@dataclass(frozen=True)
class RenderedPairs:
    """A number of rendered pairs, going round the conditions, each drive with its own seed.

    Attributes:
        count: how many.
        seed: seed of the first drive.
        width: pixels.
        height: pixels.
        rate: None; the pairs are no film.
    """

    count: int
    seed: int = 0
    width: int = 640
    height: int = 480
    rate: float | None = None

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ImagePair]:
        for name, frame in self.frames():
            yield ImagePair(name, frame.thermal, frame.rgb)

    def frames(self) -> Iterator[tuple[str, RenderedFrame]]:
        """Yield each frame with its labels and a name such as `night_0003`."""
        drives: dict[int, RenderedDrive] = {}
        for number in range(self.count):
            turn, index = divmod(number, len(CONDITIONS))
            if index not in drives:
                drives[index] = RenderedDrive(
                    self.seed + index,
                    condition=CONDITIONS[index],
                    width=self.width,
                    height=self.height,
                )
            yield f"{CONDITIONS[index]}_{turn:04d}", drives[index].frame(turn * SECONDS_BETWEEN)
