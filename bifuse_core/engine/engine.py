# SPDX-License-Identifier: Apache-2.0
"""Inference: a pair of pictures in, a fused colour picture out, and what is seen in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.engine.detection import DetectionSettings, PictureDetector
from bifuse_core.engine.fusion import PairFusion
from bifuse_core.engine.perception import NOTHING, Objects, Perception
from bifuse_core.engine.place import (
    PRECISIONS,
    Place,
    choose_capture,
    choose_device,
    choose_precision,
)
from bifuse_core.engine.segmentation import PictureSegmenter, SegmentationSettings
from bifuse_core.engine.tensors import WHITE
from bifuse_core.imaging.thermal import Limits, ThermalNormaliser, ThermalSettings

NONE = "none"
"""In place of a detector or segmenter: no such network."""


class Engine:
    """Fuse pairs, and see what is in the fused pictures, on one device.

    Each network may be used by a thread of its own.

    Args:
        network: a name of `bifuse_core.engine.fusions.FUSIONS`: a network or a baseline.
        weights: weights file; the shipped one by default.
        detector: a name of `bifuse_core.nets.zoo.DETECTORS`, or `none`.
        detector_weights: its weights file; the shipped one by default.
        segmenter: a name of `bifuse_core.nets.zoo.SEGMENTERS`, or `none`.
        segmenter_weights: its weights file; the shipped one by default.
        device: `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:N`.
        precision: `auto` (fp16 on CUDA, else fp32), `fp32`, `fp16` or `bf16`.
        backend: what runs the networks, a name of `bifuse_core.engine.place.BACKENDS`.
        backend_threads: CPU threads of each; with `torch` the thread that calls has its own limit.
            Fusion has as many as PyTorch has where the engine is made.
        thermal: how the thermal camera's numbers become a picture.

    Attributes:
        detector: makes boxes; None where there is none.
        segmenter: makes masks; None where there is none.
        segmentation: how the segmenter sees; may be exchanged at any time.

    Raises:
        ValueError: an unknown network, device or precision; the message names the choices.
        CheckpointError: weights cannot be used.
        ImportError: the backend is not installed.
    """

    def __init__(
        self,
        network: str = "edge",
        *,
        weights: Path | None = None,
        detector: str = NONE,
        detector_weights: Path | None = None,
        segmenter: str = NONE,
        segmenter_weights: Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "torch",
        backend_threads: int = 1,
        thermal: ThermalSettings | None = None,
    ) -> None:
        self.network, self._detector_name, self._segmenter_name = network, detector, segmenter
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self._place = Place(
            self.device,
            PRECISIONS[self.precision],
            backend,
            backend_threads,
            choose_capture(self.device),
        )
        self._fusion_place = replace(self._place, threads=torch.get_num_threads())
        self._size: tuple[int, int] | None = None
        self._detection = DetectionSettings()
        self.segmentation = SegmentationSettings()
        self.reload(weights, detector_weights, segmenter_weights)
        self.thermal = ThermalNormaliser(thermal)

    def reload(
        self,
        weights: Path | None,
        detector_weights: Path | None = None,
        segmenter_weights: Path | None = None,
    ) -> None:
        """Exchange the weights of all networks between two pictures; if one fails, all stay.

        Before that each new network runs once on a picture of the size that was last fused, so that
        what has to be compiled is. May be called by any thread, by one at a time.

        Raises:
            CheckpointError: weights cannot be used.
            ValueError: the new detector does not know a class that is looked for, or the backend
                cannot run a network.
            FloatingPointError: what a new network says is not a number.
        """
        place = self._place
        fusion = PairFusion(self.network, weights, self._fusion_place)
        detector, segmenter = None, None
        if self._detector_name != NONE:
            detector = PictureDetector(self._detector_name, detector_weights, place)
            detector.check(self._detection)
        if self._segmenter_name != NONE:
            segmenter = PictureSegmenter(self._segmenter_name, segmenter_weights, place)
        if self._size:
            fused = fusion(*_empty_pair(*self._size))
            if detector:
                detector(fused, self._detection)
            if segmenter:
                segmenter(fused, self.segmentation)
        self._fusion = fusion
        self.detector, self.segmenter = detector, segmenter

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights of the fusion."""
        return self._fusion.checksum

    @property
    def fusion_times(self) -> dict[str, float]:
        """Milliseconds of each stage of the last pair that was fused, in order."""
        return self._fusion.times

    @property
    def detection(self) -> DetectionSettings:
        """What is looked for; may be exchanged at any time.

        Raises:
            ValueError: the detector does not know one of the classes; the old settings stay.
        """
        return self._detection

    @detection.setter
    def detection(self, settings: DetectionSettings) -> None:
        if self.detector:
            self.detector.check(settings)
        self._detection = settings

    def facts(self) -> dict[str, str]:
        """Return what runs where, for diagnostics."""
        device = str(self.device)
        if self.device.type == "cuda":
            device = f"{device} {torch.cuda.get_device_name(self.device)}"
        facts = {
            "network": self.network,
            "weights sha256": self.checksum,
            "device": device,
            "precision": self.precision,
        }
        for role, net in (("detector", self.detector), ("segmenter", self.segmenter)):
            if net:
                facts |= {role: net.name, f"{role} sha256": net.checksum}
                facts |= {f"{role} backend": self._place.backend}
                if net.graphs:
                    facts[f"{role} CUDA graphs"] = net.graphs.state
        facts |= self._fusion.facts()
        if self.device.type == "cuda":
            megabytes = torch.cuda.memory_allocated(self.device) / 2**20
            facts["GPU memory (MiB)"] = f"{megabytes:.0f}"
        return facts

    def warm_up(self, width: int = 640, height: int = 480) -> None:
        """Run once on an empty picture, so that the first real pair is not slow.

        On a CUDA device this captures the graphs for pictures of this size.
        """
        self._size = height, width
        self.perceive(self._fusion(*_empty_pair(height, width)))
        # NumPy imports parts of itself when it first measures a range, which only pictures of more
        # than 8 bits need.
        ThermalNormaliser(self.thermal.settings).limits(np.zeros((height, width), np.uint16), 0)

    def __call__(self, thermal: NDArray[Any], rgb: NDArray[np.uint8], stamp: int) -> Perception:
        """Fuse one pair and see what is in it; see `fuse` and `perceive`."""
        return self.perceive(self.fuse(thermal, rgb, stamp))

    def fuse(
        self,
        thermal: NDArray[Any],
        rgb: NDArray[np.uint8],
        stamp: int,
        limits: Limits | None = None,
    ) -> NDArray[np.uint8]:
        """Fuse one pair.

        Args:
            thermal: (H, W) uint8, uint16, int16 or float32, as the camera gives it.
            rgb: (H, W, 3) uint8 red, green, blue.
            stamp: time of the pair in nanoseconds, for the smoothing of the thermal range.
            limits: the counts that become black and white, where the picture alone does not tell;
                those of `thermal` by default.

        Returns:
            (H, W, 3) uint8 red, green, blue.

        Raises:
            ValueError: the two differ in size, or the thermal picture has no finite pixel.
        """
        if thermal.ndim != 2 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(
                f"thermal must be (H, W) and rgb (H, W, 3), not {thermal.shape} and {rgb.shape}"
            )
        if thermal.shape != rgb.shape[:2]:
            raise ValueError(
                f"thermal is {thermal.shape[1]}x{thermal.shape[0]}, rgb is "
                f"{rgb.shape[1]}x{rgb.shape[0]}; they must have one size"
            )
        self._size = thermal.shape
        return self._fusion(thermal, limits or self.thermal.limits(thermal, stamp), rgb)

    def perceive(
        self, fused: NDArray[np.uint8], *, boxes: bool = True, mask: bool = True
    ) -> Perception:
        """See what is in a fused picture, as far as there are networks for that.

        Args:
            fused: (H, W, 3) uint8 red, green, blue.
            boxes: whether objects are looked for.
            mask: whether each pixel is given a class.
        """
        objects = self.detect(fused) if boxes and self.detector else NOTHING
        classes = self.segment(fused) if mask and self.segmenter else None
        return Perception(fused, *objects, classes)

    def detect(self, fused: NDArray[np.uint8]) -> Objects:
        """Return the objects in a fused picture (H, W, 3), as `detection` says.

        Raises:
            ValueError: the engine was made without a detector.
        """
        if self.detector is None:
            raise ValueError("the engine has no detector")
        return self.detector(fused, self.detection)

    def segment(self, fused: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the class numbers (H, W) of a fused picture (H, W, 3).

        Raises:
            ValueError: the engine was made without a segmenter.
        """
        if self.segmenter is None:
            raise ValueError("the engine has no segmenter")
        return self.segmenter(fused, self.segmentation)


def _empty_pair(height: int, width: int) -> tuple[NDArray[np.uint8], Limits, NDArray[np.uint8]]:
    thermal, rgb = (np.zeros((height, width, *more), np.uint8) for more in ((), (3,)))
    return thermal, (0, WHITE), rgb
