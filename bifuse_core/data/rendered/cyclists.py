# SPDX-License-Identifier: Apache-2.0
"""Bicycles and who rides them. Rider and bicycle are two objects, each with its own box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.gait import Pose
from bifuse_core.data.rendered.paint import Paint, Tag, paint, tag
from bifuse_core.data.rendered.people import Looks, Person

_WHEEL = 0.34
_AXLES = (-0.52, 0.53)
_CRANK = np.array([0.0, 0.29, -0.08])
_SADDLE = np.array([0.0, 0.93, -0.2])
_BARS = np.array([0.0, 1.0, 0.36])
_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)


def pedalling(phase: float, height: float) -> Pose:
    """The pose of a rider of some height at a phase of the cranks, radians."""
    joints: dict[str, Floats] = {}
    neck = np.array([0, 1.43, 0.12])
    for name, side, turn in (("l", -1, phase), ("r", 1, phase + np.pi)):
        hip = _SADDLE + np.array([side * 0.09, 0.02, 0.0])
        pedal = _CRANK + np.array([side * 0.12, 0.16 * np.cos(turn), 0.16 * np.sin(turn)])
        ankle = pedal + np.array([0, 0.07, -0.05])
        knee = _bent(hip, ankle, 0.42, 0.42)
        shoulder = np.array([side * 0.19, 1.38, 0.1])
        hand = _BARS + np.array([side * 0.24, 0.0, 0.0])
        elbow = (shoulder + hand) / 2 + np.array([side * 0.05, -0.06, -0.04])
        joints |= {
            f"hip_{name}": hip,
            f"knee_{name}": knee,
            f"ankle_{name}": ankle,
            f"toe_{name}": pedal + np.array([0, 0.02, 0.1]),
            f"shoulder_{name}": shoulder,
            f"elbow_{name}": elbow,
            f"hand_{name}": hand,
        }
    joints["neck"] = neck
    joints["head"] = neck + np.array([0, 0.17, 0.06])
    return Pose({name: (place / height).astype(np.float32) for name, place in joints.items()})


def _bent(top: Floats, bottom: Floats, upper: float, lower: float) -> Floats:
    """The knee, to the front, of a leg with bones of these lengths."""
    reach = bottom - top
    distance = min(float(np.linalg.norm(reach)), upper + lower - 1e-3)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    out = np.sqrt(max(upper**2 - along**2, 0.0))
    forward = np.array([0, -reach[2], reach[1]]) / -distance
    return np.asarray(top + reach / distance * along + forward * out, np.float32)


@dataclass(frozen=True)
class Cyclist:
    """A bicycle with its rider.

    Attributes:
        instance: Number of the bicycle; the rider has the next one.
        s: Metres along the road.
        u: Metres across it.
        heading: 1 riding as the camera does, -1 coming towards it.
        phase: Of the cranks, radians.
        looks: The rider.
        condition: The hour.
    """

    instance: int
    s: float
    u: float
    heading: int
    phase: float
    looks: Looks
    condition: Condition

    @property
    def reach(self) -> tuple[float, float]:
        """Where they begin and end along the road, metres."""
        return self.s - 0.9, self.s + 0.9

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint the bicycle, then the rider on it."""
        if not 3.0 < self.s - view.s < 110.0:
            return
        self._bicycle(canvas, view)
        pose = pedalling(self.phase, self.looks.height)
        facing = (0.0, float(self.heading))
        Person(self.instance + 1, self.s, self.u, facing, pose, self.looks).draw(canvas, view)

    def _project(self, local: Floats, view: View) -> tuple[Floats, float]:
        world = np.stack(
            [
                self.u + self.heading * local[:, 0],
                local[:, 1],
                self.s + self.heading * local[:, 2],
            ],
            axis=-1,
        )
        pixels, depth = view.project(world.astype(np.float32))
        return pixels, float(depth.mean())

    def _bicycle(self, canvas: Canvas, view: View) -> None:
        owner = tag("bicycle", self.instance)
        air = self.condition.air
        frame = paint((150, 40, 36), air + 0.4)
        rubber = Paint((0.02, 0.02, 0.02), air + 2.5)
        scale = view.focal / (self.s - view.s)
        everything = []
        for axle in _AXLES:
            circle = np.stack(
                [np.zeros(24), _WHEEL + _WHEEL * np.cos(_TURN), axle + _WHEEL * np.sin(_TURN)], -1
            )
            rim, depth = self._project(circle, view)
            everything.append(rim)
            canvas.ring(rim, max(0.022 * scale, 0.8), rubber, depth, owner)
        head, crank, seat = np.array([0, 0.84, 0.34]), _CRANK, np.array([0, 0.8, -0.17])
        front, back = np.array([0, _WHEEL, _AXLES[1]]), np.array([0, _WHEEL, _AXLES[0]])
        bar = np.array([0.26, 0, 0])
        tubes = [(back, crank), (back, seat), (crank, seat), (crank, head), (seat, head)]
        tubes += [(head, front), (head, _BARS), (_BARS - bar, _BARS + bar), (seat, _SADDLE)]
        for begin, end in tubes:
            ends, depth = self._project(np.stack([begin, end]), view)
            everything.append(ends)
            canvas.stroke(ends, max(0.019 * scale, 0.7), frame, depth, owner)
        self._lights(canvas, view, owner)
        canvas.finish(self.instance, np.concatenate(everything))

    def _lights(self, canvas: Canvas, view: View, owner: Tag) -> None:
        on = self.condition.headlights > 0
        if self.heading > 0:
            place, colour, glow = (0.72, -0.3), (230, 20, 20), 1.6
        else:
            place, colour, glow = (0.9, 0.42), (255, 250, 240), 14.0
        middle, depth = self._project(np.array([[0, place[0], place[1]]]), view)
        radius = 0.035 * view.focal / depth
        disc = middle + radius * np.stack([np.cos(_TURN), np.sin(_TURN)], -1).astype(np.float32)
        canvas.polygon(disc, paint(colour, self.condition.air + 4, glow * on), depth, owner)
