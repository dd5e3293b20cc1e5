# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training of a task network, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bifuse_core.bilevel.configuration import read_configuration
from bifuse_core.bilevel.sections import (
    DETECTION,
    Count,
    LabelSettings,
    OptimiserSettings,
    Positive,
    Rate,
    Section,
    Weight,
)
from bifuse_core.engine.fusions import FUSIONS
from bifuse_core.nets.zoo import DETECTORS, SEGMENTERS

Share = Annotated[float, Field(ge=0, le=1)]

CAMERAS = ("thermal", "rgb")
"""Inputs that are no fusion."""


class TaskSourceSettings(LabelSettings):
    """A labelled data set.

    Attributes:
        path: below the data folder given on the command line.
        rendered: instead of a path: so many rendered scenes, made when the run starts.
        seed: of the rendered scenes.
        share: part of all crops taken from it, relative to the other sources.
        layout: as in `check` and `evaluate`.
        split: name of a list of the layout; all samples by default.
        part: interval of the labelled samples, in their order, as shares of them; of a recording,
            a part of its time.
        first: number of the first labelled sample of these that is taken.
        every: take every nth from there.
    """

    path: Path | None = None
    rendered: Count = 0
    seed: Count = 0
    share: Rate = 1.0
    layout: str = "auto"
    split: str | None = None
    part: tuple[Share, Share] = (0.0, 1.0)
    first: Count = 0
    every: Positive = 1

    @property
    def name(self) -> str:
        """What tables and messages call it."""
        if self.path:
            return str(self.path)
        return f"rendered {self.seed}" if self.seed else "rendered"

    @model_validator(mode="after")
    def _check(self) -> TaskSourceSettings:
        if (self.path is None) == (self.rendered == 0):
            raise ValueError("a source has a path or a number of rendered scenes; give one")
        if not self.part[0] < self.part[1]:
            raise ValueError(f"part is {self.part}; the first must be below the second")
        return self


class CropSettings(Section):
    """How crops are cut.

    Attributes:
        size: height and width, pixels.
        scale: interval by which pictures are enlarged, times the factor with which they just fit
            into the crop.
        aimed: probability that a crop is laid around an object, or a pixel of a class.
        mosaic: probability that a crop is put together from four.
        flip: probability of left becoming right.
        dark: probability of the colour camera seeing as little as at dusk or at night.
        vary: probability, for each camera that is not dark, of its grey levels being varied.
    """

    size: tuple[Positive, Positive] = (320, 416)
    scale: tuple[Rate, Rate] = (0.9, 2.2)
    aimed: Share = 0.8
    mosaic: Share = 0.3
    flip: Share = 0.5
    vary: Share = 0.7
    dark: Share = 0.0

    @model_validator(mode="after")
    def _check(self) -> CropSettings:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale is {self.scale}; the first must not be above the second")
        return self


class TaskLogSettings(Section):
    """What is written on the way.

    Attributes:
        losses_every: steps between points of the curves.
        score_every: steps between scores on the pictures of `scored`; 0 for the end alone.
        save_every: steps between saved states.
    """

    losses_every: Positive = 20
    score_every: Count = 0
    save_every: Positive = 200


class TaskSettings(Section):
    """A training of a detector or segmenter.

    Attributes:
        task: what it does.
        network: its name in `nets.zoo`.
        start: `none`, `shipped`, or a weights file.
        backbone: file of public weights that its backbone starts from.
        input: what it sees: `thermal`, `rgb`, a fusion by name, or NAME=WEIGHTS.
        sources: at least one.
        scored: data sets that are not trained on but scored.
        crop: see `CropSettings`.
        batch: crops a step.
        workers: processes that cut crops ahead, each with all pictures where Python does not fork
            (3.14); 0 cuts them in the training process.
        steps: length of the run.
        frozen_steps: first of them, in which the backbone stays as it is.
        optimiser: of all parameters.
        backbone_rate: learning rate of the backbone, as a share of that of the rest.
        precision: in which the network computes: float32 or bfloat16 (mixed precision).
        average: decay of the running mean of the weights, which is what is kept; 0 keeps the last.
        log: see `TaskLogSettings`.
        seed: of all random choices.
    """

    task: Literal["detection", "segmentation"]
    network: str
    start: str = "none"
    backbone: Path | None = None
    input: str = "edge"
    sources: Annotated[list[TaskSourceSettings], Field(min_length=1)]
    scored: list[TaskSourceSettings] = []
    crop: CropSettings = CropSettings()
    batch: Positive = 8
    workers: Count = 0
    steps: Positive
    frozen_steps: Count = 0
    optimiser: OptimiserSettings = OptimiserSettings(learning_rate=2e-3, clip=10.0)
    backbone_rate: Weight = 0.2
    precision: Literal["float32", "bfloat16"] = "float32"
    average: Annotated[float, Field(ge=0, lt=1)] = 0.994
    log: TaskLogSettings = TaskLogSettings()
    seed: Count = 0

    @model_validator(mode="after")
    def _check(self) -> TaskSettings:
        networks = tuple(DETECTORS if self.task == DETECTION else SEGMENTERS)
        if self.network not in networks:
            raise ValueError(
                f"network is {self.network!r}; for {self.task} choose from {', '.join(networks)}"
            )
        inputs = (*CAMERAS, *FUSIONS)
        if self.input.partition("=")[0] not in inputs:
            raise ValueError(f"input is {self.input!r}; choose from {', '.join(inputs)}")
        names = [source.name for source in self.scored]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"scored has {name!r} twice; tables need a name for each")
        if self.start != "none" and self.backbone is not None:
            raise ValueError("start and backbone both tell where the weights come from; give one")
        return self


def load_task_settings(file: Path, changes: dict[str, Any] | None = None) -> TaskSettings:
    """Read a configuration; see `read_configuration`."""
    return read_configuration(TaskSettings, file, changes)
