# SPDX-License-Identifier: Apache-2.0
"""Two cameras, and how they lie: from their pictures to two in the grid of the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.alignment.aligner import Aligner
from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.methods import (
    Alignment,
    CalibratedAlignment,
    HomographyAlignment,
)
from bifuse_core.imaging.alignment.settings import AlignmentSettings


class InOneGrid(NamedTuple):
    """What both cameras took at one moment, in the grid of the reference."""

    thermal: NDArray[Any]
    """(H, W) as the camera gave it; warped, its border goes on beyond what it sees."""
    rgb: NDArray[np.uint8]
    """(H, W, 3), likewise."""
    valid: NDArray[np.uint8] | None
    """(H, W), 255 where the other camera sees something, else 0; None: everywhere."""


class Rig:
    """Brings the picture of the other camera into the grid; for use by one thread at a time.

    Args:
        settings: how the cameras lie.
        reference: `rgb` or `thermal`, whose grid it is.
        camera: called with `thermal` or `rgb`, returns what is known of that camera now; asked only
            by the method `calibrated`.

    Attributes:
        settings: as above; may be exchanged by any thread.
        reference: as above.
    """

    def __init__(
        self, settings: AlignmentSettings, reference: str, camera: Callable[[str], Camera]
    ) -> None:
        self.settings, self.reference = settings, reference
        self._camera, self._align = camera, Aligner()

    def __call__(self, thermal: NDArray[Any], rgb: NDArray[np.uint8]) -> InOneGrid:
        """Align one pair; without an alignment it stays as it is.

        Args:
            thermal: (h, w) as the camera gives it.
            rgb: (h', w', 3) uint8 red, green, blue.

        Raises:
            ValueError: a camera is not known, or is not the one that takes the pictures.
        """
        alignment = self._alignment()
        if alignment is None:
            return InOneGrid(thermal, rgb, None)
        if self.reference == "rgb":
            thermal, valid = self._align(alignment, thermal, rgb.shape[:2])
        else:
            rgb, valid = self._align(alignment, rgb, (thermal.shape[0], thermal.shape[1]))
        return InOneGrid(thermal, rgb, None if valid.all() else valid)

    def _alignment(self) -> Alignment | None:
        settings = self.settings
        if settings.method == "homography":
            return HomographyAlignment(tuple(settings.homography))
        if settings.method == "calibrated":
            other = "thermal" if self.reference == "rgb" else "rgb"
            return CalibratedAlignment(
                self._camera(self.reference),
                self._camera(other),
                settings.extrinsics,
                settings.distance,
            )
        return None


def shown_where(
    valid: NDArray[np.uint8], picture: NDArray[Any], beyond: NDArray[Any]
) -> NDArray[Any]:
    """Return a picture with another one beyond what is valid.

    Args:
        valid: (H, W), see `InOneGrid`.
        picture: (H, W) or (H, W, 3).
        beyond: of the same shape and type.
    """
    return np.asarray(cv2.copyTo(beyond, cv2.bitwise_not(valid), picture.copy()))
