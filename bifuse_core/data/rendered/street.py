# SPDX-License-Identifier: Apache-2.0
"""What stands along the road. Every stretch follows from the seed and its number alone."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from bifuse_core.data.rendered.buildings import Architect, Building
from bifuse_core.data.rendered.camera import View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.furniture import LAMP_SPACING, Lamp, Sign
from bifuse_core.data.rendered.greenery import Gardener
from bifuse_core.data.rendered.ground import CROSSING_SPACING
from bifuse_core.data.rendered.vehicles import Vehicle, park

PARKED_U = 4.6
_BLOCK = 20.0
_FAR, _CAR_FAR, _SMALL_FAR = 240.0, 130.0, 85.0


class Drawable(Protocol):
    """Anything that stands somewhere on the road and can be painted."""

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends along the road, metres."""

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint it."""


class Street:
    """Houses, plants, lamps, signs and parked cars, block by block of 20 m."""

    def __init__(self, seed: int, condition: Condition) -> None:
        rng = np.random.default_rng((seed, 1))
        self._seed = seed
        self._condition = condition
        self._architect = Architect(rng, condition)
        self._gardener = Gardener(rng, condition)
        self._leafy = float(rng.uniform(0.15, 0.6))
        self._house = lru_cache(maxsize=256)(self._build_house)
        self._block = lru_cache(maxsize=256)(self._build_block)

    def around(self, s: float) -> list[Drawable]:
        """Everything that can be seen from s."""
        first, last = int(s // _BLOCK) - 1, int((s + _FAR) // _BLOCK)
        things: list[Drawable] = []
        for index in range(first, last + 1):
            things += [
                thing for thing, farthest in self._block(index) if thing.reach[0] - s < farthest
            ]
        return things

    def _build_block(self, index: int) -> list[tuple[Drawable, float]]:
        """The things of one block, each with the distance it shows from."""
        begin = index * _BLOCK
        things: list[tuple[Drawable, float]] = []
        for side in (-1, 1):
            rng = np.random.default_rng((self._seed, 2, index + 1000, side + 1))
            house = self._house(index, side)
            if house is not None:
                things.append((house, _FAR))
            else:
                for _ in range(3):
                    place = begin + float(rng.uniform(0, _BLOCK))
                    u = side * float(rng.uniform(11.5, 17))
                    things.append((self._gardener.tree(rng, place, u), _FAR))
                things += [
                    (
                        self._gardener.bush(
                            rng, begin + 2.2 * i, side * float(rng.uniform(10, 12))
                        ),
                        _SMALL_FAR,
                    )
                    for i in range(9)
                ]
            if rng.random() < (0.45 if house else 0.3) + 0.3 * self._leafy:
                place = begin + float(rng.uniform(2, 18))
                things.append((self._gardener.tree(rng, place, side * 9.5), _FAR))
            if rng.random() < 0.5:
                start = begin + float(rng.uniform(0, 10))
                things += [
                    (self._gardener.bush(rng, start + 1.7 * i, side * 9.5), _SMALL_FAR)
                    for i in range(4)
                ]
            if rng.random() < 0.4:
                place, kind = begin + float(rng.uniform(0, _BLOCK)), int(rng.integers(4))
                things.append((Sign(place, side * 6.25, kind, self._condition), _SMALL_FAR))
            things += [(car, _CAR_FAR) for car in self._parked(rng, index, side)]
            lamp = np.ceil((begin - (0 if side > 0 else LAMP_SPACING / 2)) / LAMP_SPACING)
            place = float(lamp * LAMP_SPACING + (0 if side > 0 else LAMP_SPACING / 2))
            if place < begin + _BLOCK:
                things.append((Lamp(place, side, self._condition), _FAR))
        return things

    def _build_house(self, index: int, side: int) -> Building | None:
        rng = np.random.default_rng((self._seed, 7, index + 1000, side + 1))
        if rng.random() < self._leafy * 0.7:
            return None
        house = self._architect.build(rng, index * _BLOCK, _BLOCK - 1.0, side)
        # Same dice for the neighbour, but without asking for its neighbour in turn.
        rng = np.random.default_rng((self._seed, 7, index + 999, side + 1))
        if rng.random() < self._leafy * 0.7:
            return house
        before = self._architect.build(rng, (index - 1) * _BLOCK, _BLOCK - 1.0, side)
        is_sheltered = before.height >= house.height and before.u <= house.u + 0.5
        return replace(house, sheltered=is_sheltered)

    def _parked(self, rng: np.random.Generator, index: int, side: int) -> list[Vehicle]:
        cars = []
        for slot in range(3):
            s = index * _BLOCK + 3.4 + 6.66 * slot
            number = 100 + (index % 60) * 6 + slot * 2 + (side > 0)
            # Nobody parks beside a crossing.
            to_crossing = (s - 1.5 + CROSSING_SPACING / 2) % CROSSING_SPACING - CROSSING_SPACING / 2
            car = park(rng, number, s, side * PARKED_U, side, self._condition)
            if rng.random() < 0.42 and abs(to_crossing) > 8.5:
                cars.append(car)
        return cars
