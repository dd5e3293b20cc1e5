# SPDX-License-Identifier: Apache-2.0
"""YOLO text: a line a box, class, centre x and y, width and height, as shares of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bifuse_core.data.annotations.boxes import Boxes, DrawnBox, checked
from bifuse_core.data.faults import LabelError, Report


@dataclass(frozen=True)
class YoloFile:
    """The boxes of one picture in one file; an empty file says that nothing is there.

    Source: the label format of github.com/AlexeyAB/darknet.
    """

    file: Path
    classes: int

    def read(self, height: int, width: int, report: Report) -> Boxes:
        """Read them (see `BoxReader`)."""
        return checked(self._drawn(height, width, report), self.classes, (height, width), report)

    def _drawn(self, height: int, width: int, report: Report) -> Iterator[DrawnBox]:
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            report(LabelError(f"{self.file}: not readable: {error}"))
            return
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{self.file}:{number}"
            try:
                label, x, y, w, h = line.split()
                centre_x, centre_y = float(x) * width, float(y) * height
                half_width, half_height = float(w) * width / 2, float(h) * height / 2
                corners = (
                    centre_x - half_width,
                    centre_y - half_height,
                    centre_x + half_width,
                    centre_y + half_height,
                )
                yield DrawnBox(where, corners, int(label))
            except ValueError:
                report(LabelError(f"{where}: {line.strip()!r} is not class, x, y, width, height"))
