# SPDX-License-Identifier: Apache-2.0
"""What a task network sees of a pair: one of the cameras, or a fusion of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.sample import Sample
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.alignment.rig import shown_where
from bifuse_core.imaging.thermal import ThermalSettings, grey_levels
from bifuse_core.perception.cuts import GREY

Input = Callable[[Sample], NDArray[np.uint8]]
"""Returns the colour picture (H, W, 3) of a sample whose thermal picture is in [0, 1]."""


def seen(sample: Sample, see: Input) -> Sample:
    """Return the sample as a task network sees it: its colour picture is the input.

    The thermal picture, which nothing looks at any more, is blank and takes no memory.
    """
    blank = np.broadcast_to(np.uint8(0), sample.thermal.shape)
    return replace(sample, rgb=see(sample), thermal=blank, valid=None)


AS_IT_IS = ThermalSettings(range="fixed", minimum=0, maximum=1)
"""Leaves a normalised picture as it is."""


def input_by_name(name: str, device: str = "auto") -> Input:
    """Return what makes the input.

    A baseline that looks at the whole picture, such as `vsm`, fuses a part of it a little
    differently.

    Args:
        name: `thermal`, `rgb`, a fusion of `engine.fusions`, or NAME=WEIGHTS.
        device: where fusions run, see `Engine`.

    Raises:
        ValueError: there is no such fusion or device.
        CheckpointError: its weights cannot be used.
    """
    if name == "thermal":
        return thermal
    if name == "rgb":
        return rgb
    network, weights = fusion_of(name)
    engine = Engine(
        network,
        weights=weights,
        device=device,
        precision="fp32",
        thermal=AS_IT_IS,
    )
    return Fused(engine)


@dataclass(frozen=True)
class Fused:
    """An input that an engine makes.

    Attributes:
        engine: takes normalised thermal pictures.
    """

    engine: Engine

    def __call__(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the fused picture; where one camera sees nothing, the other as it is."""
        fused = self.engine.fuse(sample.thermal, sample.rgb, 0)
        if sample.valid is None:
            return fused
        own = rgb(sample) if sample.reference == "rgb" else thermal(sample)
        return shown_where(sample.valid, fused, own)


def fusion_of(name: str) -> tuple[str, Path | None]:
    """Return name and weights file of an input NAME=WEIGHTS; without the file, None for it."""
    network, _, weights = name.partition("=")
    return network, Path(weights) if weights else None


def thermal(sample: Sample) -> NDArray[np.uint8]:
    """Return the thermal picture as a grey one; `GREY` where that camera sees nothing."""
    return _seen_by("thermal", sample, grey_levels(sample.thermal))


def rgb(sample: Sample) -> NDArray[np.uint8]:
    """Return the picture of the colour camera; `GREY` where it sees nothing."""
    return _seen_by("rgb", sample, sample.rgb)


def _seen_by(camera: str, sample: Sample, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if sample.valid is None or sample.reference == camera:
        return picture
    return shown_where(sample.valid, picture, np.full_like(picture, GREY))
