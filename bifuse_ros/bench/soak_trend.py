# SPDX-License-Identifier: Apache-2.0
"""Whether something grows: a straight line through samples, and how sure its slope is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEWEST = 5
"""Samples of which a trend is told."""
NORMAL = 1.96
"""Standard errors on either side of the slope that hold 95 % of a normal distribution."""


class Trend(NamedTuple):
    """Slope of a straight line, and how far it may be off (95 %), both per unit of time."""

    slope: float
    error: float

    @property
    def least(self) -> float:
        """The lower end of the interval."""
        return self.slope - self.error

    @property
    def most(self) -> float:
        """The upper end of the interval."""
        return self.slope + self.error


def trend(times: Sequence[float], values: Sequence[float]) -> Trend | None:
    """Fit by least squares; None of fewer than `FEWEST` samples.

    Memory stays where it was put, so that neighbouring samples err alike and tell less than
    independent ones would: the error is that of the effective number of samples
    n (1 - r) / (1 + r), where r is the correlation of neighbouring residuals (Santer et al., 2000,
    Statistical significance of trends and trend differences in layer-average atmospheric
    temperature time series, section 4).
    """
    t, v = np.asarray(times, float), np.asarray(values, float)
    if len(t) < FEWEST:
        return None
    t = t - t.mean()
    slope = float(t @ v / (t @ t))
    residuals = v - v.mean() - slope * t
    square = float(residuals @ residuals)
    if square == 0:
        return Trend(slope, 0.0)
    r = max(0.0, float(residuals[:-1] @ residuals[1:]) / square)
    # Three at least: two take the line itself.
    effective = max(3.0, len(t) * (1 - r) / (1 + r))
    return Trend(slope, NORMAL * float(np.sqrt(square / (effective - 2) / (t @ t))))
