# SPDX-License-Identifier: Apache-2.0
"""Every way to run the engine's networks that this machine has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.bench.scenes import BITS, Scene
from bifuse_core.engine.engine import NONE, Engine
from bifuse_core.engine.fusion import CPU_FORMS
from bifuse_core.engine.place import COMPILERS
from bifuse_core.nets.zoo import FUSION_NETWORKS

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


def every_variant(
    fusions: Sequence[str],
    sights: Mapping[str, str],
    backends: Sequence[str],
    precisions: Sequence[str],
    device: torch.device,
    threads: int,
    scenes: Mapping[str, Scene],
) -> tuple[list[Variant], list[str]]:
    """Return every network with every backend, precision and size, and each fusion with all bits.

    Args:
        fusions: names in `bifuse_core.engine.fusions.FUSIONS`.
        sights: the network for DETECT and that for SEGMENT; those that are looked with.
        backends: names in `bifuse_core.engine.place.BACKENDS`.
        precisions: names in `bifuse_core.engine.place.PRECISIONS`.
        device: that all run on.
        threads: CPU threads of a backend that has its own.
        scenes: by size.

    Returns:
        The variants, and for each backend that is not installed, or does not run on the device, in
        a precision or with a network, its name and the reason.
    """
    found: list[Variant] = []
    missing: dict[str, None] = {}
    tasks = [*((FUSE, name) for name in fusions), *sights.items()]
    for backend, precision, (work, network), size in product(backends, precisions, tasks, scenes):
        if work == FUSE and not _fuses(network, backend, precision, device):
            continue
        try:
            # One for each size: a backend may keep few compiled forms of a network.
            engine = Engine(
                network if work == FUSE else NO_NETWORK,
                detector=network if work == DETECT else NONE,
                segmenter=network if work == SEGMENT else NONE,
                device=str(device),
                precision=precision,
                backend=backend,
                backend_threads=threads,
            )
            scene = scenes[size]
            fused = scene.rgb if work == FUSE else engine.fuse(scene.thermal[8], scene.rgb, 0)
            made = [
                Variant(work, network, backend, precision, size, bits, engine, scene, fused)
                for bits in (BITS if work == FUSE else (None,))
            ]
            if backend != "torch":
                # Compiled when it runs for the first time, if it can be.
                made[0]()
            found += made
        except (ImportError, ValueError) as error:
            missing[f"{backend} in {precision}: {error}"] = None
    return found, list(missing)


def _fuses(network: str, backend: str, precision: str, device: torch.device) -> bool:
    """Return whether the engine runs a fusion by this backend, and not by PyTorch instead."""
    if backend == "torch":
        return True
    if backend not in COMPILERS or network not in FUSION_NETWORKS:
        return False
    on_cpu = (device.type, precision) == ("cpu", "fp32")
    return not (on_cpu and FUSION_NETWORKS[network] in CPU_FORMS)
