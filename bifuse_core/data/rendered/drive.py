# SPDX-License-Identifier: Apache-2.0
"""The drive itself: from a time to a pair of pictures with labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.classes import SEGMENTATION_CLASSES
from bifuse_core.data.rendered.annotation import annotation_of, mask_of, sky_share
from bifuse_core.data.rendered.buildings import Building
from bifuse_core.data.rendered.camera import FARTHEST, Course, View
from bifuse_core.data.rendered.canvas import SUPERSAMPLING, Canvas
from bifuse_core.data.rendered.colour_camera import ColourCamera
from bifuse_core.data.rendered.conditions import condition_named
from bifuse_core.data.rendered.ground import Ground
from bifuse_core.data.rendered.lighting import Lighting
from bifuse_core.data.rendered.shadows import cast
from bifuse_core.data.rendered.sky import Sky
from bifuse_core.data.rendered.street import Drawable, Street
from bifuse_core.data.rendered.thermal_camera import ThermalCamera
from bifuse_core.data.rendered.traffic import EGO_U, Traffic

_SKY = SEGMENTATION_CLASSES.index("sky")
_VEGETATION = SEGMENTATION_CLASSES.index("vegetation")
_SMALLEST, _LARGEST = 64, 4096


@dataclass(frozen=True)
class RenderedFrame:
    """One moment, in both spectra, with its labels.

    Attributes:
        rgb: (H, W, 3) uint8, red first.
        thermal: (H, W) uint16, centikelvin: 29315 is 20 degrees Celsius. Aligned with rgb.
        boxes: (N, 4) float32, left, top, right, bottom in pixels, around what is visible.
        labels: (N,) int64, indices in DETECTION_CLASSES.
        ignore: (M, 4) float32, objects that are mostly hidden or too small to be labelled.
        mask: (H, W) uint8, indices in SEGMENTATION_CLASSES, or UNLABELLED.
    """

    rgb: NDArray[np.uint8]
    thermal: NDArray[np.uint16]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]
    mask: NDArray[np.uint8]


class RenderedDrive:
    """An endless drive down a street.

    Args:
        seed: Decides the street, the traffic and the noise; 0 and up.
        condition: One of CONDITIONS. glare is a night with oncoming lights that dazzle.
        width: Picture width, 64 to 4096 pixels.
        height: Picture height, 64 to 4096 pixels.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(
        self, seed: int = 0, *, condition: str = "night", width: int = 640, height: int = 480
    ) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}; choose 0 or more")
        for name, size in (("width", width), ("height", height)):
            if not _SMALLEST <= size <= _LARGEST:
                raise ValueError(f"{name} is {size}; choose {_SMALLEST} to {_LARGEST} pixels")
        self._condition = condition_named(condition)
        self._seed, self._width, self._height = seed, width, height
        rng = np.random.default_rng((seed, 0))
        self._course = Course(rng)
        self._sky = Sky(rng, self._condition, width, height)
        self._ground = Ground(rng, self._condition)
        self._street = Street(seed, self._condition)
        self._traffic = Traffic(seed, self._condition)
        self._lighting = Lighting(self._condition, self._sky.light)
        self._colour_camera = ColourCamera(rng, self._condition, width, height)
        self._thermal_camera = ThermalCamera(rng, self._condition, width, height)

    def frame(self, time: float) -> RenderedFrame:
        """Render one moment.

        Args:
            time: Seconds since the start, 0 or more. The same time gives the same frame.

        Raises:
            ValueError: If time is negative or not finite.
        """
        if not (math.isfinite(time) and time >= 0):
            raise ValueError(f"time is {time}; choose 0 or more seconds")
        view = self._view(time)
        cars = self._traffic.vehicles(time)
        things: list[Drawable] = [*self._street.around(view.s), *cars]
        things += [*self._traffic.cyclists(time), *self._traffic.pedestrians(time)]
        canvas = self._backdrop(view, things)
        fine_view = view.supersampled(SUPERSAMPLING)
        for thing in sorted(things, key=_painted_at, reverse=True):
            thing.draw(canvas, fine_view)
        return self._develop(view, canvas, time)

    def _view(self, time: float) -> View:
        s = self._traffic.ego(time)
        sway = 0.06 * math.sin(0.5 * time + self._seed)
        # The car rides on springs.
        pitch = 0.0011 * math.sin(5.1 * time) + 0.0008 * math.sin(8.3 * time + 1)
        return View(self._width, self._height, self._course, s, EGO_U + sway, pitch)

    def _backdrop(self, view: View, things: list[Drawable]) -> Canvas:
        surface = np.empty((view.height, view.width, 4), np.uint16)
        shadow, warmth = cast(view, self._condition, things)
        ground = self._ground.draw(view, shadow, warmth)
        surface[ground.top :] = ground.surface
        surface[: ground.top], opened = self._sky.draw(view, ground.top)
        optics = np.zeros((view.height, view.width, 4), np.uint16)
        optics[: ground.top, :, 0] = np.where(opened, int(FARTHEST * 100), int(FARTHEST * 50))
        optics[: ground.top, :, 3] = np.where(opened, _SKY, _VEGETATION)
        optics[ground.top :, :, 0] = (np.minimum(ground.depth, FARTHEST) * 100)[:, None]
        optics[ground.top :, :, 3] = ground.mask
        size = (view.width * SUPERSAMPLING, view.height * SUPERSAMPLING)
        return Canvas(
            cv2.resize(surface, size, interpolation=cv2.INTER_NEAREST),
            cv2.resize(optics, size, interpolation=cv2.INTER_NEAREST),
        )

    def _develop(self, view: View, canvas: Canvas, time: float) -> RenderedFrame:
        size = (view.width, view.height)
        surface = cv2.resize(canvas.surface, size, interpolation=cv2.INTER_AREA)
        optics = cv2.resize(canvas.optics, size, interpolation=cv2.INTER_AREA)
        planes, optics_planes = list(cv2.split(surface)), list(cv2.split(optics))
        mask = mask_of(canvas)
        sky = sky_share(canvas)
        cars = self._traffic.vehicles(time)
        light = self._lighting.shine(view, planes, optics_planes, sky, cars)
        rng = np.random.default_rng((self._seed, int(round(time * 1e6))))
        rgb = self._colour_camera.expose(light, rng)
        depth = optics_planes[0].astype(np.float32) * np.float32(0.01)
        depth *= 1 - sky
        thermal = self._thermal_camera.expose(planes[3].astype(np.float32), depth, rng)
        boxes, labels, ignore = annotation_of(canvas)
        return RenderedFrame(rgb, thermal, boxes, labels, ignore, mask)


def _painted_at(thing: Drawable) -> float:
    """Houses stand behind all that is beside them."""
    return thing.reach[1] if isinstance(thing, Building) else thing.reach[0]
