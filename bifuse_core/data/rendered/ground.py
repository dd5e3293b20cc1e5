# SPDX-License-Identifier: Apache-2.0
"""The road and what lies beside it: asphalt, paint, kerbs, paving, grass.

A road is the same all along but for dashes and grain, so its cross-section is kept in a table,
averaged over ever wider footprints: far rows look up wide ones, and nothing shimmers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.classes import SEGMENTATION_CLASSES
from bifuse_core.data.rendered.camera import CAMERA_HEIGHT, FARTHEST, Floats, View
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.texture import (
    ALBEDO_SCALE,
    centikelvin,
    fractal,
    linear,
    noise,
)

LANE = 3.3
KERB = 5.75
FENCE = 8.6
BUILDING_LINE = 10.6
CROSSING_SPACING = 78.0
CROSSING_LENGTH = 3.4
_TEXEL = 0.02
Doubles = NDArray[np.float64]
_REACH = 30.0
_LEVELS = 9
_DASH, _DASH_PERIOD = 3.0, 9.0
_WHITE = 0.6
_FINE_TILE, _COARSE_TILE = 4.0, 32.0


@dataclass(frozen=True)
class GroundPatch:
    """The ground below the horizon.

    Attributes:
        top: First image row it covers.
        surface: (rows, W, 4) uint16, as in Canvas.
        depth: (rows,) metres.
        mask: (rows, W) uint8 class ids.
    """

    top: int
    surface: NDArray[np.uint16]
    depth: Floats
    mask: NDArray[np.uint8]


class Ground:
    """Draws the ground for any view of the road."""

    def __init__(self, rng: np.random.Generator, condition: Condition) -> None:
        self._plain, self._marks = _cross_section(rng, condition)
        self._fine = _fine_grain(rng)
        self._coarse = _coarse_grain(rng)

    def draw(self, view: View, shadow: NDArray[np.uint8], warmth: NDArray[np.uint8]) -> GroundPatch:
        """Draw it.

        Args:
            view: From where; at the picture's own resolution.
            shadow: (H, W) uint8, 255 where the ground gets all light.
            warmth: (H, W) uint8, tenths of a kelvin that cars warm the ground by.
        """
        top = int(np.ceil(view.horizon + view.focal * CAMERA_HEIGHT / FARTHEST))
        rows = np.arange(top, view.height, dtype=np.float32) + 0.5
        depth = view.focal * CAMERA_HEIGHT / (rows - view.horizon)
        columns = np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2
        u = columns * (depth / view.focal)[:, None] + (view.u - view.bend(depth))[:, None]
        s = view.s + depth
        across = depth / view.focal
        along = depth**2 / (view.focal * CAMERA_HEIGHT)

        level = np.log2(np.maximum(across / _TEXEL, 1.0)).astype(np.float32)
        level_map = np.ascontiguousarray(
            np.broadcast_to(np.minimum(level, _LEVELS - 1)[:, None], u.shape)
        )
        u_map = (u + _REACH) / _TEXEL
        red, green, blue, heat = cv2.split(_look_up(self._plain, u_map, level_map))
        strength, middle, zebra, paving = cv2.split(_look_up(self._marks, u_map, level_map))

        dashes = _stripes(s, _DASH_PERIOD, _DASH, along)
        crossing = _stripes(s, CROSSING_SPACING, CROSSING_LENGTH, along)
        joints = _stripes(s, 0.8, 0.03, along)
        paint = middle * (dashes * (1 - crossing))[:, None]
        if crossing.any():
            paint += zebra * crossing[:, None]
        grooves = paving * joints[:, None]
        grain = self._grain(u, s, along)
        worn = paint * (0.94 + 0.5 * np.minimum(grain, 0))
        light = shadow[top:].astype(np.float32) * np.float32(1 / 255)
        brightness = (1 + strength * grain) * (1 - np.float32(0.45) * grooves)
        brightness *= light * (1 - worn) * np.float32(ALBEDO_SCALE)
        worn_lit = worn * light * np.float32(_WHITE * ALBEDO_SCALE)
        heat += 60 * grain - 25 * worn - 30 * grooves + 260 * light
        heat += cv2.multiply(warmth[top:], 10.0, dtype=cv2.CV_32F) - 260
        planes = [np.maximum(plane * brightness + worn_lit, 0) for plane in (red, green, blue)]
        surface = np.minimum(cv2.merge([*planes, heat]), np.float32(65535)).astype(np.uint16)
        return GroundPatch(top, surface, depth, _classes(u))

    def _grain(self, u: Floats, s: Floats, along: Floats) -> Floats:
        fine = _tiled(self._fine, u, s, _FINE_TILE)
        coarse = _tiled(self._coarse, u, s, _COARSE_TILE)
        # Grain finer than a pixel's footprint would only sparkle.
        fine *= np.clip(1.25 - along / 0.25, 0, 1)[:, None]
        coarse *= np.clip(1.25 - along / 3.0, 0, 1)[:, None]
        return fine + coarse


def ground_shade(condition: Condition) -> float:
    """Brightness of level ground for the light there is."""
    return condition.shade(np.array([0, 1, 0], np.float32))


def _cross_section(rng: np.random.Generator, condition: Condition) -> tuple[Floats, Floats]:
    """Tables over (level, u): colour and temperature; grain, dashes, crossing and paving."""
    count = int(2 * _REACH / _TEXEL)
    u = (np.arange(count, dtype=np.float32) + 0.5) * _TEXEL - _REACH
    side = np.abs(u)
    plain = np.zeros((count, 3), np.float32)
    strength = np.zeros(count, np.float32)
    heat = np.zeros(count, np.float32)
    shade = ground_shade(condition)
    zones = [
        (0.0, (122, 121, 120), 0.24, condition.road),
        (KERB - 0.35, (110, 108, 105), 0.25, condition.road - 0.5),
        (KERB - 0.02, (158, 155, 149), 0.1, condition.pavement + 1.2),
        (KERB + 0.18, (146, 140, 132), 0.17, condition.pavement),
        (FENCE, (84, 98, 58), 0.5, condition.foliage),
        (BUILDING_LINE - 0.2, (112, 108, 100), 0.25, condition.pavement - 0.8),
    ]
    for begin, colour, grain, celsius in zones:
        zone = side >= begin
        plain[zone] = linear(colour) * shade
        strength[zone] = grain
        heat[zone] = celsius
    centre = np.abs(side - LANE / 2)
    track = np.exp(-(((centre - 0.75) / 0.28) ** 2)) * (side < LANE)
    oil = np.exp(-((centre / 0.4) ** 2)) * (side < LANE)
    plain *= (1 - 0.08 * track - 0.14 * oil)[:, None]
    heat += 1.2 * track + 0.5 * oil
    heat += (
        0.25 * cv2.GaussianBlur(rng.standard_normal(count).astype(np.float32), (1, 81), 20)[:, 0]
    )

    edges = ((side > 3.36) & (side < 3.48)).astype(np.float32)
    middle = (side < 0.07).astype(np.float32)
    zebra = ((side < KERB - 0.5) & (np.mod(u, 1.0) < 0.5)).astype(np.float32)
    paving = (side > KERB + 0.18) & (side < FENCE)
    seams = (paving & (np.mod(side, 0.8) < 0.03)).astype(np.float32)
    plain *= (1 - 0.35 * seams)[:, None]
    plain += (_WHITE - plain) * edges[:, None] * 0.9
    heat -= 0.25 * edges
    marks = np.stack([strength, middle, zebra, paving.astype(np.float32)], axis=-1)
    return _widened(np.column_stack([plain, centikelvin(heat)])), _widened(marks)


def _widened(profile: Floats) -> Floats:
    """Stack a (count, channels) profile averaged over 1, 2, 4 and so on texels."""
    levels = []
    for level in range(_LEVELS):
        size = 2**level | 1
        levels.append(cv2.blur(profile, (1, size), borderType=cv2.BORDER_REPLICATE))
    return np.stack(levels)


def _look_up(table: Floats, u_map: Floats, level_map: Floats) -> Floats:
    return cv2.remap(table, u_map, level_map, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)


def _stripes(s: Floats, period: float, length: float, footprint: Floats) -> Floats:
    """Share of each row's footprint along the road that stripes cover."""

    def covered_until(position: Doubles) -> Doubles:
        whole = np.floor(position / period)
        return whole * length + np.minimum(position - whole * period, length)

    half = np.maximum(footprint, 0.01) / 2
    # In double precision, as s grows without end while stripes stay narrow.
    position = s.astype(np.float64)
    share = (covered_until(position + half) - covered_until(position - half)) / (2 * half)
    return share.astype(np.float32)


def _tiled(tile: Floats, u: Floats, s: Floats, period: float) -> Floats:
    rows, columns = tile.shape
    u_map = np.mod(u, period) * (columns / period)
    s_map = np.broadcast_to((np.mod(s, period) * (rows / period))[:, None], u.shape)
    s_map = np.ascontiguousarray(s_map, np.float32)
    return cv2.remap(tile, u_map, s_map, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)


def _fine_grain(rng: np.random.Generator) -> Floats:
    speckle = noise(rng, 512, 512, 1) * 0.5 + noise(rng, 512, 512, 2) * 0.6
    return np.ascontiguousarray(speckle * 0.45 + noise(rng, 512, 512, 8) * 0.2, np.float32)


def _coarse_grain(rng: np.random.Generator) -> Floats:
    """Stains, repairs, cracks and manholes, (1024, 1024) over 32 m."""
    tile = fractal(rng, 1024, 1024, (8, 32, 128)) * 0.22
    for _ in range(7):
        low = rng.integers(0, 850, 2)
        high = low + rng.integers((25, 60), (90, 170))
        tile[low[1] : high[1], low[0] : high[0]] -= rng.uniform(0.25, 0.6)
    for _ in range(22):
        steps = np.cumsum(rng.normal(0, 7, (40, 2)) + rng.normal(0, 5, 2), axis=0)
        path = (rng.uniform(0, 1024, 2) + steps) * 16
        cv2.polylines(tile, [path.astype(np.int32)], False, -1.5, 1, cv2.LINE_8, 4)
    for _ in range(5):
        centre = tuple(int(v) for v in rng.integers(30, 990, 2))
        cv2.circle(tile, centre, 11, -1.3, -1)
        cv2.circle(tile, centre, 9, -0.5, 1)
    return cv2.GaussianBlur(tile, (3, 3), 0.6)


def _classes(u: Floats) -> NDArray[np.uint8]:
    side = np.abs(u)
    ids = np.full(u.shape, SEGMENTATION_CLASSES.index("vegetation"), np.uint8)
    ids[side < FENCE] = SEGMENTATION_CLASSES.index("sidewalk")
    ids[side < KERB] = SEGMENTATION_CLASSES.index("road")
    return ids
