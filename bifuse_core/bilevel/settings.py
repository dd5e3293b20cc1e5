# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training run, checked before anything starts."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bifuse_core.bilevel.hypergradient import hypergradient_by_name
from bifuse_core.bilevel.objectives.zoo import content_by_name
from bifuse_core.bilevel.options import require_options
from bifuse_core.bilevel.weighting import WEIGHTINGS
from bifuse_core.data.bags import TOPICS
from bifuse_core.nets.critic import PATCH
from bifuse_core.nets.zoo import FUSION_NETWORKS

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]

LEAST_CROP = 48
"""Smallest crop on which every loss is defined, pixels."""


class Section(BaseModel):
    """A part of the configuration; keys that it does not have are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(Section):
    """Something chosen by name, with options of its own.

    Attributes:
        name: see where it is used.
        options: keywords of what is chosen.
    """

    name: str
    options: dict[str, Any] = {}


class SourceSettings(Section):
    """A data set to train on.

    Attributes:
        path: below the data folder given to `train`.
        share: part of all crops taken from it, relative to the other sources.
        layout: as in `check` and `evaluate`.
        split: name of a list of the layout; all samples by default.
        every: take every nth sample (of a video, neighbours are alike).
        topics: of a bag: thermal, RGB.
    """

    path: Path
    share: Rate = 1.0
    layout: str = "auto"
    split: str | None = None
    every: Positive = 1
    topics: tuple[str, str] = TOPICS


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
    validation_every: Annotated[int, Field(ge=0)] = 5
    remembered: Count = 1000
    workers: Count = 0

    @model_validator(mode="after")
    def _check(self) -> DataSettings:
        if self.validation_every == 1:
            raise ValueError("validation_every is 1, which leaves the lower level nothing; 0 or >1")
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale is {self.scale}; the first must not be above the second")
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


class CriticSettings(Section):
    """The critic T_V.

    Attributes:
        adversarial: weight of its score in Phi_V.
        penalty: eta of the gradient penalty (eq. 6).
    """

    adversarial: Weight = 0.01
    penalty: Weight = 10.0


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


class Settings(Section):
    """A training run.

    Attributes:
        network: the fusion network.
        start: `none` for random weights, `shipped`, or a weights file.
        data: see `DataSettings`.
        content: the content term of Phi_V: vsm, paper_eq7, mended, choice, goal.
        warm_start: steps of the fusion network alone, on the content term (Algorithm 1, line 3).
        steps: steps of the strategy after that.
        strategy: `bilevel` (Algorithm 1), `joint` (end to end, all at once), `alternating`.
        lower_steps: n, steps of the tasks before each step of the fusion network (`bilevel`).
        hypergradient: gauss_newton, direct or conjugate_gradient (`bilevel`).
        weighting: rlw, equal, manual, dwa, gradnorm or torchjd.NAME.
        critic: see `CriticSettings`.
        alternating: see `AlternatingSettings`.
        fusion_optimiser: of omega.
        task_optimiser: of every theta.
        average: decay of the running mean of omega, which is what is kept; 0 keeps the last.
        precision: of the networks: float32, or bfloat16 (CUDA; losses stay in float32).
        log: see `LogSettings`.
        seed: of all random choices.
    """

    network: str
    start: str = "none"
    data: DataSettings
    content: Choice = Choice(name="vsm")
    warm_start: Count = 0
    steps: Count = 0
    strategy: Literal["bilevel", "joint", "alternating"] = "bilevel"
    lower_steps: Positive = 1
    hypergradient: Choice = Choice(name="gauss_newton")
    weighting: Choice = Choice(name="rlw")
    critic: CriticSettings = CriticSettings()
    alternating: AlternatingSettings = AlternatingSettings()
    fusion_optimiser: OptimiserSettings = OptimiserSettings()
    task_optimiser: OptimiserSettings = OptimiserSettings(learning_rate=2e-4)
    average: Annotated[float, Field(ge=0, lt=1)] = 0.995
    precision: Literal["float32", "bfloat16"] = "float32"
    log: LogSettings = LogSettings()
    seed: Count = 0

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.network not in FUSION_NETWORKS:
            raise ValueError(
                f"network is {self.network!r}; choose from {', '.join(FUSION_NETWORKS)}"
            )
        if self.warm_start + self.steps == 0:
            raise ValueError("warm_start and steps are both 0: nothing to do")
        if self.strategy != "bilevel" and "hypergradient" in self.model_fields_set:
            raise ValueError(f"strategy {self.strategy} has no hypergradient; leave the key out")
        if self.strategy != "alternating" and "alternating" in self.model_fields_set:
            raise ValueError(f"strategy {self.strategy} does not read `alternating`; leave it out")
        if self.data.crop < PATCH:
            raise ValueError(f"data.crop is {self.data.crop}; the critic needs {PATCH} or more")
        content_by_name(self.content.name, **self.content.options)
        sources = len(self.data.sources)
        for key, value in self.content.options.items():
            if isinstance(value, list) and len(value) != sources:
                raise ValueError(
                    f"content.options.{key} has {len(value)} values for {sources} sources; give "
                    "one for each, or a single number"
                )
        hypergradient_by_name(self.hypergradient.name, **self.hypergradient.options)
        if self.weighting.name in WEIGHTINGS:
            kind = WEIGHTINGS[self.weighting.name]
            require_options(self.weighting.name, kind, self.weighting.options, ("tasks", "seed"))
        return self


def load_settings(file: Path, changes: dict[str, Any] | None = None) -> Settings:
    """Read a configuration.

    Args:
        file: YAML.
        changes: values that replace those of the file, by dotted key, as `data.crop`.

    Raises:
        ValueError: the file is missing, is no YAML mapping, or has unknown keys, values out of
            their limits, or combinations that make no sense; the message names file and key.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(f"{file}: not a YAML file ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: expected keys and values, such as `network: edge`")
    for key, value in (changes or {}).items():
        _change(content, key.split("."), value, key)
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{file}: " + "; ".join(_lines(error))) from error


def _change(content: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    for part in path[:-1]:
        content = content.setdefault(part, {})
        if not isinstance(content, dict):
            raise ValueError(f"{key}: {part!r} holds a value, no keys")
    content[path[-1]] = value


def _lines(error: ValidationError) -> list[str]:
    return [_line(fault) for fault in error.errors()]


def _line(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        text = fault["msg"].removeprefix("Value error, ")
        given = "" if isinstance(fault["input"], dict) else f" (it is {fault['input']!r})"
        return f"{place}: {text}{given}" if place else text
    choices = _keys_at(fault["loc"][:-1])
    near = difflib.get_close_matches(str(fault["loc"][-1]), choices, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{place}: no such key{meant} The keys there are: {', '.join(choices)}"


def _keys_at(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a place."""
    section: type[BaseModel] = Settings
    for part in place:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[str(part)].annotation
        section = SourceSettings if part == "sources" else annotation  # type: ignore[assignment]
    return list(section.model_fields)
