# SPDX-License-Identifier: Apache-2.0
"""The curves and sample pictures of a run, for TensorBoard."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.sections import LogSettings
from bifuse_core.bilevel.strategies.strategy import Figures


class Journal:
    """Writes means of the figures, and pictures, every so many steps.

    Args:
        folder: of the event files.
        settings: see `LogSettings`.
        done: steps that the run goes on from; later points of an earlier try are hidden.
    """

    def __init__(self, folder: Path, settings: LogSettings, done: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)
        self._settings = settings
        self._gathered: dict[str, list[float]] = defaultdict(list)

    def add(self, step: int, figures: Figures) -> None:
        """Note the figures of a step; one that did not come up in it is not counted."""
        for name, value in figures.items():
            self._gathered[name].append(value)
        if step % self._settings.losses_every == 0:
            for name, values in self._gathered.items():
                self._writer.add_scalar(name, sum(values) / len(values), step)
            self._gathered.clear()

    def note(self, step: int, figures: Figures) -> None:
        """Write figures that come up now and then, at once."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def wants_pictures(self, step: int) -> bool:
        """Tell whether pictures are due."""
        every = self._settings.pictures_every
        return bool(every) and step % every == 0

    @torch.no_grad()
    def show(self, step: int, fusion: nn.Module, batch: Batch) -> None:
        """Show thermal, luminance, the target u_m and the fused picture of each pair in a row."""
        fused = fusion(batch.thermal, batch.luma)
        rows = torch.cat((batch.thermal, batch.luma, batch.target, fused), dim=3).clamp(0, 1)
        sheet = rows[:, 0].flatten(0, 1).cpu()
        self._writer.add_image("thermal, luma, u_m, fused", sheet, step, dataformats="HW")

    def flush(self) -> None:
        """Put what was written on disk."""
        self._writer.flush()

    def close(self) -> None:
        """Put what was written on disk, and end."""
        self._writer.close()
