# SPDX-License-Identifier: Apache-2.0
"""Thermal normalisation: from a camera's numbers to a steady picture in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Unit = Literal["raw", "centikelvin", "decikelvin", "kelvin", "celsius", "optris", "linear"]
Range = Literal["auto", "full", "fixed", "percentile"]

KELVIN_AT_0_CELSIUS = 273.15
Limits = tuple[float, float]
"""The counts that become 0 and 1."""

LARGEST_FLOAT = 1e7
"""Floats beyond this are no reading but a camera's sign for none, such as FLT_MAX."""
NO_READING = "the thermal picture has no finite pixel"
_TO_CELSIUS: dict[str, tuple[float, float]] = {
    "raw": (1.0, 0.0),
    "centikelvin": (0.01, -KELVIN_AT_0_CELSIUS),
    "decikelvin": (0.1, -KELVIN_AT_0_CELSIUS),
    "kelvin": (1.0, -KELVIN_AT_0_CELSIUS),
    "celsius": (1.0, 0.0),
    "optris": (0.1, -100.0),
}


@dataclass(frozen=True)
class ThermalSettings:
    """How a thermal camera's numbers become a picture.

    Attributes:
        unit: what a count means. `raw` has no temperature (a camera's own gain control);
            `centikelvin` is 10 mK a count, `decikelvin` 100 mK; `optris` is
            (count - 1000) / 10 degrees Celsius, as its drivers publish; `linear` is
            `scale * count + offset` degrees Celsius.
        scale: degrees Celsius a count, for `linear`.
        offset: degrees Celsius at count 0, for `linear`.
        range: what is mapped to [0, 1]. `full`: the whole range of the data type (8-bit: 0..255;
            floats have none and fall back to `percentile`); `fixed`: `minimum` to `maximum`;
            `percentile`: from the picture, smoothed over time; `auto`: `full` for 8-bit pictures,
            which the camera has already scaled, `percentile` for all others.
        minimum: lower end of a fixed range, degrees Celsius (counts where the unit is `raw`).
        maximum: upper end, likewise.
        low_percentile: percentile mapped to 0, or a higher value where that is needed to keep the
            median no brighter than mid-grey: a cold sky does not wash out the street.
        high_percentile: percentile mapped to 1.
        time_constant: seconds in which a percentile range follows a change of the scene (63 %).
        minimum_span: least width of a percentile range, in the unit of `minimum`, so that a scene
            of one temperature is not stretched into noise.

    Raises:
        ValueError: a value is outside its limits; the message names it.
    """

    unit: Unit = "raw"
    scale: float = 0.01
    offset: float = -KELVIN_AT_0_CELSIUS
    range: Range = "auto"
    minimum: float = -20.0
    maximum: float = 60.0
    low_percentile: float = 1.0
    high_percentile: float = 99.8
    time_constant: float = 2.0
    minimum_span: float = 8.0

    def __post_init__(self) -> None:
        for name, choices in (("unit", get_args(Unit)), ("range", get_args(Range))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"thermal.{name} is {getattr(self, name)!r}; choose from {', '.join(choices)}"
                )
        for name in ("scale", "offset", "minimum", "maximum", "time_constant", "minimum_span"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"thermal.{name} is {getattr(self, name)}; it must be finite")
        if not self.scale > 0:
            raise ValueError(f"thermal.scale is {self.scale}; it must be above 0")
        if not self.minimum < self.maximum:
            raise ValueError(
                f"thermal.minimum {self.minimum} must be below thermal.maximum {self.maximum}"
            )
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise ValueError(
                f"thermal.low_percentile {self.low_percentile} must be below "
                f"thermal.high_percentile {self.high_percentile}, both within 0..100"
            )
        if not (self.time_constant >= 0 and self.minimum_span > 0):
            raise ValueError(
                f"thermal.time_constant {self.time_constant} must be 0 or more, "
                f"thermal.minimum_span {self.minimum_span} above 0"
            )

    def measures(self, dtype: np.dtype[Any]) -> bool:
        """Tell whether the range of pictures of a type depends on what they and others show."""
        if self.range == "full":
            return dtype.kind == "f"
        return self.range == "percentile" or (self.range == "auto" and dtype != np.uint8)


class ThermalNormaliser:
    """Normalise one camera's pictures, keeping the range steady from picture to picture."""

    def __init__(self, settings: ThermalSettings | None = None) -> None:
        self.settings = settings or ThermalSettings()
        self._range: tuple[float, float] | None = None
        self._stamp = 0

    def __call__(self, image: NDArray[Any], stamp: int) -> NDArray[np.float32]:
        """Normalise one picture.

        Args:
            image: (H, W) uint8, uint16, int16 or float32 counts.
            stamp: time of the picture in nanoseconds; only differences matter.

        Returns:
            (H, W) float32 in [0, 1]. Pixels that are not finite, or beyond `LARGEST_FLOAT`, become
            0 (cold), so that a dead pixel is never taken for something hot.

        Raises:
            ValueError: no pixel is finite.
        """
        return between(self.limits(image, stamp), image)

    def grey(self, image: NDArray[Any], stamp: int) -> NDArray[np.uint8]:
        """Return one picture for people and networks that see colour: (H, W, 3), all alike.

        Args:
            image: as of a call, and it counts as that.
            stamp: likewise.

        Raises:
            ValueError: no pixel is finite.
        """
        return grey_levels(self(image, stamp))

    def limits(self, image: NDArray[Any], stamp: int) -> Limits:
        """Return the limits that a call with the same picture applies; it counts as that call.

        Raises:
            ValueError: no pixel is finite.
        """
        sample = _sample(image)
        # Read once: the settings may be exchanged from another thread.
        settings = self.settings
        scale, offset = _TO_CELSIUS.get(settings.unit, (settings.scale, settings.offset))
        if settings.range == "fixed":
            return (settings.minimum - offset) / scale, (settings.maximum - offset) / scale
        if not settings.measures(image.dtype):
            of_type = np.iinfo(image.dtype)
            return float(of_type.min), float(of_type.max)
        measured = _percentile_range(sample, settings, scale)
        elapsed = (stamp - self._stamp) * 1e-9
        if self._range is not None and elapsed >= 0:
            measured = self._approach(measured, elapsed / max(settings.time_constant, 1e-9))
        self._range, self._stamp = measured, stamp
        return measured

    def _approach(self, measured: Limits, constants: float) -> Limits:
        assert self._range is not None
        share = 1 - np.exp(-constants)
        low, high = (float(o + share * (m - o)) for o, m in zip(self._range, measured, strict=True))
        return low, high


def between(limits: Limits, image: NDArray[Any]) -> NDArray[np.float32]:
    """Normalise a picture by limits that are known, as `ThermalNormaliser` does by its own.

    Raises:
        ValueError: no pixel is finite.
    """
    low, slope = line_of(limits)
    if image.dtype.kind == "f":
        readings = finite(image)
        if not readings.any():
            raise ValueError(NO_READING)
        image = np.where(readings, image, low)
    normalised = np.subtract(image, low, dtype=np.float32)
    normalised *= slope
    return np.clip(normalised, 0, 1, out=normalised)


def grey_levels(normalised: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a picture (H, W) in [0, 1] as one that has colours, (H, W, 3), all alike."""
    levels = np.rint(normalised * 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def line_of(limits: Limits) -> NDArray[np.float32]:
    """Return (2,) a and b for limits: a count c becomes (c - a) b, clipped to [0, 1]."""
    low, high = limits
    # A tiny minimum span can vanish in rounding; 1e-30 divides without overflowing.
    return np.array([low, 1 / max(high - low, 1e-30)], np.float32)


def finite(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels are readings, (H, W): finite, and not beyond `LARGEST_FLOAT`."""
    if image.dtype.kind != "f":
        return np.ones(image.shape, np.bool_)
    return np.abs(image) < LARGEST_FLOAT


def has_reading(image: NDArray[Any]) -> bool:
    """Tell whether a picture (H, W) has any pixel that is a reading."""
    # One pixel in sixteen mostly tells.
    return bool(finite(image[::4, ::4]).any() or finite(image).any())


def _sample(image: NDArray[Any]) -> NDArray[Any]:
    """Return readings, one pixel in sixteen: that tells the percentiles well enough.

    Raises:
        ValueError: no pixel is finite.
    """
    sample = image[::4, ::4]
    if image.dtype.kind != "f":
        return sample
    sample = sample[finite(sample)]
    # Readings may lie between: dead rows or columns come at steps, too.
    sample = sample if 32 * sample.size > image.size else image[finite(image)]
    if not sample.size:
        raise ValueError(NO_READING)
    return sample


def _percentile_range(sample: NDArray[Any], settings: ThermalSettings, scale: float) -> Limits:
    percentiles = (settings.low_percentile, 50, settings.high_percentile)
    low, median, high = (float(value) for value in np.percentile(sample, percentiles))
    low = max(low, median - (high - median))
    minimum_span = settings.minimum_span / scale
    if high - low < minimum_span:
        centre = (low + high) / 2
        low, high = centre - minimum_span / 2, centre + minimum_span / 2
    return low, high
