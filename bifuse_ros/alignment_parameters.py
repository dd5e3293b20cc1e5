# SPDX-License-Identifier: Apache-2.0
"""The parameters of the fusion node that say how its cameras lie."""

from __future__ import annotations

from typing import get_args

from bifuse_core.imaging.alignment.settings import AlignmentSettings, Method
from bifuse_ros.parameters import Declared

_DEFAULT = AlignmentSettings()

ALIGNMENT_PARAMETERS = (
    Declared(
        "alignment.method",
        _DEFAULT.method,
        "what brings the other camera into the grid of the reference",
        choices=get_args(Method),
        live=True,
    ),
    Declared(
        "alignment.homography",
        [*_DEFAULT.homography],
        "maps pixels of the reference to pixels of the other camera, row by row",
        live=True,
    ),
    Declared(
        "alignment.translation",
        [*_DEFAULT.translation],
        "position of the other camera in the optical frame of the reference, x y z, m",
        live=True,
    ),
    Declared(
        "alignment.rotation",
        [*_DEFAULT.rotation],
        "roll, pitch, yaw of the other camera's optical frame in that of the reference, rad",
        live=True,
    ),
    Declared(
        "alignment.distance",
        _DEFAULT.distance,
        "from the reference to the plane that is aligned exactly, m",
        (0.1, 1e5),
        live=True,
    ),
)
