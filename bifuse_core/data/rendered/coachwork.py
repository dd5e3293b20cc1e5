# SPDX-License-Identifier: Apache-2.0
"""The faces of a car: what colour and how warm every part of its body is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.paint import Face, Paint, paint
from bifuse_core.data.rendered.vehicle_shapes import Shape

_CIRCLE = np.linspace(0, 2 * np.pi, 18, endpoint=False, dtype=np.float32)


def _outline(across: Floats | float, up: Floats | float, along: Floats | float) -> Floats:
    """Join coordinates about the middle of the car into (N, 3)."""
    return np.stack(np.broadcast_arrays(across, up, along), axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Coachwork:
    """A body in some colour at some hour.

    Attributes:
        shape: Its form.
        colour: sRGB.
        heading: 1 driving as the camera does, -1 coming towards it.
        moving: Engine, tyres and lamps are on.
        condition: The hour.
    """

    shape: Shape
    colour: tuple[int, int, int]
    heading: int
    moving: bool
    condition: Condition

    def underside(self) -> list[Face]:
        """The dark below it, and tyres from front or rear."""
        hot = self.moving
        dark = Paint((0.006, 0.006, 0.007), self.condition.road + 7.0 * hot)
        tyre = Paint((0.012, 0.012, 0.012), self.condition.air + 1.0 + 13.0 * hot)
        faces: list[Face] = []
        wide, up = np.array([-0.8, 0.8, 0.8, -0.8]), np.array([0.1, 0.1, 0.4, 0.4])
        # From far to near as seen from the camera.
        for end in (self.heading, -self.heading):
            faces.append((_outline(wide, up, end * (self.shape.length / 2 - 0.6)), dark))
            for side in (-1, 1):
                across = side * np.array([0.64, 0.85, 0.85, 0.64])
                up_tyre = np.array([0, 0, 0.36, 0.36])
                faces.append((_outline(across, up_tyre, end * (self.shape.axle + 0.3)), tyre))
        return faces

    def flank(self, side: int, is_fine: bool) -> list[Face]:
        """The side that shows: -1 its left, 1 its right."""
        normal = np.array([side * self.heading, 0.0, 0.0], np.float32)
        air, hot, shape = self.condition.air, self.moving, self.shape
        body = self._paint("body", normal)
        sill, lit, middle = body.shaded(0.66, 0.6 * hot), body.shaded(1.12), body.shaded(0.96)
        faces: list[Face] = []

        def add(profile: Floats, colour: Paint) -> None:
            faces.append((_outline(side * profile[:, 2], profile[:, 1], profile[:, 0]), colour))

        add(shape.lower_side, sill)
        add(shape.upper_side, middle)
        add(shape.shoulder, lit)
        add(shape.cabin_side, body.shaded(0.9))
        glass = self._paint("glass", normal).shaded(1.3)
        for pane in shape.panes:
            add(pane, glass)
        if is_fine:
            for along in shape.doors:
                line = np.array([along, along + 0.03, along + 0.03, along])
                up = np.array([0.3, 0.3, 0.92, 0.92])
                faces.append((_outline(side * 0.905, up, line), body.shaded(0.45)))
                handle = np.array([along - 0.3, along - 0.12, along - 0.12, along - 0.3])
                up = np.array([0.82, 0.82, 0.85, 0.85])
                faces.append((_outline(side * 0.91, up, handle), body.shaded(0.6)))
        rings = (
            (0.41, Paint((0.008, 0.008, 0.008), air + 1.0 + 9.0 * hot)),
            (0.335, Paint((0.014, 0.014, 0.014), air + 0.6 + 15.0 * hot)),
            (0.215, Paint((0.22, 0.22, 0.23), air + 0.2 + 19.0 * hot)),
            (0.075, Paint((0.05, 0.05, 0.05), air + 0.4 + 24.0 * hot)),
        )
        for along in (-shape.axle, shape.axle):
            for radius, colour in rings if is_fine else rings[1:3]:
                up = np.maximum(0.335 + radius * np.sin(_CIRCLE), 0.0)
                faces.append(
                    (
                        _outline(
                            side * 0.91,
                            up,
                            np.asarray(along + radius * np.cos(_CIRCLE), np.float32),
                        ),
                        colour,
                    )
                )
        if is_fine:
            mirror = np.array([0.86, 1.06, 1.06, 0.86]) * side
            up = np.array([0.98, 0.98, 1.12, 1.12])
            faces.append((_outline(mirror, up, shape.mirror), body.shaded(0.5, -0.5)))
        return faces

    def shell(self, is_fine: bool) -> list[Face]:
        """The strips across the car, from bumper over roof to bumper."""
        profile = self.shape.profile
        faces: list[Face] = []
        for index, part in enumerate(self.shape.parts):
            (l0, y0, w0), (l1, y1, w1) = profile[index], profile[index + 1]
            length = float(np.hypot(l1 - l0, y1 - y0))
            rise = -self.heading * (y1 - y0) / length
            normal = np.array([0, (l1 - l0) / length, rise], np.float32)
            across, up = np.array([-w0, w0, w1, -w1]), np.array([y0, y0, y1, y1])
            strip = _outline(across, up, np.array([l0, l0, l1, l1]))
            if part == "glass":
                frame = self._paint("body", np.array([0, 0.4, -0.8], np.float32)).shaded(0.85)
                faces.append((strip, frame))
                centre = strip.mean(axis=0)
                strip = centre + (strip - centre) * np.float32(0.9)
            faces.append((strip, self._paint(part, normal)))
            if part == "glass" and is_fine:
                top = strip.copy()
                top[:2] = 0.45 * strip[:2] + 0.55 * strip[[3, 2]]
                # The upper half mirrors more sky.
                faces.append((top, self._paint(part, normal).shaded(2.4, -0.7)))
        # Far ones first: what faces away is then painted over.
        return sorted(faces, key=lambda face: -self.heading * float(face[0][:, 2].max()))

    def end(self, is_fine: bool, plate: int) -> list[Face]:
        """Lamps, plate and grille of the end that faces the camera."""
        end = self.shape.rear if self.heading > 0 else self.shape.front
        faces: list[Face] = []
        for detail in end.details(self.condition, self.moving, is_fine, plate):
            for mirror in (-1, 1) if detail.paired else (1,):
                across = mirror * detail.outline[:, 0]
                faces.append((_outline(across, detail.outline[:, 1], end.along), detail.paint))
        return faces

    def _paint(self, part: str, normal: Floats) -> Paint:
        condition, air, hot = self.condition, self.condition.air, self.moving
        shade = condition.shade(normal)
        sun = max(0.0, float(np.dot(normal, condition.sun_direction)))
        darkness = 1 - sum(self.colour) / 765
        # Smooth paint and glass mirror a part of the cold sky.
        mirrored = 0.07 * max(0.0, float(normal[1])) * (condition.cold_sky - air)
        body = air - 0.8 + mirrored + sun * condition.sunlit * (0.6 + 1.6 * darkness)
        if part == "body":
            return paint(self.colour, body + 1.2 * hot).shaded(shade)
        if part == "bonnet":
            return paint(self.colour, body + 8.5 * hot).shaded(shade)
        if part == "nose":
            return paint(self.colour, body + 6.0 * hot).shaded(shade)
        if part == "glass":
            sky = max(0.0, float(normal[1])) * 0.16 * float(np.mean(condition.zenith))
            sky /= max(float(np.mean(condition.ambient)), 1e-3)
            tint = 0.018 + 0.4 * sky
            return Paint((tint * 0.9, tint, tint * 1.1), air - 1.8 + mirrored + 3.4 * hot)
        return paint((34, 34, 36), air + 0.2 + 3.0 * hot).shaded(shade)
