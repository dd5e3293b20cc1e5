# SPDX-License-Identifier: Apache-2.0
"""What a table compares, checked before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from bifuse_core.bilevel.sections import Count, LabelSettings, Positive, Section
from bifuse_core.bilevel.settings import Settings, load_settings
from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.metrics.fusion.score import ALONE, GUARDS, WITH_SOURCES

METRICS = (*WITH_SOURCES, *ALONE, *GUARDS)
"""What columns can show of the fused pictures."""

MEAN = "mAP"
"""Mean of the AP50 of all classes."""

DETECTED = (*DETECTION_CLASSES, MEAN)
"""What columns can show of what the detector that guided the fusion finds: AP50."""


class Variant(Section):
    """One way to train.

    Attributes:
        name: as the table shows it.
        changes: values that replace those of the plan, by dotted key, as `weighting.name`.
        needs: what it cannot be trained without and is not there yet; without this line it is run.
    """

    name: str
    changes: dict[str, Any] = {}
    needs: str | None = None


class Columns(Section):
    """Metrics on one data set.

    Attributes:
        label: stands over them.
        data: the data set, below the data folder given to `ablate`.
        every: score every nth pair.
        first: number of the first one (of those with boxes, for `DETECTED`).
        metrics: of `METRICS`, or of `DETECTED`.
        labels: of the data set, for `DETECTED`.
        needs: what it cannot be scored without and is not there yet; without this line it is.
    """

    label: str
    data: Path
    every: Positive = 1
    first: Count = 0
    labels: LabelSettings = LabelSettings()
    metrics: Annotated[list[str], Field(min_length=1)]
    needs: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Columns:
        if self.needs is not None:
            return self
        unknown = [metric for metric in self.metrics if metric not in (*METRICS, *DETECTED)]
        if unknown:
            raise ValueError(
                f"no metric {unknown[0]!r}; choose from {', '.join(METRICS)}, or from "
                f"{', '.join(DETECTED)}"
            )
        if not {*METRICS}.isdisjoint(self.metrics) and not {*DETECTED}.isdisjoint(self.metrics):
            raise ValueError(
                f"{self.label}: metrics {', '.join(self.metrics)} are partly of fused pictures, "
                "partly of what a detector finds; give each kind columns of its own"
            )
        return self

    @property
    def detected(self) -> bool:
        """Tell whether the metrics are those of a detector."""
        return self.metrics[0] in DETECTED


class Plan(Section):
    """A table of the paper, or one in its form.

    Attributes:
        title: over the table.
        base: training configuration, relative to the file of the plan.
        changes: of that, for all variants, by dotted key.
        variants: what is compared.
        columns: what it is compared by.
        lines: what the lines of the table are: `variants`, or `metrics` with the variants beside
            each other.
        corner: over the names of the variants.
        seeds: each variant is trained with each.
    """

    title: str
    base: Path
    changes: dict[str, Any] = {}
    variants: Annotated[list[Variant], Field(min_length=1)]
    columns: Annotated[list[Columns], Field(min_length=1)]
    lines: Literal["variants", "metrics"] = "variants"
    corner: str = ""
    seeds: Annotated[list[Count], Field(min_length=1)] = [0, 1, 2]

    @model_validator(mode="after")
    def _check(self) -> Plan:
        names: dict[str, list[Any]] = {
            "variants": [variant.name for variant in self.variants],
            "columns": [columns.label for columns in self.columns],
            "seeds": self.seeds,
        }
        for key, values in names.items():
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"{key}: {twice[0]!r} is there twice")
        return self

    @property
    def scored(self) -> list[Columns]:
        """The columns that need nothing."""
        return [columns for columns in self.columns if columns.needs is None]

    @property
    def trained(self) -> list[Variant]:
        """The variants that need nothing; none where no column could be scored."""
        return [variant for variant in self.variants if variant.needs is None and self.scored]


def load_plan(file: Path) -> Plan:
    """Read a plan.

    Raises:
        ValueError: the file is missing, is no YAML, or has unknown keys or values out of their
            limits; the message names file and key.
    """
    try:
        plan = Plan.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(f"{file}: not a YAML file ({error})") from error
    except ValidationError as error:
        raise ValueError(f"{file}: " + "; ".join(_lines(error))) from error
    return plan.model_copy(update={"base": file.parent / plan.base})


def settings_of(plan: Plan, variant: Variant, seed: int) -> Settings:
    """Return the settings of one training.

    Raises:
        ValueError: they cannot be used; the message names the variant, and see `load_settings`.
    """
    try:
        return load_settings(plan.base, {**plan.changes, **variant.changes, "seed": seed})
    except ValueError as error:
        raise ValueError(f"variant {variant.name!r}: {error}") from error


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        text = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{place}: {text}" if place else text)
    return lines
