# SPDX-License-Identifier: Apache-2.0
"""The section of a configuration about the data sets to train on, and the crops cut from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from bifuse_core.bilevel.sections import Count, LabelSettings, Positive, Rate, Section

LEAST_CROP = 48
"""Smallest crop on which every loss is defined, pixels."""


class SourceSettings(LabelSettings):
    """A data set to train on.

    Its labels are read where a task needs them (`guidance`); samples without any are taken too.

    Attributes:
        path: below the data folder given to `train`.
        share: part of all crops taken from it, relative to the other sources.
        layout: as in `check` and `evaluate`.
        split: name of a list of the layout; all samples by default.
        every: take every nth sample (of a video, neighbours are alike).
    """

    path: Path
    share: Rate = 1.0
    layout: str = "auto"
    split: str | None = None
    every: Positive = 1


class DataSettings(Section):
    """What crops are cut from.

    Attributes:
        sources: at least one.
        batch: crops a step, of all processes together.
        crop: side in pixels.
        scale: interval by which pictures are enlarged before the crop.
        vary: probability, for each camera, of its grey levels being varied.
        validation_every: every nth sample of a source is kept for the upper level and not seen by
            the lower one; 0 gives both levels all samples.
        remembered: samples of each source kept in memory, in every worker.
        workers: processes that read ahead; 0 reads in the training process.
    """

    sources: Annotated[list[SourceSettings], Field(min_length=1)]
    batch: Positive = 4
    crop: Annotated[int, Field(ge=LEAST_CROP)] = 160
    scale: tuple[Rate, Rate] = (1.0, 1.0)
    vary: Annotated[float, Field(ge=0, le=1)] = 0.5
    validation_every: Count = 5
    remembered: Count = 1000
    workers: Count = 0

    @model_validator(mode="after")
    def _check(self) -> DataSettings:
        if self.validation_every == 1:
            raise ValueError("validation_every is 1, which leaves the lower level nothing; 0 or >1")
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale is {self.scale}; the first must not be above the second")
        return self
