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
        drives = [
            RenderedDrive(self.seed + i, condition=c, width=self.width, height=self.height)
            for i, c in enumerate(CONDITIONS)
        ]
        for number in range(self.count):
            turn, condition = divmod(number, len(CONDITIONS))
            frame = drives[condition].frame(turn * SECONDS_BETWEEN)
            yield f"{CONDITIONS[condition]}_{turn:04d}", frame
