# SPDX-License-Identifier: Apache-2.0
"""Bodies of cars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.vehicle_ends import End


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
    roof_rear, roof_front = (
        (-half + back, height - 0.04, 0.63),
        (screen - 0.85, height - 0.02, 0.62),
    )
    cowl = (screen, bonnet, 0.80)
    rear = [(-half + 0.06, 0.21, 0.84), (-half, 0.55, 0.89), (-half + 0.05, tail[1] - 0.08, 0.86)]
    nose = [(half - 0.22, bonnet - 0.16, 0.82), (half - 0.03, bonnet - 0.3, 0.86)]
    nose += [(half, 0.45, 0.87), (half - 0.08, 0.24, 0.82)]
    middle = (-0.3, height, 0.62)
    profile = np.array([*rear, lid, roof_rear, middle, roof_front, cowl, *nose], np.float32)
    parts = (
        "plastic",
        "body",
        "body",
        "glass",
        "body",
        "body",
        "glass",
        "bonnet",
        "nose",
        "nose",
        "plastic",
    )
    belt = [(-half, 0.55, 0.89), (half, 0.52, 0.87)]
    lower = [
        (-half + 0.06, 0.21, 0.84),
        belt[0],
        (0.0, 0.56, 0.9),
        belt[1],
        (half - 0.08, 0.22, 0.82),
    ]
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
        np.array(
            [
                at(*glass[0, :2]),
                at(*rear_top[:2]),
                at(pillar - 0.05, rear_top[1]),
                at(pillar - 0.05, low_y),
            ],
            np.float32,
        ),
        np.array(
            [
                at(pillar + 0.05, low_y),
                at(pillar + 0.05, front_top[1]),
                at(*front_top[:2]),
                at(*glass[4, :2]),
            ],
            np.float32,
        ),
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
