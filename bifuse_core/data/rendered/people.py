# SPDX-License-Identifier: Apache-2.0
"""People: a skeleton that walks or pedals, and flesh and clothes around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.canvas import Canvas
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.gait import Pose
from bifuse_core.data.rendered.paint import Paint, Tag, paint, tag

_FARTHEST = 120.0
_TURN = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_TONES = ((1.0, 0.0, 0.52, -1.6), (0.8, -0.14, 0.88, -0.3), (0.5, -0.26, 1.25, 0.7))
_FLAT = ((1.0, 0.0, 0.9, 0.0),)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=-1).astype(np.float32)
_JACKETS = [(28, 30, 36), (44, 48, 58), (30, 44, 74), (96, 36, 34), (120, 112, 98), (64, 72, 58)]
_JACKETS += [(186, 182, 172), (170, 120, 40), (22, 22, 24), (88, 92, 100)]
_TROUSERS = [(26, 28, 34), (40, 52, 82), (58, 52, 46), (20, 20, 22), (92, 88, 80)]
_SKINS = [(222, 178, 150), (196, 148, 118), (142, 98, 72), (98, 66, 50)]
_HAIRS = [(24, 20, 18), (58, 40, 28), (120, 92, 58), (140, 136, 132)]


@dataclass(frozen=True)
class Looks:
    """Size, clothes and warmth of one person.

    Attributes:
        height: Metres.
        build: Girth against the average.
        jacket: What the torso and arms wear.
        trousers: What the legs wear.
        skin: Face and hands.
        hair: Hair or cap.
        shoes: On the feet.
        backpack: Carries one.
    """

    height: float
    build: float
    jacket: Paint
    trousers: Paint
    skin: Paint
    hair: Paint
    shoes: Paint
    backpack: Paint | None


def dress(rng: np.random.Generator, condition: Condition) -> Looks:
    """Make someone up."""

    def pick(colours: list[tuple[int, int, int]], celsius: float) -> Paint:
        return paint(colours[rng.integers(len(colours))], celsius)

    # Clothes follow the air a little; skin does not.
    clothes = 27.0 + 0.12 * (condition.air - 10) + rng.normal(0, 1.0)
    light = condition.shade(np.array([0, 0.1, -1], np.float32))
    return Looks(
        height=float(rng.choice([rng.uniform(1.6, 1.88), rng.uniform(1.15, 1.4)], p=[0.88, 0.12])),
        build=float(rng.uniform(0.9, 1.2)),
        jacket=pick(_JACKETS, clothes).shaded(light),
        trousers=pick(_TROUSERS, clothes + 0.5).shaded(light),
        skin=pick(_SKINS, 33.8 + rng.normal(0, 0.3)).shaded(light),
        hair=pick(_HAIRS, 30.4 + rng.normal(0, 0.5)).shaded(light),
        shoes=paint((30, 28, 28), 0.5 * (clothes + condition.road)).shaded(light),
        backpack=pick(_JACKETS, condition.air + 5).shaded(light) if rng.random() < 0.35 else None,
    )


@dataclass(frozen=True)
class Person:
    """Somebody on or beside the road.

    Attributes:
        instance: Their number in the picture.
        s: Metres along the road.
        u: Metres across it.
        facing: (across, along) unit direction they look.
        pose: What their limbs do.
        looks: What they look like.
    """

    instance: int
    s: float
    u: float
    facing: tuple[float, float]
    pose: Pose
    looks: Looks

    @property
    def reach(self) -> tuple[float, float]:
        """Where they begin and end along the road, metres."""
        return self.s, self.s

    def draw(self, canvas: Canvas, view: View) -> None:
        """Paint them, the far limbs first."""
        if not 1.8 < self.s - view.s < _FARTHEST:
            return
        names = list(self.pose.joints)
        local = np.array([self.pose.joints[name] for name in names]) * self.looks.height
        across, along = self.facing
        world = np.stack(
            [
                self.u + local[:, 0] * along + local[:, 2] * across,
                local[:, 1],
                self.s - local[:, 0] * across + local[:, 2] * along,
            ],
            axis=-1,
        )
        pixels, depth = view.project(world.astype(np.float32))
        if not canvas.shows(pixels):
            return
        place = dict(zip(names, pixels, strict=True))
        size = view.focal / float(depth.mean()) * self.looks.height
        sketch = _Sketch(canvas, place, size, float(depth.mean()), tag("person", self.instance))
        far, near = (
            ("l", "r")
            if world[names.index("hip_l"), 2] > world[names.index("hip_r"), 2]
            else ("r", "l")
        )
        self._body(sketch, far, near)
        canvas.finish(self.instance, np.concatenate([pixels - size * 0.12, pixels + size * 0.12]))

    def _body(self, sketch: _Sketch, far: str, near: str) -> None:
        looks, girth = self.looks, self.looks.build
        if not sketch.is_near:
            sketch.silhouette(looks, girth)
            return
        away = self.facing[1] > 0.3
        pack = looks.backpack
        sketch.arm(far, looks, girth, 0.8)
        sketch.leg(far, looks, girth, 0.78)
        sketch.leg(near, looks, girth, 1.0)
        if pack is not None and not away:
            sketch.hull(("shoulder_l", "shoulder_r"), 0.05 * girth, pack)
        sketch.limb("neck", "head", 0.034, 0.034, looks.skin)
        sketch.torso(looks, girth)
        if pack is not None and away:
            sketch.pack(pack, girth)
        sketch.arm(near, looks, girth, 1.0)
        sketch.head(looks, self.facing)


class _Sketch:
    """Draws rounded parts between the joints of one person on the canvas."""

    def __init__(
        self, canvas: Canvas, place: dict[str, Floats], size: float, depth: float, tag: Tag
    ) -> None:
        self._canvas, self._place, self._size = canvas, place, size
        self._depth, self._tag = depth, tag
        self._tones = _TONES if size > 120 else _TONES[::2] if size > 50 else _FLAT
        self.is_near = size > 34

    def _round(self, spots: list[tuple[Floats, float]], colour: Paint) -> None:
        """Fill the hull of discs, darker and cooler towards its right edge."""
        centres = np.array([spot for spot, _ in spots], np.float32)[:, None]
        radii = np.array([radius for _, radius in spots], np.float32)[:, None, None]
        for part, shift, light, warmer in self._tones:
            discs = centres + radii * (_RING * part + (shift, 0.0))
            outline = cv2.convexHull(discs.reshape(-1, 2).astype(np.float32))[:, 0]
            self._canvas.polygon(outline, colour.shaded(light, warmer), self._depth, self._tag)

    def silhouette(self, looks: Looks, girth: float) -> None:
        for side in "lr":
            self.limb(f"knee_{side}", f"ankle_{side}", 0.036 * girth, 0.03 * girth, looks.trousers)
            self.limb(f"hip_{side}", f"knee_{side}", 0.052 * girth, 0.038 * girth, looks.trousers)
            self.limb(f"shoulder_{side}", f"hand_{side}", 0.034 * girth, 0.026, looks.jacket)
        self.torso(looks, girth)
        self.limb("head", "head", 0.055, 0.055, looks.skin)

    def limb(self, begin: str, end: str, thick: float, thin: float, colour: Paint) -> None:
        size = self._size
        self._round([(self._place[begin], thick * size), (self._place[end], thin * size)], colour)

    def hull(self, joints: tuple[str, ...], radius: float, colour: Paint) -> None:
        self._round([(self._place[joint], radius * self._size) for joint in joints], colour)

    def leg(self, side: str, looks: Looks, girth: float, light: float) -> None:
        cloth, shoes = looks.trousers.shaded(light), looks.shoes.shaded(light)
        self.limb(f"ankle_{side}", f"toe_{side}", 0.026, 0.019, shoes)
        self.limb(
            f"knee_{side}", f"ankle_{side}", 0.036 * girth, 0.026 * girth, cloth.shaded(1, -0.8)
        )
        self.limb(f"hip_{side}", f"knee_{side}", 0.052 * girth, 0.038 * girth, cloth)

    def arm(self, side: str, looks: Looks, girth: float, light: float) -> None:
        cloth = looks.jacket.shaded(light)
        self.limb(f"hand_{side}", f"hand_{side}", 0.023, 0.023, looks.skin.shaded(light, -2.0))
        self.limb(
            f"elbow_{side}", f"hand_{side}", 0.028 * girth, 0.023 * girth, cloth.shaded(1, -0.5)
        )
        self.limb(f"shoulder_{side}", f"elbow_{side}", 0.036 * girth, 0.029 * girth, cloth)

    def torso(self, looks: Looks, girth: float) -> None:
        size = self._size
        spots = [(self._place[f"shoulder_{n}"], 0.036 * girth * size) for n in "lr"]
        spots += [(self._place[f"hip_{n}"], 0.056 * girth * size) for n in "lr"]
        hips = (self._place["hip_l"] + self._place["hip_r"]) * np.float32(0.5)
        middle = (self._place["neck"] + hips) * np.float32(0.5)
        spots.append((middle, 0.07 * girth * size))
        self._round(spots, looks.jacket)

    def pack(self, colour: Paint, girth: float) -> None:
        top = (self._place["shoulder_l"] + self._place["shoulder_r"]) / 2
        low = (self._place["hip_l"] + self._place["hip_r"]) / 2
        size = self._size
        spots = [
            (top + (low - top) * np.float32(0.15), 0.06 * size),
            (top + (low - top) * np.float32(0.65), 0.068 * girth * size),
        ]
        self._round(spots, colour)

    def head(self, looks: Looks, facing: tuple[float, float]) -> None:
        size = self._size
        centre = self._place["head"]
        chin = centre + np.array([0.004 * facing[0], 0.022], np.float32) * size
        self._round([(centre, 0.052 * size), (chin, 0.04 * size)], looks.skin)
        if facing[1] > 0.3:
            crown = centre + np.array([0, -0.004], np.float32) * size
            self._round([(crown, 0.055 * size), (crown, 0.05 * size)], looks.hair)
        else:
            back = centre + np.array([-0.02 * facing[0], -0.026], np.float32) * size
            self._round([(back, 0.047 * size)], looks.hair)
