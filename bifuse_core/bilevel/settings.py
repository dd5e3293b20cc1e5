# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training run, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import torch
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from bifuse_core.bilevel.configuration import read_configuration
from bifuse_core.bilevel.data_settings import DataSettings
from bifuse_core.bilevel.hypergradient import hypergradient_by_name
from bifuse_core.bilevel.objectives.zoo import content_by_name
from bifuse_core.bilevel.sections import (
    DETECTION,
    SEGMENTATION,
    AlternatingSettings,
    Choice,
    Count,
    CriticSettings,
    DetectorSettings,
    LogSettings,
    OptimiserSettings,
    Positive,
    Section,
    SegmenterSettings,
)
from bifuse_core.bilevel.weighting import weighting_by_name
from bifuse_core.nets.zoo import DETECTORS, FUSION_NETWORKS, SEGMENTERS

Made = TypeVar("Made")

UNREAD = {
    "bilevel": {"alternating"},
    "joint": {"alternating", "hypergradient", "lower_steps"},
    "alternating": {"hypergradient", "lower_steps", "weighting"},
}
"""Keys that a strategy does not read: whoever sets them expects something else."""


OF_STEPS = {
    "strategy",
    "lower_steps",
    "hypergradient",
    "weighting",
    "critic",
    "guidance",
    "detector",
    "segmenter",
    "alternating",
    "task_optimiser",
}
"""Keys of the phase that `steps` is the length of."""


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
        weighting: rlw, equal, manual, dwa, gradnorm or torchjd.NAME (`bilevel`, `joint`).
        critic: see `CriticSettings`.
        guidance: the tasks beside the visual one: `detection`, `segmentation`, `both`; none by
            default.
        detector: network of the detection task.
        segmenter: network of the segmentation task.
        alternating: see `AlternatingSettings`.
        fusion_optimiser: of omega.
        task_optimiser: of every theta.
        average: decay of the running mean of omega, which is what is kept; 0 keeps the last.
        precision: in which the fusion network computes: float32 or bfloat16 (mixed precision);
            parameters, tasks and losses stay in float32.
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
    guidance: Literal["detection", "segmentation", "both"] | None = None
    detector: DetectorSettings = DetectorSettings()
    segmenter: SegmenterSettings = SegmenterSettings()
    alternating: AlternatingSettings = AlternatingSettings()
    fusion_optimiser: OptimiserSettings = OptimiserSettings()
    task_optimiser: OptimiserSettings = OptimiserSettings(learning_rate=2e-4)
    average: Annotated[float, Field(ge=0, lt=1)] = 0.995
    precision: Literal["float32", "bfloat16"] = "float32"
    log: LogSettings = LogSettings()
    seed: Count = 0

    @property
    def guides(self) -> tuple[str, ...]:
        """The tasks beside the visual one."""
        if self.guidance == "both":
            return (DETECTION, SEGMENTATION)
        return () if self.guidance is None else (self.guidance,)

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.network not in FUSION_NETWORKS:
            raise ValueError(
                f"network is {self.network!r}; choose from {', '.join(FUSION_NETWORKS)}"
            )
        if self.warm_start + self.steps == 0:
            raise ValueError("warm_start and steps are both 0: nothing to do")
        if not self.steps:
            for key in sorted(OF_STEPS & self.model_fields_set):
                raise ValueError(
                    f"steps is 0, so that {key} is not read; set steps or leave it out"
                )
        for key in sorted(UNREAD[self.strategy] & self.model_fields_set):
            raise ValueError(f"strategy {self.strategy} does not read {key}; leave the key out")
        _check_content(self.content, len(self.data.sources))
        _try("hypergradient", lambda: _differentiate(self.hypergradient))
        for key, task, networks in (
            ("detector", DETECTION, DETECTORS),
            ("segmenter", SEGMENTATION, SEGMENTERS),
        ):
            if key in self.model_fields_set and task not in self.guides:
                raise ValueError(f"{key} is not read without guidance: {task} (or both)")
            network = getattr(self, key).network
            if network not in networks:
                raise ValueError(f"{key}.network is {network!r}; choose from {', '.join(networks)}")
        tasks = 1 + len(self.guides)
        name, options = self.weighting.name, self.weighting.options
        _try("weighting", lambda: weighting_by_name(name, tasks, self.seed, **options))
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
    return read_configuration(Settings, file, changes)


def _check_content(choice: Choice, sources: int) -> None:
    """Check a content term and the types of its options, lists with one value a source included."""
    content = _try("content", lambda: content_by_name(choice.name, **choice.options))
    for key, value in choice.options.items():
        kind = get_type_hints(type(content))[key]
        try:
            TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError as error:
            takes = getattr(kind, "__name__", kind)
            raise ValueError(f"content.options.{key} is {value!r}; it takes {takes}") from error
        if isinstance(value, list) and len(value) != sources:
            raise ValueError(
                f"content.options.{key} has {len(value)} values for {sources} sources; give "
                "one for each, or a single number"
            )


def _try(section: str, make: Callable[[], Made]) -> Made:
    """Make what a section chooses, to learn now what it thinks of its options."""
    try:
        return make()
    except (ValueError, TypeError, ImportError) as error:
        raise ValueError(f"{section}: {error}") from error


def _differentiate(choice: Choice) -> None:
    """Take a hypergradient of the smallest problem: its options are checked when it is taken."""
    omega, theta = torch.ones(2, requires_grad=True).unbind()
    loss = (omega * theta - 2) ** 2
    hypergradient_by_name(choice.name, **choice.options)(loss, loss, [omega], [theta])
