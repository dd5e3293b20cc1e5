# SPDX-License-Identifier: Apache-2.0
"""What the renderer paints on: surfaces, not light.

Things are painted far to near at twice the picture's resolution, without regard to lamps or
weather. Light, fog and the two cameras come afterwards, once for every pixel.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import FARTHEST, Floats, View
from bifuse_core.data.rendered.paint import Mesh, Paint, Tag
from bifuse_core.data.rendered.texture import Texture

SUPERSAMPLING = 2
_SUBPIXEL_BITS = 4
_BRIGHT = 10.0


class Canvas:
    """Surfaces seen through every pixel.

    Attributes:
        surface: (H, W, 4) uint16: reflectance red, green, blue x 60000; temperature, centikelvin.
        optics: (H, W, 4) uint16: depth, centimetres; own light x 20; instance; mask class.
        areas: Pixels that each instance covered when painted, before others hid it.
    """

    def __init__(self, surface: NDArray[np.uint16], optics: NDArray[np.uint16]) -> None:
        self.surface = surface
        self.optics = optics
        self.areas: dict[int, int] = {}
        self.extents: dict[int, tuple[int, int, int, int]] = {}
        self.height, self.width = surface.shape[:2]

    def mesh(self, view: View, points: Floats, mesh: Mesh, tag: Tag, shine: float = 1.0) -> Floats:
        """Fill the polygons of a thing.

        Args:
            view: The camera at the canvas's resolution.
            points: (M, 3) road coordinates of the points of the mesh.
            mesh: What they belong to.
            tag: Whose pixels these are.
            shine: What its own light is multiplied by.

        Returns:
            (M, 2) pixel positions of all points.
        """
        pixels, depth = view.project(points)
        if not self.shows(pixels):
            return pixels
        corners, depths = _fixed_point(pixels), depth.tolist()
        for begin, end, paint in mesh.parts:
            self._fill([corners[begin:end]], paint, depths[begin], tag, shine)
        return pixels

    def shows(self, pixels: Floats) -> bool:
        """Whether something with these (N, 2) corners can be in the picture."""
        (x0, y0), (x1, y1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        return bool(x1 > 0 and y1 > 0 and x0 < self.width and y0 < self.height)

    def polygon(self, points: Floats, paint: Paint, depth: float, tag: Tag) -> None:
        """Fill a polygon given by (N, 2) pixel positions."""
        self._fill([_fixed_point(points)], paint, depth, tag)

    def ring(self, points: Floats, radius: float, paint: Paint, depth: float, tag: Tag) -> None:
        """Draw a closed line of a radius in pixels around (N, 2) positions, however thin a loop."""
        middle = points.mean(axis=0)
        away = points - middle
        outer = middle + away + np.sign(away) * radius
        inner = middle + np.sign(away) * np.maximum(np.abs(away) - radius, 0)
        lines = [_fixed_point(outer), _fixed_point(inner)]
        self._fill(lines, paint, depth, tag)

    def stroke(self, ends: Floats, radius: float, paint: Paint, depth: float, tag: Tag) -> None:
        """Draw a straight bar of a radius in pixels between (2, 2) positions."""
        along = ends[1] - ends[0]
        length = max(float(np.hypot(*along)), 1e-3)
        aside = np.array([-along[1], along[0]], np.float32) * (radius / length)
        corners = np.stack([ends[0] + aside, ends[1] + aside, ends[1] - aside, ends[0] - aside])
        self.polygon(corners, paint, depth, tag)

    def _fill(
        self,
        outline: list[NDArray[np.int32]],
        paint: Paint,
        depth: float,
        tag: Tag,
        shine: float = 1.0,
    ) -> None:
        glow = paint.glow_stored * shine
        if paint.glow > _BRIGHT:
            glow *= _true_share(outline[0])
        optics = (min(depth, FARTHEST) * 100, glow, tag.instance, tag.mask_id)
        cv2.fillPoly(self.surface, outline, paint.stored, cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.fillPoly(self.optics, outline, optics, cv2.LINE_8, _SUBPIXEL_BITS)

    def sprite(
        self, texture: Texture, box: tuple[float, float, float, float], depth: float, tag: Tag
    ) -> None:
        """Paint an upright texture into box = (left, top, right, bottom), pixels."""
        left, top, right, bottom = box
        window = self._window(left, top, right, bottom)
        if window is None:
            return
        x0, y0, x1, y1 = window
        texture = texture.fitting(right - left, bottom - top)
        rows, columns = texture.alpha.shape
        across, down = (right - left) / columns, (bottom - top) / rows
        warp = np.array([[across, 0, left - x0], [0, down, top - y0]])
        size = (x1 - x0, y1 - y0)
        flags = cv2.INTER_LINEAR if max(across, down) > 1.3 else cv2.INTER_NEAREST
        edge = cv2.BORDER_REPLICATE
        surface = cv2.warpAffine(texture.surface, warp, size, flags=flags, borderMode=edge)
        opaque = cv2.compare(
            cv2.warpAffine(texture.alpha, warp, size, flags=flags), 127, cv2.CMP_GT
        )
        optics = _uniform(size, depth, tag)
        cv2.copyTo(surface, opaque, self.surface[y0:y1, x0:x1])
        cv2.copyTo(optics, opaque, self.optics[y0:y1, x0:x1])

    def quad(
        self,
        texture: Texture,
        corners: Floats,
        depths: tuple[float, float],
        tag: Tag,
        hidden: float = 0.0,
    ) -> None:
        """Paint a texture without holes in perspective.

        Args:
            texture: What to paint.
            corners: (4, 2) pixel positions of its top left, top right, bottom right, bottom left.
            depths: Metres at its left and right edge.
            tag: Whose pixels these are.
            hidden: Share of the texture, from its left edge, to leave out.
        """
        low, high = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        window = self._window(*low, *high)
        if window is None:
            return
        x0, y0, x1, y1 = window
        texture = texture.fitting((high[0] - low[0]) / (1 - hidden), high[1] - low[1])
        rows, columns = texture.alpha.shape
        left = hidden * columns
        source = np.array([[left, 0], [columns, 0], [columns, rows], [left, rows]], np.float32)
        target = corners - np.array([x0, y0], np.float32)
        warp = cv2.getPerspectiveTransform(source, target)
        size = (x1 - x0, y1 - y0)
        flags, edge = cv2.INTER_NEAREST, cv2.BORDER_REPLICATE
        surface = cv2.warpPerspective(texture.surface, warp, size, flags=flags, borderMode=edge)
        opaque = np.zeros((size[1], size[0]), np.uint8)
        cv2.fillConvexPoly(opaque, _fixed_point(target), 255, cv2.LINE_8, _SUBPIXEL_BITS)
        optics = _uniform(size, depths[0], tag)
        if depths[0] != depths[1]:
            # Inverse depth is what runs evenly across the picture.
            left, right = float(corners[0, 0]), float(corners[1, 0])
            slope = (1 / depths[1] - 1 / depths[0]) / (right - left or 1.0)
            inverse = 1 / depths[0] + (np.arange(x0, x1) - left) * slope
            metres = np.clip(1 / np.maximum(inverse, 1e-4), min(depths), min(max(depths), FARTHEST))
            optics[..., 0] = (metres * 100).astype(np.uint16)
        if texture.glow is not None:
            optics[..., 1] = cv2.warpPerspective(texture.glow, warp, size, flags=flags)
        cv2.copyTo(surface, opaque, self.surface[y0:y1, x0:x1])
        cv2.copyTo(optics, opaque, self.optics[y0:y1, x0:x1])

    def _window(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[int, int, int, int] | None:
        """Whole pixels of the canvas that a rectangle touches."""
        x0, y0 = max(math.floor(left), 0), max(math.floor(top), 0)
        x1, y1 = min(math.ceil(right), self.width), min(math.ceil(bottom), self.height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def finish(self, instance: int, points: Floats) -> None:
        """Note how much of an object there is to see, right after painting it.

        Args:
            instance: Its number.
            points: (N, 2) pixel positions that enclose it.
        """
        step = SUPERSAMPLING
        low = np.clip(np.floor(points.min(axis=0)) - 2 * step, 0, (self.width, self.height))
        high = np.clip(np.ceil(points.max(axis=0)) + 2 * step, 0, (self.width, self.height))
        x0, y0 = (low // step).astype(int)
        x1, y1 = (high // step).astype(int)
        if x1 <= x0 or y1 <= y0:
            return
        window = self.optics[y0 * step : y1 * step : step, x0 * step : x1 * step : step, 2]
        self.areas[instance] = int(np.count_nonzero(window == instance))
        self.extents[instance] = (int(x0), int(y0), int(x1), int(y1))


def _fixed_point(pixels: Floats) -> NDArray[np.int32]:
    # Corners far outside would overflow in OpenCV.
    return np.rint(np.clip(pixels - 0.5, -8000, 8000) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _true_share(corners: NDArray[np.int32]) -> float:
    """Area of a polygon over the pixels it fills, by which small lamps would flicker."""
    origin = corners.min(axis=0) >> _SUBPIXEL_BITS
    columns, rows = ((corners.max(axis=0) >> _SUBPIXEL_BITS) - origin + 2).tolist()
    if columns * rows > 10000:
        return 1.0
    patch = np.zeros((rows, columns), np.uint8)
    moved = corners - (origin << _SUBPIXEL_BITS)
    cv2.fillPoly(patch, [moved], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    area = cv2.contourArea(moved.astype(np.float32)) / (1 << 2 * _SUBPIXEL_BITS)
    return float(area) / max(cv2.countNonZero(patch), 1)


def _uniform(size: tuple[int, int], depth: float, tag: Tag) -> NDArray[np.uint16]:
    """Optics of a patch of (width, height) that does not glow."""
    pixel = np.array([min(depth, FARTHEST) * 100, 0, tag.instance, tag.mask_id], np.uint16)
    # Eight bytes at once are filled several times faster than four times two.
    whole = np.full(size[::-1], pixel.view(np.uint64)[0], np.uint64)
    return whole.view(np.uint16).reshape(size[1], size[0], 4)
