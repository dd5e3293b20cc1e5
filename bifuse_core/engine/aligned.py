# SPDX-License-Identifier: Apache-2.0
"""Fusion of cameras that do not see the same pixels, in the grid of the reference camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.rig import Rig, shown_where
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.imaging.thermal import between, grey_levels


class AlignedFusion:
    """Aligns the other camera's picture, then fuses; for use by one thread at a time.

    Args:
        engine: fuses pairs of one size.
        settings: how the cameras lie.
        reference: `rgb` or `thermal`, whose grid the fused picture has.
        camera: called with `thermal` or `rgb`, returns what is known of that camera now; asked only
            by the method `calibrated`.
    """

    def __init__(
        self,
        engine: Engine,
        settings: AlignmentSettings,
        reference: str,
        camera: Callable[[str], Camera],
    ) -> None:
        self._engine, self._rig = engine, Rig(settings, reference, camera)

    @property
    def settings(self) -> AlignmentSettings:
        """How the cameras lie; may be exchanged by any thread."""
        return self._rig.settings

    @settings.setter
    def settings(self, settings: AlignmentSettings) -> None:
        self._rig.settings = settings

    def __call__(
        self, thermal: NDArray[Any], rgb: NDArray[np.uint8], stamp: int
    ) -> NDArray[np.uint8]:
        """Fuse one pair; where the other camera sees nothing, the reference is shown as it is.

        Args:
            thermal: (h, w) as the camera gives it.
            rgb: (h', w', 3) uint8 red, green, blue.
            stamp: time of the pair in nanoseconds.

        Returns:
            (H, W, 3) uint8 in the size of the reference.

        Raises:
            ValueError: the two differ in size and there is no alignment, a camera is not known yet,
                or is not the one that takes the pictures.
        """
        if self.settings.method == "none":
            return self._engine.fuse(thermal, rgb, stamp)
        # Of what the camera sees: warped, its border is repeated over all that it does not see.
        limits = self._engine.thermal.limits(thermal, stamp)
        thermal, rgb, valid = self._rig(thermal, rgb)
        fused = self._engine.fuse(thermal, rgb, stamp, limits)
        if valid is None:
            return fused
        own = rgb if self._rig.reference == "rgb" else grey_levels(between(limits, thermal))
        return shown_where(valid, fused, own)
