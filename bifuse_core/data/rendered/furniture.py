# SPDX-License-Identifier: Apache-2.0
"""Street lamps and road signs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import Face, Mesh, Paint, paint, tag

LAMP_SPACING = 28.0
LAMP_U = 6.1
LAMP_ARM = 1.5
LAMP_HEIGHT = 6.8
_STREET = tag("sign")


def rectangle(u: float, half: float, low: float, high: float, s: float) -> Floats:
    """(4, 3) corners of an upright rectangle across the road."""
    return np.array(
        [[u - half, high, s], [u + half, high, s], [u + half, low, s], [u - half, low, s]],
        np.float32,
    )


@dataclass(frozen=True)
class _Furniture(ABC):
    s: float

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends along the road, metres."""
        return self.s, self.s

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint it."""
        if self.s - view.s > 2:
            canvas.mesh(view, self._mesh.points, self._mesh, _STREET)

    @cached_property
    def _mesh(self) -> Mesh:
        return Mesh(self._faces())

    @abstractmethod
    def _faces(self) -> list[Face]: ...


@dataclass(frozen=True)
class Lamp(_Furniture):
    """A street lamp that reaches over the road.

    Attributes:
        s: Metres along the road.
        side: -1 left, 1 right.
        condition: Decides whether it is on.
    """

    side: int
    condition: Condition

    def _faces(self) -> list[Face]:
        air, u = self.condition.air, self.side * LAMP_U
        steel = paint((96, 100, 102), air + 0.8)
        head = u - self.side * LAMP_ARM
        on = self.condition.lamps
        warmth = air + 3 + 16 * min(on * 3, 1.0)
        glass = paint((255, 214, 160) if on > 0 else (205, 205, 200), warmth, 70 * on)
        low, high = LAMP_HEIGHT - 0.06, LAMP_HEIGHT + 0.06
        return [
            (rectangle(u, 0.12, 0, 0.9, self.s), steel.shaded(0.8, 0.4)),
            (rectangle(u, 0.07, 0, LAMP_HEIGHT, self.s), steel),
            (rectangle(u - self.side * 0.02, 0.025, 0, LAMP_HEIGHT, self.s), steel.shaded(1.5)),
            (self._arm(u, head), steel),
            (rectangle(head, 0.34, LAMP_HEIGHT + 0.02, LAMP_HEIGHT + 0.2, self.s), steel),
            (rectangle(head, 0.28, low, high, self.s), glass),
        ]

    def _arm(self, u: float, head: float) -> Floats:
        high, low = LAMP_HEIGHT + 0.12, LAMP_HEIGHT - 0.45
        return np.array(
            [
                [u, low, self.s],
                [u, low + 0.12, self.s],
                [head, high, self.s],
                [head, high - 0.09, self.s],
            ],
            np.float32,
        )


@dataclass(frozen=True)
class Sign(_Furniture):
    """A traffic sign on a pole.

    Attributes:
        s: Metres along the road.
        u: Metres across it.
        kind: 0 warning triangle, 1 speed limit, 2 no entry, 3 parking.
        condition: The hour.
    """

    u: float
    kind: int
    condition: Condition

    def _faces(self) -> list[Face]:
        air = self.condition.air
        parts = [(rectangle(self.u, 0.035, 0, 2.9, self.s), paint((128, 130, 132), air + 0.3))]
        plate = air - 1.2  # Thin metal mirrors the cold sky.
        white, red = paint((238, 238, 236), plate), paint((190, 24, 30), plate - 0.1)
        blue, black = paint((24, 72, 160), plate), paint((24, 24, 26), plate + 0.2)
        if self.kind == 0:
            parts += [(self._regular(3, 0.47), red), (self._regular(3, 0.32), white)]
            parts += [
                (self._bar(0.035, -0.05, 0.16), black),
                (self._bar(0.035, -0.14, -0.08), black),
            ]
        elif self.kind == 1:
            parts += [(self._regular(20, 0.4), red), (self._regular(20, 0.3), white)]
            parts += [(points, black) for points in self._thirty()]
        elif self.kind == 2:
            parts += [(self._regular(20, 0.4), red), (self._bar(0.26, -0.06, 0.06), white)]
        else:
            parts += [(self._bar(0.36, -0.36, 0.36), white), (self._bar(0.33, -0.33, 0.33), blue)]
            parts += [(self._bar(0.04, -0.22, 0.24, -0.09), white)]
            parts += [(self._bar(0.11, 0.17, 0.24, 0.02), white)]
            parts += [(self._bar(0.11, -0.02, 0.05, 0.02), white)]
            parts += [(self._bar(0.035, -0.02, 0.24, 0.12), white)]
        # Signs throw headlights back at the driver.
        shine = 0.55 * self.condition.headlights
        return [(outline, Paint(part.albedo, part.celsius, shine)) for outline, part in parts]

    def _bar(self, half: float, low: float, high: float, shift: float = 0.0) -> Floats:
        return rectangle(self.u + shift, half, 2.5 + low, 2.5 + high, self.s)

    def _regular(self, corners: int, radius: float) -> Floats:
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        return np.stack(
            [
                self.u + radius * np.sin(angle),
                2.5 + radius * np.cos(angle),
                np.full(corners, self.s),
            ],
            axis=-1,
        ).astype(np.float32)

    def _thirty(self) -> list[Floats]:
        bars = [self._bar(0.065, y - 0.02, y + 0.02, -0.11) for y in (-0.13, 0.0, 0.13)]
        bars.append(self._bar(0.02, -0.15, 0.15, -0.05))
        bars += [self._bar(0.075, y - 0.02, y + 0.02, 0.1) for y in (-0.13, 0.13)]
        bars += [self._bar(0.02, -0.15, 0.15, x) for x in (0.045, 0.155)]
        return bars
