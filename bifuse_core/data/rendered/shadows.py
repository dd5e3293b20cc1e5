# SPDX-License-Identifier: Apache-2.0
"""What things do to the ground around them: shadows, and the warmth below cars."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.buildings import Building
from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.cyclists import Cyclist
from bifuse_core.data.rendered.greenery import Plant
from bifuse_core.data.rendered.people import Person
from bifuse_core.data.rendered.street import Drawable
from bifuse_core.data.rendered.vehicles import Vehicle

_BITS = 4
_FARTHEST = 80.0


def cast(
    view: View, condition: Condition, things: list[Drawable]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw shadows and warm patches on the ground.

    Returns:
        (H, W) uint8 light that is left, of 255, and (H, W) uint8 warmth, tenths of a kelvin.
    """
    shadow = np.full((view.height, view.width), 255, np.uint8)
    warmth = np.zeros((view.height, view.width), np.uint8)
    dark = 255 * (1 - condition.shadow)
    has_sun = sum(condition.sun) > 0
    for thing in things:
        farthest = _FARTHEST if has_sun or isinstance(thing, Vehicle) else _FARTHEST / 2
        if thing.reach[0] - view.s > farthest or thing.reach[1] - view.s < 1:
            continue
        base, height = _base(thing)
        if base is None:
            continue
        if has_sun and isinstance(thing, Plant):
            for leaves in _crown(thing, condition):
                _fill(shadow, view, leaves, dark)
        elif has_sun:
            _fill(shadow, view, _thrown(base, height, condition), dark)
        if isinstance(thing, Vehicle):
            _fill(shadow, view, base, min(dark, 90))
            if thing.moving:
                _fill(warmth, view, base, 55)
        elif not has_sun and not isinstance(thing, Plant | Building):
            _fill(shadow, view, base, dark)
    width = max(int(view.width / 200) | 1, 3)
    shadow = cv2.blur(shadow, (width, width // 2 | 1))
    return shadow, cv2.blur(warmth, (width * 3, width | 1))


def _base(thing: Drawable) -> tuple[Floats | None, float]:
    """The (N, 2) outline (u, s) that a thing stands on, and its height."""
    if isinstance(thing, Vehicle):
        return _rectangle(thing.u, 0.88, *thing.reach), thing.shape.height
    if isinstance(thing, Person):
        return _disc(thing.u, thing.s, 0.2, 0.16), thing.looks.height
    if isinstance(thing, Cyclist):
        return _rectangle(thing.u, 0.2, *thing.reach), 1.6
    if isinstance(thing, Plant):
        wide = thing.width * 0.36
        is_tall = thing.height > 3
        return _disc(thing.u, thing.s, wide, wide) if is_tall else None, thing.height * 0.8
    if isinstance(thing, Building):
        u = thing.side * thing.u
        return _rectangle(u + thing.side * 5, 5, *thing.reach), min(thing.height, 9.0)
    return None, 0.0


def _rectangle(u: float, half: float, begin: float, end: float) -> Floats:
    return np.array(
        [[u - half, begin], [u + half, begin], [u + half, end], [u - half, end]], np.float32
    )


def _disc(u: float, s: float, wide: float, long: float) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.stack([u + wide * np.cos(turn), s + long * np.sin(turn)], -1).astype(np.float32)


def _thrown(base: Floats, height: float, condition: Condition) -> Floats:
    across, up, along = condition.sun_direction
    tip = base - np.array([across, along], np.float32) * np.float32(height / up)
    return np.asarray(cv2.convexHull(np.concatenate([base, tip]))[:, 0], np.float32)


def _crown(tree: Plant, condition: Condition) -> list[Floats]:
    """Patches of shadow under the leaves, and the one of the trunk."""
    across, up, along = condition.sun_direction
    reach = np.array([across, along]) * (-0.7 * tree.height / up)
    trunk = _thrown(_disc(tree.u, tree.s, 0.12, 0.12), 0.6 * tree.height, condition)
    patches = [trunk]
    for index in range(9):
        # The golden angle spreads them evenly.
        turn, radius = 2.4 * index, tree.width * 0.11 * np.sqrt(index)
        u = tree.u + reach[0] + radius * np.cos(turn)
        s = tree.s + reach[1] + radius * np.sin(turn)
        patches.append(_disc(u, s, tree.width * 0.14, tree.width * 0.17))
    return patches


def _fill(picture: NDArray[np.uint8], view: View, outline: Floats, value: float) -> None:
    if outline[:, 1].max() - view.s < 1.5:
        return
    flat = np.stack([outline[:, 0], np.zeros(len(outline)), outline[:, 1]], axis=-1)
    flat[:, 2] = np.maximum(flat[:, 2], view.s + 1.5)
    pixels, _ = view.project(flat.astype(np.float32))
    corners = np.rint(np.clip(pixels - 0.5, -8000, 8000) * (1 << _BITS)).astype(np.int32)
    cv2.fillPoly(picture, [corners], value, cv2.LINE_AA, _BITS)
