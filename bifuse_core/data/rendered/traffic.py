# SPDX-License-Identifier: Apache-2.0
"""Who moves on the road, and where they are at any time.

Everybody keeps to a straight law of motion, so any time can be asked for directly. Whoever falls
behind the camera comes back far ahead as somebody else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.cyclists import Cyclist
from bifuse_core.data.rendered.gait import Pose, walking
from bifuse_core.data.rendered.ground import CROSSING_LENGTH, CROSSING_SPACING, KERB, LANE
from bifuse_core.data.rendered.people import Looks, Person, dress
from bifuse_core.data.rendered.vehicles import Vehicle, drive

SPEED = 8.0
EGO_U = LANE / 2
_ONCOMING_SPEED = 8.5
_BEHIND = 8.0
_CAR_SPAN, _WALK_SPAN, _BIKE_SPAN = 250.0, 105.0, 130.0
_PACE = 1.5


@dataclass(frozen=True)
class _Wrapped:
    """A place ahead of the camera that starts over after a span."""

    ahead: float
    round: int


def _wrap(start: float, closing_speed: float, time: float, span: float) -> _Wrapped:
    total = start - closing_speed * time
    rounds = int(np.floor(total / span))
    return _Wrapped(total - rounds * span - _BEHIND, -rounds)


class Traffic:
    """Cars, cyclists and pedestrians."""

    def __init__(self, seed: int, condition: Condition) -> None:
        self._seed = seed
        self._condition = condition
        rng = np.random.default_rng((seed, 3))
        starts = np.arange(4) * _CAR_SPAN / 4 + rng.uniform(0, 34, 4)
        self._oncoming: list[float] = starts.tolist()
        self._lead_gap = [float(rng.uniform(*span)) for span in ((19, 30), (4, 7), (0, 6.28))]
        self._walkers = [
            (
                float(rng.uniform(0, _WALK_SPAN)),
                float(rng.choice([-1, 1]) * rng.uniform(6.3, 8.3)),
                float(rng.choice([-1, 1]) * rng.uniform(1.0, 1.6)),
            )
            for _ in range(11)
        ]
        self._riders = [(float(rng.uniform(0, _BIKE_SPAN)), 1), (float(rng.uniform(30, 100)), -1)]
        self._looks = lru_cache(maxsize=512)(self._make_looks)
        self._crossing_plan = lru_cache(maxsize=64)(self._plan_crossing)

    def ego(self, time: float) -> float:
        """Where the camera is along the road, metres."""
        return SPEED * time

    def vehicles(self, time: float) -> list[Vehicle]:
        """Moving cars."""
        ego = self.ego(time)
        cars = []
        for index, start in enumerate(self._oncoming):
            place = self._oncoming_place(start, time)
            rng = np.random.default_rng((self._seed, 4, index, place.round + 10))
            car = drive(rng, 1 + index, ego + place.ahead, -LANE / 2, -1, self._condition)
            cars.append(car)
        rng = np.random.default_rng((self._seed, 5))
        cars.append(drive(rng, 9, ego + self._lead(time), EGO_U, 1, self._condition))
        return cars

    def cyclists(self, time: float) -> list[Cyclist]:
        """Bicycles with riders."""
        ego = self.ego(time)
        riders = []
        for index, (start, heading) in enumerate(self._riders):
            speed = heading * 4.6
            place = _wrap(start, SPEED - speed, time, _BIKE_SPAN)
            looks = self._looks(20 + index, place.round)
            u = heading * (LANE - 0.35)
            phase = 5.2 * time + index
            riders.append(
                Cyclist(
                    20 + 2 * index, ego + place.ahead, u, heading, phase, looks, self._condition
                )
            )
        return riders

    def pedestrians(self, time: float) -> list[Person]:
        """People on the sidewalks, and on the crossings ahead."""
        ego = self.ego(time)
        people = []
        for index, (start, u, velocity) in enumerate(self._walkers):
            place = _wrap(start, SPEED - velocity, time, _WALK_SPAN)
            looks = self._looks(40 + index, place.round)
            phase = abs(velocity) * time * 2 * np.pi / (0.82 * looks.height) + index
            facing = (0.0, float(np.sign(velocity)))
            pose = walking(phase)
            people.append(Person(40 + index, ego + place.ahead, u, facing, pose, looks))
        first = int(np.floor(ego / CROSSING_SPACING))
        for crossing in range(max(first, 1), first + 3):
            people += self._crossing(crossing, time)
        return people

    def _crossing(self, crossing: int, time: float) -> list[Person]:
        """Two people at a crossing: they wait until the lead car has passed, then walk."""
        people = []
        start, side, clear = self._crossing_plan(crossing)
        for index in range(2):
            number = 60 + 2 * (crossing % 8) + index
            looks = self._looks(number, crossing)
            walked = np.clip((time - start - 0.7 * index) * _PACE, 0, 2 * (KERB + 0.7))
            is_walking = clear and 0 < walked < 2 * (KERB + 0.7)
            u = side * (KERB + 0.7 - (walked if clear else 0.0))
            s = crossing * CROSSING_SPACING + CROSSING_LENGTH * (0.3 + 0.4 * index)
            # Steps grow and fade at the kerbs, so that nobody jerks into motion.
            stride = float(np.clip(min(walked, 2 * (KERB + 0.7) - walked) / 0.5, 0, 1))
            phase = walked * 2 * np.pi / (0.82 * looks.height)
            pose: Pose = walking(phase, stride if is_walking else 0.0)
            people.append(Person(number, s, u, (-float(side), 0.0), pose, looks))
        return people

    def _plan_crossing(self, crossing: int) -> tuple[float, int, bool]:
        """When, from which side, and whether at all it is safe to cross."""
        s = crossing * CROSSING_SPACING
        arrival = s / SPEED
        best = (-1.0, 0.0, 1)
        for side in (-1, 1):
            for early in np.arange(3.0, 9.0, 0.4):
                start = arrival - float(early)
                room = min(
                    self._room(s, lane, start + (KERB + 0.7 - side * lane) / _PACE + wait)
                    for lane in (-LANE / 2, LANE / 2)
                    for wait in (-1.2, 0.0, 0.7, 1.9)
                )
                best = max(best, (room, start, side))
        return best[1], best[2], best[0] > 3.0

    def _room(self, s: float, lane: float, time: float) -> float:
        """Distance from s to the nearest car on a lane at a time, metres."""
        ego = self.ego(time)
        if lane > 0:
            places = [ego, ego + self._lead(time)]
        else:
            places = [ego + self._oncoming_place(start, time).ahead for start in self._oncoming]
        return min(abs(place - s) for place in places) - 2.4

    def _oncoming_place(self, start: float, time: float) -> _Wrapped:
        return _wrap(start, SPEED + _ONCOMING_SPEED, time, _CAR_SPAN)

    def _lead(self, time: float) -> float:
        gap, swing, phase = self._lead_gap
        return gap + swing * math.sin(0.21 * time + phase)

    def _make_looks(self, person: int, round_: int) -> Looks:
        rng = np.random.default_rng((self._seed, 6, person, round_ + 1000))
        return dress(rng, self._condition)
