# SPDX-License-Identifier: Apache-2.0
"""Cars: a side profile swept across the width, with lamps, glass, plates and wheels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bifuse_core.data.rendered.camera import View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.coachwork import Coachwork
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import Mesh, tag
from bifuse_core.data.rendered.vehicle_shapes import SHAPES, Shape

_COLOURS = [
    (226, 226, 224),
    (196, 198, 200),
    (122, 126, 130),
    (52, 54, 58),
    (26, 27, 30),
    (36, 62, 116),
    (140, 24, 26),
    (62, 84, 72),
    (176, 164, 140),
]
_FINE_FROM = 22.0
_BEAM_WIDTH = 0.2


@dataclass(frozen=True)
class Vehicle:
    """A car somewhere on the road.

    Attributes:
        instance: Its number in the picture.
        s: Its middle along the road, metres.
        u: Its middle across the road, metres.
        heading: 1 driving as the camera does, -1 coming towards it.
        moving: Engine, tyres and lamps are on.
        model: Index in SHAPES.
        colour: sRGB.
        condition: The hour.
    """

    instance: int
    s: float
    u: float
    heading: int
    moving: bool
    model: int
    colour: tuple[int, int, int]
    condition: Condition

    @property
    def shape(self) -> Shape:
        """Its body."""
        return SHAPES[self.model]

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends along the road, metres."""
        return self.s - self.shape.length / 2, self.s + self.shape.length / 2

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint it, the far faces first."""
        if self.reach[0] - view.s < 1.2:
            return
        is_fine = view.focal / (self.s - view.s) > _FINE_FROM
        seen_side = 1 if (view.u - self.u) * self.heading > 0 else -1
        mesh = _mesh(
            self.model,
            self.colour,
            self.heading,
            self.moving,
            seen_side,
            self.instance if is_fine else 0,
            self.condition,
        )
        place = np.array([self.u, 0, self.s], np.float32)
        owner = tag("vehicle", self.instance)
        pixels = canvas.mesh(view, mesh.points + place, mesh, owner, self._shine(view))
        canvas.finish(self.instance, pixels)

    def _shine(self, view: View) -> float:
        """How much of the beam of its headlights goes to the camera."""
        if self.heading > 0:
            return 1.0
        aside = (self.u - view.u) / (self.s - view.s)
        return (1 + (aside / _BEAM_WIDTH) ** 2) ** -2


@lru_cache(maxsize=512)
def _mesh(
    model: int,
    colour: tuple[int, int, int],
    heading: int,
    moving: bool,
    side: int,
    plate: int,
    condition: Condition,
) -> Mesh:
    """Faces about the middle of the car, turned to its heading; far ones first."""
    coach = Coachwork(SHAPES[model], colour, heading, moving, condition)
    is_fine = plate > 0
    faces = [
        *coach.underside(),
        *coach.shell(is_fine),
        *coach.flank(side, is_fine),
        *coach.end(is_fine, plate),
    ]
    turn = np.array([heading, 1, heading], np.float32)
    return Mesh([(outline * turn, paint) for outline, paint in faces])


def park(
    rng: np.random.Generator, instance: int, s: float, u: float, heading: int, condition: Condition
) -> Vehicle:
    """A car without a driver at s, u."""
    return _make(rng, instance, s, u, heading, condition, moving=False)


def drive(
    rng: np.random.Generator, instance: int, s: float, u: float, heading: int, condition: Condition
) -> Vehicle:
    """A car under way at s, u."""
    return _make(rng, instance, s, u, heading, condition, moving=True)


def _make(
    rng: np.random.Generator,
    instance: int,
    s: float,
    u: float,
    heading: int,
    condition: Condition,
    *,
    moving: bool,
) -> Vehicle:
    model = int(rng.integers(len(SHAPES)))
    colour = _COLOURS[rng.integers(len(_COLOURS))]
    return Vehicle(instance, s, u, heading, moving, model, colour, condition)
