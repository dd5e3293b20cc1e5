# SPDX-License-Identifier: Apache-2.0
"""What one sees on the front and rear of cars: lamps, grilles, exhausts, licence plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import Paint, paint


@dataclass(frozen=True)
class Detail:
    """A flat thing on the front or rear.

    Attributes:
        outline: (N, 2) metres across the car and up.
        paint: Its look.
        paired: There is a second one mirrored to the other side.
    """

    outline: Floats
    paint: Paint
    paired: bool = True


def _box(inner: float, outer: float, low: float, high: float, slant: float = 0.0) -> Floats:
    return np.array(
        [[inner, high - slant], [outer, high], [outer, low], [inner, low + slant / 2]], np.float32
    )


@dataclass(frozen=True)
class End:
    """One end of a car.

    Attributes:
        along: Where it is along the car, metres from the middle.
        is_front: Headlights, or tail lights.
        lamp: Height of the lamps, metres.
    """

    along: float
    is_front: bool
    lamp: float

    def details(self, condition: Condition, moving: bool, fine: bool, plate: int) -> list[Detail]:
        """What to paint on it, in that order.

        Args:
            condition: The hour.
            moving: Lamps are on and things are warm.
            fine: Near enough to see small things.
            plate: Decides what the licence plate reads.
        """
        if self.is_front:
            return self._front(condition, moving, fine, plate)
        return self._rear(condition, moving, fine, plate)

    def _front(self, condition: Condition, hot: bool, fine: bool, plate: int) -> list[Detail]:
        air, y = condition.air, self.lamp
        on = hot and condition.headlights > 0
        glow = 90 * condition.oncoming if on else 0.0
        lens = paint((255, 250, 236) if on else (178, 186, 190), air + 9.0 * hot, glow)
        grille = paint((22, 22, 24), air + 0.5 + 13.0 * hot)
        intake = paint((16, 16, 17), air + 0.5 + 17.0 * hot)
        details = [
            Detail(_box(-0.46, 0.46, y - 0.15, y + 0.03), grille, False),
            Detail(_box(-0.62, 0.62, y - 0.37, y - 0.24), intake, False),
            Detail(_box(0.48, 0.86, y - 0.08, y + 0.09, 0.03), paint((40, 42, 46), air + 5 * hot)),
            Detail(_box(0.56, 0.78, y - 0.05, y + 0.06, 0.02), lens),
        ]
        if fine:
            chrome = paint((190, 192, 196), air + 9.0 * hot)
            details += [
                Detail(_box(-0.44, 0.44, h, h + 0.015), chrome, False) for h in (y - 0.1, y - 0.04)
            ]
            details.append(Detail(_box(0.66, 0.8, y - 0.33, y - 0.25), paint((120, 120, 116), air)))
        return details + _licence_plate(y - 0.28, condition, hot, fine, plate)

    def _rear(self, condition: Condition, hot: bool, fine: bool, plate: int) -> list[Detail]:
        air, y = condition.air, self.lamp
        on = hot and condition.headlights > 0
        glow = 2.6 * min(condition.oncoming, 0.6) / 0.35 if on else 0.0
        red = paint((220, 16, 14) if on else (116, 14, 16), air + 3.0 * hot, glow)
        details = [
            Detail(_box(0.56, 0.86, y - 0.09, y + 0.09, 0.02), red),
            Detail(_box(-0.8, 0.8, y - 0.56, y - 0.38), paint((30, 30, 32), air + 4 * hot), False),
            Detail(
                _box(0.34, 0.5, y - 0.54, y - 0.45), paint((20, 20, 20), air + 34.0 * hot), False
            ),
        ]
        if fine:
            white = paint((214, 214, 210) if not on else (196, 60, 50), air + 2 * hot, glow * 0.2)
            details.append(Detail(_box(0.6, 0.7, y - 0.05, y + 0.0), white))
            details.append(
                Detail(_box(-0.8, 0.8, y - 0.22, y - 0.2), paint((40, 40, 42), air + hot), False)
            )
            if on:
                lamp = paint((220, 20, 16), air + 3.0, glow * 0.6)
                details.append(Detail(_box(-0.18, 0.18, y + 0.16, y + 0.185), lamp, False))
        return details + _licence_plate(y - 0.1, condition, hot, fine, plate)


def _licence_plate(
    y: float, condition: Condition, hot: bool, fine: bool, number: int
) -> list[Detail]:
    celsius = condition.air - 1.0 + 2.0 * hot
    shine = 0.5 * condition.headlights
    details = [
        Detail(
            _box(-0.26, 0.26, y - 0.055, y + 0.055), paint((232, 232, 226), celsius, shine), False
        )
    ]
    if not fine:
        return details
    ink = paint((22, 26, 40), celsius)
    bits = np.random.default_rng(number).random((6, 4)) < 0.6
    details.append(
        Detail(_box(-0.26, -0.22, y - 0.05, y + 0.05), paint((30, 70, 170), celsius), False)
    )
    for index, strokes in enumerate(bits):
        x = -0.19 + 0.072 * index
        stems = [
            (x, x + 0.012, y - 0.036, y + 0.036),
            (x + 0.034, x + 0.046, y - 0.036, y + 0.036),
            (x, x + 0.046, y + 0.024, y + 0.036),
            (x, x + 0.046, y - 0.036, y - 0.024),
        ]
        for stem, shown in zip(stems, strokes | (np.arange(4) == index % 4), strict=True):
            if shown:
                details.append(Detail(_box(*stem), ink, False))
    return details
