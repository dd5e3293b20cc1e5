# SPDX-License-Identifier: Apache-2.0
"""Trees and hedges, painted leaf by leaf once and then shown as upright pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bifuse_core.data.rendered.camera import View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import tag
from bifuse_core.data.rendered.texture import Texture, linear, pack

_VEGETATION = tag("vegetation")
_SIZE = 384
_LEAVES = [(88, 116, 54), (70, 104, 50), (108, 126, 58), (128, 112, 52), (60, 92, 58)]


@dataclass(frozen=True)
class Plant:
    """A tree or a bush.

    Attributes:
        s: Metres along the road.
        u: Metres across it.
        width: Metres.
        height: Metres.
        picture: How it looks, the foot at the middle of the bottom edge.
    """

    s: float
    u: float
    width: float
    height: float
    picture: Texture

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends along the road, metres."""
        return self.s, self.s

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint it."""
        if self.s - view.s < 2.5:
            return
        x, y, scale = view.foot(self.u, self.s)
        half = self.width / 2 * scale
        box = (x - half, y - self.height * scale, x + half, y)
        canvas.sprite(self.picture, box, self.s - view.s, _VEGETATION)


class Gardener:
    """Grows a stock of trees and bushes once."""

    def __init__(self, rng: np.random.Generator, condition: Condition) -> None:
        self._trees = [_grow_tree(rng, condition) for _ in range(4)]
        self._bushes = [_grow_bush(rng, condition) for _ in range(3)]

    def tree(self, rng: np.random.Generator, s: float, u: float) -> Plant:
        """Plant a tree at s, u."""
        height = float(rng.uniform(5.5, 9.0))
        picture = self._trees[rng.integers(len(self._trees))]
        return Plant(s, u, height * float(rng.uniform(0.7, 0.9)), height, picture)

    def bush(self, rng: np.random.Generator, s: float, u: float) -> Plant:
        """Plant a bush at s, u."""
        height = float(rng.uniform(0.9, 1.7))
        picture = self._bushes[rng.integers(len(self._bushes))]
        return Plant(s, u, height * float(rng.uniform(1.4, 2.2)), height, picture)


def _grow_tree(rng: np.random.Generator, condition: Condition) -> Texture:
    tree = _Easel(condition)
    bark, trunk_warmth = linear((84, 70, 58)), condition.foliage + 1.2
    x, foot = _SIZE * 0.5, float(_SIZE)
    fork = (x + rng.uniform(-8, 8), _SIZE * 0.56)
    tree.limb((x, foot), fork, 15, 9, bark, trunk_warmth)
    tips = []
    for angle in np.linspace(-1.15, 1.15, 7) + rng.normal(0, 0.08, 7):
        reach = _SIZE * rng.uniform(0.2, 0.36)
        tip = (fork[0] + reach * np.sin(angle), fork[1] - reach * np.cos(angle))
        tree.limb(fork, tip, 7, 2, bark * 0.9, trunk_warmth - 0.4)
        tips.append(tip)
    colour = linear(_LEAVES[rng.integers(len(_LEAVES))])
    blobs = [(tx, ty, rng.uniform(36, 62)) for tx, ty in tips]
    blobs += [(x + rng.normal(0, 62), _SIZE * rng.uniform(0.14, 0.5), 42) for _ in range(9)]
    tree.foliage(rng, blobs, 4000, colour)
    return tree.texture()


def _grow_bush(rng: np.random.Generator, condition: Condition) -> Texture:
    bush = _Easel(condition)
    colour = linear(_LEAVES[rng.integers(len(_LEAVES))])
    blobs = [
        (_SIZE * rng.uniform(0.2, 0.8), _SIZE * rng.uniform(0.45, 0.8), _SIZE * 0.17)
        for _ in range(12)
    ]
    blobs += [(_SIZE * x, _SIZE * 0.86, _SIZE * 0.14) for x in (0.2, 0.35, 0.5, 0.65, 0.8)]
    bush.foliage(rng, blobs, 4000, colour)
    return bush.texture()


class _Easel:
    """A square picture of a plant in the making."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._albedo = np.zeros((_SIZE, _SIZE, 3), np.float32)
        self._celsius = np.full((_SIZE, _SIZE), condition.foliage, np.float32)
        self._alpha = np.zeros((_SIZE, _SIZE), np.uint8)

    def limb(
        self,
        begin: tuple[float, float],
        end: tuple[float, float],
        thick: float,
        thin: float,
        colour: np.ndarray,
        celsius: float,
    ) -> None:
        """A branch that tapers, lighter on its left."""
        for step in np.linspace(0, 1, 72):
            x = begin[0] + (end[0] - begin[0]) * step
            y = begin[1] + (end[1] - begin[1]) * step
            radius = (thick + (thin - thick) * step) / 2
            centre = (int(x * 16), int(y * 16))
            for shift, factor in ((0, 0.55), (-0.35, 0.9)):
                spot = (int((x + shift * radius) * 16), centre[1])
                size = int(radius * (1 + shift) * 16)
                cv2.circle(self._albedo, spot, size, (colour * factor).tolist(), -1, 8, 4)
            cv2.circle(self._celsius, centre, int(radius * 16), celsius, -1, 8, 4)
            cv2.circle(self._alpha, centre, int(radius * 16), 255, -1, 8, 4)

    def foliage(
        self,
        rng: np.random.Generator,
        blobs: list[tuple[float, float, float]],
        leaves: int,
        colour: np.ndarray,
    ) -> None:
        """Leaves around blobs (x, y, radius), lit from above on the left."""
        blob = np.array(blobs)[rng.integers(len(blobs), size=leaves)]
        inside = rng.normal(0, 0.48, (leaves, 2)).clip(-1.15, 1.15)
        lit = (-0.45 * inside[:, 0] - 0.75 * inside[:, 1]) * 0.5
        # Dark inner leaves first, bright outer ones over them.
        order = np.argsort(lit + rng.normal(0, 0.16, leaves))
        blob, inside, lit = blob[order], inside[order], lit[order]
        place = (blob[:, :2] + inside * blob[:, 2:]).clip(4, _SIZE - 4)
        bright = 0.92 - 0.4 * place[:, 1] / _SIZE + 0.75 * lit + rng.normal(0, 0.11, leaves)
        tones = colour * bright.clip(0.14)[:, None] * (1 + rng.normal(0, 0.07, (leaves, 3)))
        warm = self._condition.foliage + rng.normal(0, 0.6, leaves) + 1.6 * lit
        axes = rng.integers((2, 1), (6, 4), (leaves, 2)).tolist()
        turns = rng.uniform(0, 180, leaves).tolist()
        spots, looks = (
            place.astype(int).tolist(),
            np.column_stack([tones.clip(0, 1), warm]).tolist(),
        )
        for spot, axis, turn, (*tone, celsius) in zip(spots, axes, turns, looks, strict=True):
            leaf = cv2.ellipse2Poly(spot, axis, int(turn), 0, 360, 60)
            cv2.fillConvexPoly(self._albedo, leaf, tone)
            cv2.fillConvexPoly(self._celsius, leaf, celsius)
            cv2.fillConvexPoly(self._alpha, leaf, 255)

    def texture(self) -> Texture:
        """The finished picture."""
        light = self._condition.shade(np.array([-0.3, 0.5, -0.8], np.float32))
        return Texture(pack(self._albedo * light, self._celsius), self._alpha)
