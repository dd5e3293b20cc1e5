# SPDX-License-Identifier: Apache-2.0
"""Bodies of cars, and what one sees on their front and rear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.canvas import Paint
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.furniture import paint


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

    def details(
        self, condition: Condition, moving: bool, fine: bool, plate: int
    ) -> list[Detail]:
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
            details += [Detail(_box(-0.44, 0.44, h, h + 0.015), chrome, False) for h in (y - 0.1, y - 0.04)]
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
            Detail(_box(0.34, 0.5, y - 0.54, y - 0.45), paint((20, 20, 20), air + 34.0 * hot), False),
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
    details = [Detail(_box(-0.26, 0.26, y - 0.055, y + 0.055), paint((232, 232, 226), celsius, shine), False)]
    if not fine:
        return details
    ink = paint((22, 26, 40), celsius)
    bits = np.random.default_rng(number).random((6, 4)) < 0.6
    details.append(Detail(_box(-0.26, -0.22, y - 0.05, y + 0.05), paint((30, 70, 170), celsius), False))
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


@dataclass(frozen=True)
class Shape:
    """A body.

    Attributes:
        length: Metres.
        height: Metres.
        axle: Distance of each axle from the middle, metres.
        profile: (N, 3): along, up, half the width; from the rear bumper over the roof to the front.
        parts: What each of the N - 1 strips between them is.
        lower_side: (M, 3) outline below the widest line, as profile.
        upper_side: Outline from there to the windows.
        shoulder: The band below the windows that catches light.
        mirror: Where the mirrors are along the car, metres.
        cabin_side: Outline of the greenhouse.
        panes: Its side windows.
        doors: Where door seams are along the car, metres.
        rear: The rear end.
        front: The front end.
    """

    length: float
    height: float
    axle: float
    profile: Floats
    parts: tuple[str, ...]
    lower_side: Floats
    upper_side: Floats
    shoulder: Floats
    mirror: float
    cabin_side: Floats
    panes: tuple[Floats, ...]
    doors: tuple[float, ...]
    rear: End
    front: End


def _shape(
    half: float, height: float, tail: tuple[float, float], back: float, screen: float, bonnet: float
) -> Shape:
    """Make a body.

    Args:
        half: Half its length, metres.
        height: Of the roof, metres.
        tail: Where the rear window begins: distance from the rear end, and height, metres.
        back: Where the roof ends at the back, metres from the rear end.
        screen: Where the windscreen meets the bonnet, metres before the middle.
        bonnet: Height of that place, metres.
    """
    lid = (-half + tail[0], tail[1], 0.80)
    roof_rear, roof_front = (-half + back, height - 0.04, 0.63), (screen - 0.85, height - 0.02, 0.62)
    cowl = (screen, bonnet, 0.80)
    rear = [(-half + 0.06, 0.21, 0.84), (-half, 0.55, 0.89), (-half + 0.05, tail[1] - 0.08, 0.86)]
    nose = [(half - 0.22, bonnet - 0.16, 0.82), (half - 0.03, bonnet - 0.3, 0.86)]
    nose += [(half, 0.45, 0.87), (half - 0.08, 0.24, 0.82)]
    middle = (-0.3, height, 0.62)
    profile = np.array([*rear, lid, roof_rear, middle, roof_front, cowl, *nose], np.float32)
    parts = ("plastic", "body", "body", "glass", "body", "body", "glass", "bonnet", "nose", "nose", "plastic")
    belt = [(-half, 0.55, 0.89), (half, 0.52, 0.87)]
    lower = [(-half + 0.06, 0.21, 0.84), belt[0], (0.0, 0.56, 0.9), belt[1], (half - 0.08, 0.22, 0.82)]
    upper = [belt[0], rear[2], lid, cowl, nose[0], nose[1], belt[1], (0.0, 0.56, 0.9)]
    crease = [(nose[0][0], bonnet - 0.24, 0.87), (-half + 0.08, tail[1] - 0.18, 0.88)]
    shoulder = [lid, cowl, nose[0], *crease]
    cabin = np.array([lid, roof_rear, middle, roof_front, cowl], np.float32)
    centre = cabin.mean(axis=0)
    glass = centre + (cabin - centre) * np.array([0.88, 0.78, 1.0], np.float32)
    pillar = (float(glass[1, 0]) + float(glass[3, 0])) / 2
    rear_top, front_top = glass[1], glass[3]
    low_y = float(glass[0, 1])

    def at(x: float, y: float) -> tuple[float, float, float]:
        share = (y - bonnet) / (height - bonnet)
        return x, y, 0.815 - 0.175 * share

    panes = (
        np.array([at(*glass[0, :2]), at(*rear_top[:2]), at(pillar - 0.05, rear_top[1]), at(pillar - 0.05, low_y)], np.float32),
        np.array([at(pillar + 0.05, low_y), at(pillar + 0.05, front_top[1]), at(*front_top[:2]), at(*glass[4, :2])], np.float32),
    )
    return Shape(
        length=2 * half,
        height=height,
        axle=half - 0.86,
        profile=profile,
        parts=parts,
        lower_side=np.array(lower, np.float32),
        upper_side=np.array(upper, np.float32),
        shoulder=np.array(shoulder, np.float32),
        mirror=screen - 0.35,
        cabin_side=cabin,
        panes=panes,
        doors=(pillar, pillar + 1.0 if screen > 0.8 else pillar + 0.9, pillar - 0.95),
        rear=End(-half - 0.02, False, min(tail[1] - 0.18, 0.86)),
        front=End(half + 0.02, True, bonnet - 0.34),
    )


SHAPES = (
    _shape(2.28, 1.46, (0.55, 1.02), 1.15, 1.15, 0.98),
    _shape(2.05, 1.50, (0.12, 0.98), 0.55, 1.05, 0.98),
    _shape(2.30, 1.72, (0.10, 1.08), 0.45, 1.20, 1.10),
    _shape(2.40, 1.95, (0.06, 1.12), 0.22, 1.62, 1.10),
)
"""Saloon, hatchback, off-roader, van."""
