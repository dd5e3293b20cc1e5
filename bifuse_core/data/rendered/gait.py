# SPDX-License-Identifier: Apache-2.0
"""How people hold and move their limbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifuse_core.data.rendered.camera import Floats


@dataclass(frozen=True)
class Pose:
    """Joints of a body of unit height, in its own (right, up, forward) directions.

    Attributes:
        joints: Name to (3,) position. Paired joints end in _l and _r.
    """

    joints: dict[str, Floats]


def walking(phase: float, stride: float = 1.0) -> Pose:
    """The pose at a phase of the gait, radians; stride 0 stands still."""
    joints: dict[str, Floats] = {}
    lowest = 0.0
    for name, side, turn in (("l", -1, phase), ("r", 1, phase + np.pi)):
        thigh = 0.48 * stride * np.sin(turn) + 0.04
        shin = thigh - stride * (0.14 + 0.78 * max(0.0, np.cos(turn)) ** 1.5)
        hip = np.array([side * 0.052, 0.52, 0.0])
        knee = hip + 0.245 * np.array([0, -np.cos(thigh), np.sin(thigh)])
        ankle = knee + 0.235 * np.array([0, -np.cos(shin), np.sin(shin)])
        tilt = max(-0.5, shin * 0.7)
        toe = ankle + 0.095 * np.array([0, np.sin(tilt) - 0.22, np.cos(tilt)])
        upper = -0.42 * stride * np.sin(turn)
        lower = upper + 0.18 + 0.3 * stride * max(0.0, float(np.sin(upper * 2)) + 0.5)
        shoulder = np.array([side * 0.105, 0.815, 0.0])
        elbow = shoulder + 0.165 * np.array([side * 0.16, -np.cos(upper), np.sin(upper)])
        hand = elbow + 0.16 * np.array([side * 0.02, -np.cos(lower), np.sin(lower)])
        for joint, place in zip(
            ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "hand"),
            (hip, knee, ankle, toe, shoulder, elbow, hand),
            strict=True,
        ):
            joints[f"{joint}_{name}"] = place
        lowest = min(lowest, float(toe[1]), float(ankle[1]) - 0.03)
    joints["neck"] = np.array([0, 0.84, 0.0])
    joints["head"] = np.array([0, 0.93, 0.015])
    drop = np.array(
        [0, min(float(joints[f"{j}_{n}"][1]) for j in ("ankle", "toe") for n in "lr") - 0.03, 0]
    )
    return Pose({name: (place - drop).astype(np.float32) for name, place in joints.items()})
