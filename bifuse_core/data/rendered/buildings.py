# SPDX-License-Identifier: Apache-2.0
"""Houses: a facade along the road and a gable wall across it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import GLOW_SCALE, tag
from bifuse_core.data.rendered.texture import Texture, fractal, linear, pack

_WALLS = [
    (150, 100, 82),
    (172, 122, 98),
    (196, 180, 152),
    (208, 202, 190),
    (160, 156, 150),
    (176, 150, 112),
    (124, 120, 118),
]
_BUILDING = tag("building")
_TEXELS = 24  # per metre
_DEPTH = 14.0
_CLOSEST = 4.0
_SHELTERED_FROM = 110.0


@dataclass(frozen=True)
class Building:
    """One house beside the road.

    Attributes:
        s: Where its front begins along the road, metres.
        length: Length along the road, metres.
        side: -1 left, 1 right of the road.
        u: Distance of its front from the centre line, metres.
        height: Metres.
        facade: The front.
        gable: The wall that faces the camera.
        sheltered: The house before it is as big, and hides the gable from far away.
    """

    s: float
    length: float
    side: int
    u: float
    height: float
    facade: Texture
    gable: Texture
    sheltered: bool = False

    @property
    def reach(self) -> tuple[float, float]:
        """Where it begins and ends along the road, metres."""
        return self.s, self.s + self.length

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint it."""
        begin = max(self.s, view.s + _CLOSEST)
        end = self.s + self.length
        if end - begin < 0.5:
            return
        if begin == self.s and not (self.sheltered and begin - view.s > _SHELTERED_FROM):
            across = (self.side * self.u, self.side * (self.u + _DEPTH))
            self._wall(canvas, view, self.gable, across, (self.s, self.s))
        hidden = (begin - self.s) / self.length
        self._wall(canvas, view, self.facade, (self.side * self.u,) * 2, (begin, end), hidden)

    def _wall(
        self,
        canvas: Canvas,
        view: View,
        texture: Texture,
        u: tuple[float, float],
        s: tuple[float, float],
        hidden: float = 0.0,
    ) -> None:
        top, ground = self.height, 0.0
        corners = np.array(
            [[u[0], top, s[0]], [u[1], top, s[1]], [u[1], ground, s[1]], [u[0], ground, s[0]]],
            np.float32,
        )
        pixels, depth = view.project(corners)
        canvas.quad(texture, pixels, (float(depth[0]), float(depth[1])), _BUILDING, hidden)


class Architect:
    """Makes a stock of facades once, and houses from them."""

    def __init__(self, rng: np.random.Generator, condition: Condition, stock: int = 6) -> None:
        self._stock = []
        tiles = (fractal(rng, 256, 256, (1, 2, 16, 64)), fractal(rng, 256, 256, (4, 16, 64)))
        for _ in range(stock):
            length, floors = float(rng.uniform(11, 19)), int(rng.integers(2, 6))
            wall = _WALLS[rng.integers(len(_WALLS))]
            height = 3.2 * floors + 1.0
            walls: list[Texture] = []
            # Left houses show the camera side of the sun differently from right ones.
            for normal in ((1, 0, 0), (-1, 0, 0), (0, 0, -1)):
                wide = length if normal[2] == 0 else _DEPTH
                facing = np.array(normal, np.float32)
                walls.append(_wall(rng, condition, wall, wide, floors, facing, tiles))
            self._stock.append((length, height, walls))

    def build(self, rng: np.random.Generator, s: float, room: float, side: int) -> Building:
        """Put a house that fits into room metres at s."""
        length, height, (left, right, gable) = self._stock[rng.integers(len(self._stock))]
        u = float(rng.uniform(10.6, 12.5))
        facade = left if side < 0 else right
        return Building(s, min(length, room), side, u, height, facade, gable)


def _wall(
    rng: np.random.Generator,
    condition: Condition,
    colour: tuple[int, int, int],
    length: float,
    floors: int,
    normal: Floats,
    tiles: tuple[Floats, Floats],
) -> Texture:
    columns, rows = int(length * _TEXELS), int((3.2 * floors + 1.0) * _TEXELS)
    columns, rows = columns // 2 * 2, rows // 2 * 2
    metre = _TEXELS
    shade = condition.shade(normal)
    albedo = np.empty((rows, columns, 3), np.float32)
    albedo[:] = linear(colour)
    size = (columns, rows)
    grain = cv2.resize(tiles[0], size)
    albedo *= 1 + 0.10 * grain[..., None]
    if colour[0] > colour[2] * 1.6:
        _lay_bricks(albedo)
    leak = 0.6 * float(rng.standard_normal())
    facing = max(0.0, float(normal @ np.array(condition.sun_direction)))
    celsius = np.full(
        (rows, columns), condition.wall + condition.sunlit * facing + leak, np.float32
    )
    celsius += 0.5 * cv2.resize(tiles[1], size)
    celsius += np.linspace(-0.4, 0.9, rows, dtype=np.float32)[:, None]
    glow = np.zeros((rows, columns), np.float32)
    habits = np.random.default_rng(rng.integers(2**31))

    # Floor slabs leak heat; the plinth is dark stone; the eaves are cold.
    for floor in range(1, floors):
        y = rows - int(floor * 3.2 * metre)
        celsius[y - 3 : y + 3] += 1.1
        albedo[y - 2 : y + 2] *= 0.82
    albedo[-int(0.6 * metre) :] = linear((98, 94, 90))
    albedo[: int(0.5 * metre)] = linear((74, 68, 66))
    celsius[: int(0.5 * metre)] = condition.air - 2.5

    count = max(int(length / 2.9), 1)
    pitch = columns / count
    shop = bool(rng.random() < 0.45) and normal[2] == 0
    for floor in range(floors):
        for index in range(count):
            wide, tall = (2.1, 2.0) if shop and floor == 0 else (1.25, 1.5)
            x = int((index + 0.5) * pitch - wide * metre / 2)
            y = rows - int((floor * 3.2 + 0.95 + tall) * metre)
            if floor == 0 and not shop and index == count // 2:
                tall, y = 2.2, rows - int(2.25 * metre)
            window = (slice(y, y + int(tall * metre)), slice(x, x + int(wide * metre)))
            lit = habits.random() < condition.windows * (2.2 if shop and floor == 0 else 1.0)
            glass = np.random.default_rng(rng.integers(2**31))
            _set_window(glass, albedo, celsius, glow, window, condition, bool(lit))
    surface = pack(albedo * shade, celsius)
    alpha = np.full((rows, columns), 255, np.uint8)
    own_light = (glow * GLOW_SCALE).astype(np.uint16) if condition.windows > 0 else None
    return Texture(surface, alpha, own_light)


def _lay_bricks(albedo: Floats) -> None:
    albedo[::3] *= 1.22
    for row in range(0, albedo.shape[0], 6):
        albedo[row : row + 3, ::6] *= 1.2
        albedo[row + 3 : row + 6, 3::6] *= 1.2


def _set_window(
    rng: np.random.Generator,
    albedo: Floats,
    celsius: Floats,
    glow: Floats,
    place: tuple[slice, slice],
    condition: Condition,
    lit: bool,
) -> None:
    frame = (
        slice(max(place[0].start - 3, 0), place[0].stop + 3),
        slice(max(place[1].start - 3, 0), place[1].stop + 3),
    )
    albedo[frame] = linear((214, 210, 200))
    celsius[frame] = condition.wall + 1.6
    pane = albedo[place]
    if pane.size == 0:
        return
    height, width = pane.shape[:2]
    sky = np.linspace(1.0, 0.45, height, dtype=np.float32)[:, None, None]
    pane[:] = linear((112, 134, 156)) * sky * float(rng.uniform(0.4, 1.2))
    curtain = int(width * rng.uniform(0.1, 0.35))
    pane[:, :curtain] = linear((170, 160, 148)) * 0.6
    pane[:, -curtain:] = linear((170, 160, 148)) * 0.6
    warmth = float(rng.uniform(0.8, 4.5)) + (1.5 if lit else 0.0)
    celsius[place] = condition.wall + warmth
    # Glass mirrors the cold sky, more so towards the top.
    celsius[place] -= np.linspace(2.2, 0.0, height, dtype=np.float32)[:, None]
    if lit:
        tint = linear(((255, 206, 132), (255, 226, 178), (226, 236, 255))[rng.integers(3)])
        pane[:] = tint * np.linspace(0.75, 1.0, height, dtype=np.float32)[:, None, None]
        pane[:, :curtain] *= 0.45
        pane[:, -curtain:] *= 0.45
        glow[place] = rng.uniform(0.25, 0.8)
    middle = width // 2
    pane[:, middle - 1 : middle + 2] = linear((206, 202, 192)) * (0.3 if lit else 0.9)
    pane[int(height * 0.35) : int(height * 0.35) + 2] = linear((206, 202, 192)) * (
        0.3 if lit else 0.9
    )
    celsius[place][:, middle - 1 : middle + 2] = condition.wall
