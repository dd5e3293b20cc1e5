# SPDX-License-Identifier: Apache-2.0
"""Times of day and weather: the light there is, and how warm things are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Condition:
    """Light and warmth of one kind of hour.

    Light is in units of the exposure: a white surface under 1.0 just reaches white.

    Attributes:
        ambient: Light of the sky on everything, linear red, green, blue.
        sun: Light of the sun on what faces it.
        sun_direction: Unit vector (u, y, s) towards the sun.
        shadow: How dark the shadows on the ground are, 0 to 1.
        zenith: Colour of the sky above.
        skyline: Colour of the sky at the horizon.
        lamps: Strength of the street lamps.
        headlights: Strength of the headlights, the own ones included.
        oncoming: How much brighter than that the lights of oncoming cars look.
        windows: Share of windows with light behind.
        fog: Extinction of visible light, per metre.
        infrared_fog: Extinction of thermal radiation, per metre.
        airlight: Colour that fog fades to.
        bloom: Share of the light beyond white that the lens scatters.
        shot_noise: Variance of a pixel of value 1.
        read_noise: Deviation of a black pixel.
        air: Temperature of the air, Celsius, and so on for the following.
        road: Asphalt.
        pavement: Sidewalks.
        wall: Walls in the shade.
        sunlit: What sun adds to a wall that faces it, kelvin.
        foliage: Leaves and grass.
        cold_sky: Sky above.
        warm_sky: Sky at the horizon.
    """

    ambient: Colour
    sun: Colour
    sun_direction: Colour
    shadow: float
    zenith: Colour
    skyline: Colour
    lamps: float
    headlights: float
    oncoming: float
    windows: float
    fog: float
    infrared_fog: float
    airlight: Colour
    bloom: float
    shot_noise: float
    read_noise: float
    air: float
    road: float
    pavement: float
    wall: float
    sunlit: float
    foliage: float
    cold_sky: float
    warm_sky: float

    def shade(self, normal: Floats) -> float:
        """Brightness of a face towards a direction (u, y, s) against one under open sky."""
        ambient, sun = sum(self.ambient), sum(self.sun)
        facing_sun = max(0.0, float(np.dot(normal, self.sun_direction)))
        # Without sun most light comes from above, or from the own headlights behind the camera.
        open_sky = 0.62 + 0.25 * float(normal[1]) - 0.2 * float(normal[2])
        return (ambient * open_sky + sun * facing_sun) / (ambient + 0.6 * sun)


_DAY = Condition(
    ambient=(0.40, 0.46, 0.56),
    sun=(1.15, 1.07, 0.92),
    sun_direction=(-0.55, 0.62, -0.56),
    shadow=0.58,
    zenith=(0.20, 0.40, 0.80),
    skyline=(0.74, 0.83, 0.93),
    lamps=0.0,
    headlights=0.0,
    oncoming=0.0,
    windows=0.0,
    fog=0.0014,
    infrared_fog=0.0006,
    airlight=(0.66, 0.75, 0.86),
    bloom=0.05,
    shot_noise=2.5e-5,
    read_noise=0.0012,
    air=18.0,
    road=25.5,
    pavement=23.5,
    wall=20.5,
    sunlit=6.0,
    foliage=17.6,
    cold_sky=-6.0,
    warm_sky=9.0,
)

_DUSK = Condition(
    ambient=(0.15, 0.155, 0.21),
    sun=(0.0, 0.0, 0.0),
    sun_direction=(0.0, 1.0, 0.0),
    shadow=0.3,
    zenith=(0.05, 0.075, 0.17),
    skyline=(0.50, 0.30, 0.22),
    lamps=1.0,
    headlights=0.7,
    oncoming=1.0,
    windows=0.4,
    fog=0.002,
    infrared_fog=0.0006,
    airlight=(0.23, 0.19, 0.20),
    bloom=0.12,
    shot_noise=1.5e-4,
    read_noise=0.004,
    air=14.0,
    road=19.5,
    pavement=18.0,
    wall=16.5,
    sunlit=0.0,
    foliage=13.6,
    cold_sky=-12.0,
    warm_sky=6.0,
)

_NIGHT = Condition(
    ambient=(0.0048, 0.0056, 0.0085),
    sun=(0.0, 0.0, 0.0),
    sun_direction=(0.0, 1.0, 0.0),
    shadow=0.3,
    zenith=(0.0022, 0.0028, 0.0055),
    skyline=(0.013, 0.011, 0.011),
    lamps=1.15,
    headlights=0.85,
    oncoming=4.0,
    windows=0.22,
    fog=0.0015,
    infrared_fog=0.0006,
    airlight=(0.010, 0.009, 0.009),
    bloom=0.2,
    shot_noise=4e-4,
    read_noise=0.0022,
    air=10.0,
    road=14.2,
    pavement=12.4,
    wall=11.8,
    sunlit=0.0,
    foliage=9.4,
    cold_sky=-11.0,
    warm_sky=4.5,
)


def _changed(base: Condition, **values: float | Colour) -> Condition:
    return Condition(**{**base.__dict__, **values})


_ALL = {
    "day": _DAY,
    "dusk": _DUSK,
    "night": _NIGHT,
    "fog": _changed(
        _DAY,
        ambient=(0.62, 0.64, 0.66),
        sun=(0.0, 0.0, 0.0),
        sun_direction=(0.0, 1.0, 0.0),
        shadow=0.22,
        zenith=(0.58, 0.60, 0.62),
        skyline=(0.58, 0.60, 0.62),
        headlights=0.12,
        oncoming=0.5,
        lamps=0.03,
        windows=0.12,
        fog=0.042,
        infrared_fog=0.006,
        airlight=(0.56, 0.58, 0.60),
        bloom=0.4,
        shot_noise=5e-5,
        air=8.0,
        road=10.6,
        pavement=9.8,
        wall=9.9,
        sunlit=0.0,
        foliage=8.0,
        cold_sky=0.0,
        warm_sky=6.5,
    ),
    "glare": _changed(_NIGHT, oncoming=36.0, bloom=1.2, lamps=0.7, windows=0.15),
}

CONDITIONS = ("day", "dusk", "night", "fog", "glare")


def condition_named(name: str) -> Condition:
    """Look a condition up.

    Args:
        name: One of CONDITIONS.

    Raises:
        ValueError: If there is no such condition.
    """
    if name not in _ALL:
        raise ValueError(f"condition is {name!r}; choose one of {', '.join(CONDITIONS)}")
    return _ALL[name]
