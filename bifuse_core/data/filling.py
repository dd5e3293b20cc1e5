# SPDX-License-Identifier: Apache-2.0
"""What lies beyond the sight of the other camera: both are made to say the same there.

A repeated border would teach a network that the world ends in stripes. Two equal pictures have
nothing to disagree about: their fusion is the reference, as fusion_node shows it there.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from bifuse_core.data.sample import Sample
from bifuse_core.imaging.alignment.rig import shown_where
from bifuse_core.imaging.thermal import Limits, between, grey_levels

WHITE = 255


def filled(sample: Sample, limits: Limits = (0, 1)) -> Sample:
    """Return the sample with the levels of the reference where the other camera sees nothing.

    Args:
        sample: of any kind; one that is seen whole is returned as it is.
        limits: the thermal counts that are black and white; by default those of a thermal picture
            in [0, 1].
    """
    if sample.valid is None:
        return sample
    if sample.reference == "thermal":
        levels = grey_levels(between(limits, sample.thermal))
        return replace(sample, rgb=shown_where(sample.valid, sample.rgb, levels), valid=None)
    luma = cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2GRAY).astype(np.float64) / WHITE
    counts = limits[0] + luma * (limits[1] - limits[0])
    kind = sample.thermal.dtype
    if kind.kind != "f":
        counts = np.rint(counts).clip(np.iinfo(kind).min, np.iinfo(kind).max)
    thermal = shown_where(sample.valid, sample.thermal, counts.astype(kind))
    return replace(sample, thermal=thermal, valid=None)
