# SPDX-License-Identifier: Apache-2.0
"""The sections of a configuration."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from bifuse_core.data.bags import TOPICS, Synchronisation
from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.vocabulary import MEANINGS
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.imaging.thermal import ThermalSettings

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]

DETECTION, SEGMENTATION = "detection", "segmentation"
"""The tasks that need labels: boxes, and masks."""


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


class Section(BaseModel):
    """A part of the configuration; keys that it does not have are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Choice(Section):
    """Something chosen by name, with options of its own.

    Attributes:
        name: see where it is used.
        options: keywords of what is chosen.
    """

    name: str
    options: dict[str, Any] = {}

    @field_validator("options")
    @classmethod
    def _numbers(cls, options: dict[str, Any]) -> dict[str, Any]:
        # YAML takes 1e-6, without a point, for a text.
        return {key: _number(value) for key, value in options.items()}


def _section_of(settings: type[Any]) -> type[Section]:
    """Return the section whose keys are the attributes of a dataclass of settings."""
    hints = get_type_hints(settings)
    keys: dict[str, Any] = {key.name: (hints[key.name], key.default) for key in fields(settings)}
    return create_model(settings.__name__, __base__=Section, **keys)


SyncSection, ThermalSection = _section_of(Synchronisation), _section_of(ThermalSettings)
AlignmentSection = _section_of(AlignmentSettings)


class CameraSettings(Section):
    """The cameras of a data set: the parameters that fusion_node has for them.

    Attributes:
        topics: of a bag: thermal, RGB.
        sync: of a bag: how images are paired, the parameters `sync.*`.
        thermal: how thermal counts become grey levels, the parameters `thermal.*`.
        alignment: how the cameras lie, the parameters `alignment.*`. Where the other camera sees
            nothing, a fusion learns from the reference in both pictures.
        reference: the camera whose grid pictures, boxes and masks have, the parameter `reference`.
        camera_info: for `alignment.method` calibrated: calibration files of thermal, RGB, below the
            folder that the data set lies in; of a bag, what it recorded by default.
    """

    topics: tuple[str, str] = TOPICS
    sync: SyncSection = SyncSection()  # type: ignore[valid-type]
    thermal: ThermalSection = ThermalSection()  # type: ignore[valid-type]
    alignment: AlignmentSection = AlignmentSection()  # type: ignore[valid-type]
    reference: Literal["rgb", "thermal"] = "rgb"
    camera_info: tuple[Path, Path] | None = None

    @property
    def synchronisation(self) -> Synchronisation:
        """How images are paired."""
        return Synchronisation(**cast(Section, self.sync).model_dump())

    @property
    def normalisation(self) -> ThermalSettings:
        """How thermal counts become grey levels."""
        return ThermalSettings(**cast(Section, self.thermal).model_dump())

    @property
    def geometry(self) -> AlignmentSettings:
        """How the cameras lie."""
        return AlignmentSettings(**cast(Section, self.alignment).model_dump())

    @property
    def options(self) -> Options:
        """What opens a data set of these cameras."""
        return Options(
            topics=self.topics,
            sync=self.synchronisation,
            alignment=self.geometry,
            reference=self.reference,
            camera_info=self.camera_info,
        )

    @model_validator(mode="after")
    def _check_cameras(self) -> CameraSettings:
        # Their limits are their own.
        _ = self.normalisation, self.geometry
        return self


class LabelSettings(CameraSettings):
    """The cameras and labels of a data set.

    Attributes beside those of `CameraSettings`:
        weight: of its pictures in the losses, for labels that are less than true.
        labels: folder or COCO file of the boxes; of a bag: COCO file beside it, see
            `data.layouts.bag`.
        masks: folder of the masks.
        classes: names of its box labels, where the files do not name them.
        read_as: its classes that are named differently here: one of ours, `ignore` for neither
            object nor background, `nothing` for background.
        known: those of our classes of which all objects have boxes. About the others only the
            boxes are learnt from, not where there are none.
    """

    weight: Rate = 1.0
    labels: str = "labels"
    masks: str = "masks"
    classes: list[str] | None = None
    read_as: dict[str, str] = {}
    known: list[str] = list(DETECTION_CLASSES)

    @property
    def is_known(self) -> tuple[bool, ...]:
        """Tell of each of our classes whether it is `known`."""
        return tuple(name in self.known for name in DETECTION_CLASSES)

    @model_validator(mode="after")
    def _check_labels(self) -> LabelSettings:
        for theirs, ours in self.read_as.items():
            if ours not in MEANINGS:
                raise ValueError(f"read_as.{theirs} is {ours!r}; choose from {', '.join(MEANINGS)}")
        for name in self.known:
            if name not in DETECTION_CLASSES:
                raise ValueError(f"known: {name!r} is none of {', '.join(DETECTION_CLASSES)}")
        return self


class OptimiserSettings(Section):
    """How parameters follow their gradients.

    Attributes:
        name: `adamw` (betas .9, .999) or `sgd`.
        learning_rate: peak.
        momentum: of `sgd`.
        weight_decay: of either.
        schedule: `cosine` to zero after a rise over the first 5 %; `steps`, the paper's code: a
            rise over 1000 steps, then x0.1 from step 30000 and x0.01 from 40000; `constant`.
        clip: greatest length of the gradient.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Rate = 1.5e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Weight = 1e-4
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    clip: Rate = 1.0

    @model_validator(mode="after")
    def _check(self) -> OptimiserSettings:
        if self.name == "adamw" and "momentum" in self.model_fields_set:
            raise ValueError("adamw has no momentum; leave the key out, or take sgd")
        return self


class CriticSettings(Section):
    """The critic T_V.

    Attributes:
        adversarial: weight of its score in Phi_V.
        penalty: eta of the gradient penalty (eq. 6).
    """

    adversarial: Weight = 0.01
    penalty: Weight = 10.0


class DetectorSettings(Section):
    """The detector that guides the fusion.

    Attributes:
        network: its name in `nets.zoo`.
        start: `shipped`, `none` for random weights, or a weights file.
    """

    network: str = "fcos_small"
    start: str = "shipped"


class SegmenterSettings(DetectorSettings):
    """The segmenter that guides the fusion; attributes are those of a detector."""

    network: str = "segformer_b0"


class AlternatingSettings(Section):
    """The loop of Tang et al. (2022): fusion with the tasks fixed, then the tasks with it fixed.

    Attributes:
        fusion_steps: of each round.
        task_steps: of each round.
        growth: the task losses weigh this times the number of earlier rounds.
    """

    fusion_steps: Positive = 100
    task_steps: Positive = 100
    growth: Weight = 1.0


class LogSettings(Section):
    """What is written on the way.

    Attributes:
        losses_every: steps between points of the curves.
        pictures_every: steps between sample pictures; 0 for none.
        save_every: steps between saved states.
    """

    losses_every: Positive = 20
    pictures_every: Count = 500
    save_every: Positive = 200
