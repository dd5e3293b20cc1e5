# SPDX-License-Identifier: Apache-2.0
"""Every way to run the engine's networks that this machine has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bifuse_core.bench.scenes import BITS, Scene
from bifuse_core.engine.engine import NONE, Engine

FUSE, DETECT, SEGMENT = "fuse", "detect", "segment"
NO_NETWORK = "max"
"""The fusion of an engine whose detector or segmenter is meant; it has no weights."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One network at work.

    Attributes:
        work: FUSE, DETECT or SEGMENT.
        network: that does it.
        backend: that runs it.
        precision: in which.
        size: of the picture, as `640x480`.
        bits: of the thermal picture; None: it sees the fused one.
        engine: which has it.
        scene: what is fused.
        fused: what is looked at.
    """

    work: str
    network: str
    backend: str
    precision: str
    size: str
    bits: int | None
    engine: Engine
    scene: Scene
    fused: NDArray[np.uint8]

    def __call__(self) -> Mapping[str, float]:
        """Do it once, and return its stages in milliseconds where the engine tells them."""
        if self.work == DETECT:
            self.engine.detect(self.fused)
        elif self.work == SEGMENT:
            self.engine.segment(self.fused)
        elif self.bits:
            # Always the same moment: the thermal range comes to rest.
            self.engine.fuse(self.scene.thermal[self.bits], self.scene.rgb, 0)
            return self.engine.fusion_times
        return {}

    @property
    def labels(self) -> tuple[str | int | None, ...]:
        """The row's first cells: work, network, backend, precision, size, bits."""
        return self.work, self.network, self.backend, self.precision, self.size, self.bits


def fusions(
    networks: Iterable[str], precisions: Sequence[str], device: str, scenes: Mapping[str, Scene]
) -> list[Variant]:
    """Return every fusion with every precision, size and kind of thermal picture."""
    return [
        Variant(FUSE, network, "torch", precision, size, bits, engine, scene, scene.rgb)
        for network in networks
        for precision in precisions
        for size, scene in scenes.items()
        for engine in (Engine(network, device=device, precision=precision),)
        for bits in BITS
    ]


def sights(
    names: Mapping[str, str],
    backends: Iterable[str],
    precisions: Sequence[str],
    device: str,
    threads: int,
    scenes: Mapping[str, Scene],
) -> tuple[list[Variant], list[str]]:
    """Return detector and segmenter with every backend, precision and size.

    Args:
        names: of the network for DETECT and of that for SEGMENT, or `none`.
        backends: names in `bifuse_core.engine.place.BACKENDS`.
        precisions: names in `bifuse_core.engine.place.PRECISIONS`.
        device: as the engine takes it.
        threads: CPU threads of a backend that has its own.
        scenes: by size; what is looked at is the brighter of both cameras.

    Returns:
        The variants, and for each backend that is not installed, or does not run on the device,
        its name and the reason.
    """
    variants, missing = [], []
    make = partial(
        Engine,
        NO_NETWORK,
        detector=names[DETECT],
        segmenter=names[SEGMENT],
        device=device,
        backend_threads=threads,
    )
    for backend in backends:
        try:
            for precision in precisions:
                for size, scene in scenes.items():
                    # One for each size: a backend may keep few compiled forms of a network.
                    engine = make(precision=precision, backend=backend)
                    fused = engine.fuse(scene.thermal[8], scene.rgb, 0)
                    variants += [
                        Variant(work, name, backend, precision, size, None, engine, scene, fused)
                        for work, name in names.items()
                        if name != NONE
                    ]
        except (ImportError, ValueError) as error:
            missing.append(f"{backend}: {error}")
    return variants, missing
