# SPDX-License-Identifier: Apache-2.0
"""How much light falls on every pixel: sky, street lamps, own and oncoming headlights."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import CAMERA_HEIGHT, FARTHEST, Floats, View
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.furniture import LAMP_ARM, LAMP_HEIGHT, LAMP_SPACING, LAMP_U
from bifuse_core.data.rendered.paint import GLOW_SCALE
from bifuse_core.data.rendered.texture import ALBEDO_SCALE
from bifuse_core.data.rendered.vehicles import Vehicle

_LAMP_TINT = np.array([1.0, 0.72, 0.42], np.float32)
_HEADLIGHT_TINT = np.array([0.95, 0.97, 1.0], np.float32)
_TAIL_TINT = np.array([1.0, 0.06, 0.03], np.float32)
_REACH, _TEXEL = 26.0, 0.25


class Lighting:
    """Turns surfaces into light that arrives at the lens."""

    def __init__(self, condition: Condition, sky_light: float) -> None:
        self._condition = condition
        self._sky_light = sky_light
        self._lamps = _lamp_table()

    def shine(
        self,
        view: View,
        surface: list[NDArray[np.uint16]],
        optics: list[NDArray[np.uint16]],
        sky: Floats,
        cars: list[Vehicle],
    ) -> list[Floats]:
        """Light the scene.

        Args:
            view: The camera, at the picture's resolution.
            surface: The four (H, W) planes of Canvas.surface.
            optics: The four planes of Canvas.optics.
            sky: (H, W) float32, share of each pixel that is open sky.
            cars: Moving cars, whose headlights shine on the road.

        Returns:
            Three (H, W) float32 planes of light; 1 is about white.
        """
        condition = self._condition
        depth = optics[0].astype(np.float32) * np.float32(0.01)
        falling = self._irradiance(view, depth, cars)
        glow = optics[1].astype(np.float32) * np.float32(1 / GLOW_SCALE)
        land = 1 - sky
        # Pixels on an outline against the sky hold a mean of both depths.
        near = (depth - sky * np.float32(FARTHEST)) / np.maximum(land, np.float32(0.2))
        clear = cv2.exp(np.maximum(near, 0) * np.float32(-condition.fog)) * land + sky
        from_sky = sky * np.float32(self._sky_light)
        planes = []
        for channel in range(3):
            light = (falling[channel] + glow) * land + from_sky
            light = cv2.multiply(surface[channel], light, None, 1 / ALBEDO_SCALE, cv2.CV_32F)
            airlight = np.float32(condition.airlight[channel])
            planes.append((light - airlight) * clear + airlight)
        return planes

    def _irradiance(self, view: View, depth: Floats, cars: list[Vehicle]) -> list[Floats]:
        condition = self._condition
        ambient = np.array(condition.ambient, np.float32)
        # The shade of faces towards the sun is painted on already; see Condition.shade.
        plain = ambient + np.array(condition.sun, np.float32) * np.float32(0.6)
        if condition.headlights == 0 and condition.lamps == 0:
            return [np.full_like(depth, value) for value in plain]
        size = (view.width // 2, view.height // 2)
        z = cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR)
        x = (np.arange(size[0], dtype=np.float32) * 2 + 1 - view.width / 2) / view.focal
        y = (np.arange(size[1], dtype=np.float32) * 2 + 1 - view.horizon)[:, None] / view.focal
        u = x * z + np.float32(view.u) - view.bend(z)
        height = CAMERA_HEIGHT - y * z
        own = condition.headlights * _own_beam(x, y, z)
        behind = np.zeros_like(own)
        for car in cars:
            ahead = car.heading * (np.float32(view.s - car.s) + z) - np.float32(
                car.shape.length / 2
            )
            aside = u - np.float32(car.u)
            if car.heading < 0 and car.s - view.s < 90:
                own += 1.1 * condition.headlights * _beam(ahead, aside, height)
            elif car.heading > 0:
                behind += 0.10 * condition.headlights * _beam(-ahead - 4.4, aside, height)
        lamps = np.zeros_like(own)
        if condition.lamps > 0:
            lamps = condition.lamps * self._lamp_light(view.s, u, z, height)
        planes = []
        for channel in range(3):
            total = own * _HEADLIGHT_TINT[channel] + behind * _TAIL_TINT[channel]
            total += lamps * _LAMP_TINT[channel] + plain[channel]
            full = (view.width, view.height)
            planes.append(cv2.resize(total, full, interpolation=cv2.INTER_LINEAR))
        return planes

    def _lamp_light(self, s: float, u: Floats, z: Floats, height: Floats) -> Floats:
        along = np.mod(z + np.float32(s % LAMP_SPACING), np.float32(LAMP_SPACING))
        pools = cv2.remap(
            self._lamps,
            (u + np.float32(_REACH)) / np.float32(_TEXEL),
            along / np.float32(_TEXEL),
            cv2.INTER_LINEAR,
            None,
            cv2.BORDER_REPLICATE,
        )
        # Lamps shine downwards, and house fronts above them stay dark.
        return pools * np.clip(1.3 - height / LAMP_HEIGHT, 0.12, 1)


def _lamp_table() -> Floats:
    """Light on the ground over (s, u) within one lamp spacing, 1 right below a lamp."""
    u = np.arange(-_REACH, _REACH, _TEXEL, dtype=np.float32)
    s = np.arange(0, LAMP_SPACING + _TEXEL, _TEXEL, dtype=np.float32)[:, None]
    total = np.zeros((s.shape[0], u.shape[0]), np.float32)
    for number in range(-2, 5):
        side = 1 if number % 2 == 0 else -1
        place = number * LAMP_SPACING / 2
        squared = (s - place) ** 2 + (u - side * (LAMP_U - LAMP_ARM)) ** 2
        total += (1 + squared / LAMP_HEIGHT**2) ** -2.8
    return total


def _own_beam(x: Floats, y: Floats, z: Floats) -> Floats:
    """Dipped headlights: wide near the ground, cut off at the horizon, further on the right."""
    cut = 0.5 - (y - 0.012 + 0.05 * np.clip(x, 0, 0.2)) * 28
    vertical = np.exp(-((np.maximum(y - 0.03, 0) / 0.26) ** 2)) / (
        1 + np.exp(np.minimum(cut * 3, 30))
    )
    hot_spot = 0.55 * np.exp(-((x / 0.13) ** 2)) + 0.45 * np.exp(-((x / 0.34) ** 2))
    # Right before the bumper the beams have not met the road yet.
    reach = np.square(z / 5.0) / (1 + np.square(z / 5.0)) * 3.2 / (1 + (z / 12.0) ** 2)
    return np.asarray((vertical + 0.05) * hot_spot * reach, np.float32)


def _beam(ahead: Floats, aside: Floats, height: Floats) -> Floats:
    width = np.float32(0.9) + np.float32(0.22) * np.maximum(ahead, 0)
    spread = cv2.exp(-np.square(aside / width)) * np.clip(1.4 - height, 0.1, 1)
    spread *= ahead > -0.3
    return np.asarray(spread / (1 + np.square(ahead / np.float32(7.0))), np.float32)
