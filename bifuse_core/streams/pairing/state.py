# SPDX-License-Identifier: Apache-2.0
"""How well two streams are understood, for diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bifuse_core.streams.pairing.cadence import SlotTracker
from bifuse_core.streams.pairing.counters import THERMAL
from bifuse_core.streams.pairing.relation import SlotRelation

LARGEST_RESIDUAL = 0.27
"""Residual, in periods, above which slots may be mistaken; jitter of 0.45 periods has 0.26."""

LARGEST_MISFIT = 0.4
"""In periods: half of one is as near to the neighbour."""


@dataclass(frozen=True)
class PairingState:
    """What is known of the cadences.

    Attributes:
        mode: what pairs are made by: slots of both cadences, or nearest stamps.
        periods: of the thermal and the RGB stream, in nanoseconds; None while unknown.
        residuals: rms of the stamps about their cadence, in periods; None while unknown.
        misfit: equal rates: how far the two are out of phase, in periods, up to half of one either
            way; positive where thermal stamps are later. None while unknown.
    """

    mode: Literal["slots", "nearest"]
    periods: tuple[float | None, float | None]
    residuals: tuple[float | None, float | None]
    misfit: float | None

    @property
    def lag(self) -> int | None:
        """By how much thermal stamps are later than those of their partners, in nanoseconds."""
        period = self.periods[THERMAL]
        return None if self.misfit is None or period is None else round(self.misfit * period)


def state_of(
    trackers: tuple[SlotTracker, SlotTracker], relation: SlotRelation | None
) -> PairingState:
    """Return the state of two trackers and the relation of their slots, if there is one."""
    lines = [tracker.line for tracker in trackers]
    thermal, rgb = ((line.period, line.rms) if line else (None, None) for line in lines)
    sure, misfit = relation is not None and relation.sure, None
    if relation and sure and relation.equal:
        misfit = relation.misfit if relation.slower == THERMAL else -relation.misfit
    return PairingState(
        "slots" if sure else "nearest", (thermal[0], rgb[0]), (thermal[1], rgb[1]), misfit
    )
