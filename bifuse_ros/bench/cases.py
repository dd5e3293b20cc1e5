# SPDX-License-Identifier: Apache-2.0
"""The cases in which the node is measured, and what its processes are told in each."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifuse_core.bench.beside import RATE
from bifuse_core.engine.engine import NONE
from bifuse_core.imaging.thermal import Unit
from bifuse_core.nets.zoo import SHIPPED
from bifuse_ros.perception_parameters import PERCEPTION_PARAMETERS

NETWORK = SHIPPED[0]
"""Which fuses in all cases; the goals are set for it."""
PACKAGES = {"torch": (), "openvino": ("openvino",), "onnxruntime": ("onnx", "onnxruntime")}
"""What each backend needs besides."""
BACKENDS = tuple(PACKAGES)
"""Which run detector and segmenter."""

_DEFAULTS = {parameter.name: parameter.default for parameter in PERCEPTION_PARAMETERS}


@dataclass(frozen=True)
class Case:
    """Two cameras, and who wants what of the node.

    Attributes:
        width, height: of the pictures.
        rate: pairs per second.
        thermal: encoding of the thermal pictures, mono8 or mono16.
        backend: what runs detector and segmenter; None: there are none.
        image: whether somebody subscribes to the fused image; else to its camera_info alone.
        jitter: stamps vary by up to this much, s.
        threads: CPU threads of the fusion.
    """

    width: int = 640
    height: int = 480
    rate: int = 30
    thermal: str = "mono16"
    backend: str | None = None
    image: bool = True
    jitter: float = 0.0
    threads: int = 1

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.width}x{self.height}"

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        parts = [self.size, f"{self.rate}hz", self.thermal]
        parts += [self.backend] if self.backend else []
        parts += [] if self.image else ["no-image"]
        return "-".join(parts)

    @property
    def thermal_unit(self) -> Unit:
        """The node's parameter `thermal.unit`; rendered counts are centikelvin."""
        return "centikelvin" if self.thermal == "mono16" else "raw"

    def camera_parameters(self, pictures: Path, count: int) -> dict[str, Any]:
        """Return the parameters of the camera node that plays so many pairs of a folder."""
        return {
            "source": str(pictures),
            "rate": float(self.rate),
            "count": count,
            "preload": True,
            # The node, and who counts.
            "wait_for_subscribers": 2,
            "thermal.encoding": self.thermal,
            "jitter": self.jitter,
        }

    def node_parameters(self) -> dict[str, Any]:
        """Return the parameters of the fusion node."""
        return {
            # What the goals are set for.
            "device": "cpu",
            "network": NETWORK,
            "threads": self.threads,
            "thermal.unit": self.thermal_unit,
            "warm_up.width": self.width,
            "warm_up.height": self.height,
            "detector": _DEFAULTS["detector"] if self.backend else NONE,
            "segmenter": _DEFAULTS["segmenter"] if self.backend else NONE,
            "backend": self.backend or _DEFAULTS["backend"],
        }


FUSION = tuple(
    Case(width, height, rate, thermal)
    for width, height in ((640, 480), (1280, 720))
    for rate in (30, 60)
    for thermal in ("mono8", "mono16")
)
PERCEPTION = tuple(
    Case(rate=RATE, backend=backend, image=image) for backend in BACKENDS for image in (True, False)
)
QUICK = (Case(), Case(rate=60), Case(rate=RATE, backend=BACKENDS[0]))
"""One of each kind that a goal is set for."""


def chosen(patterns: list[str] | None, quick: bool) -> list[Case]:
    """Return the cases whose names contain one of the patterns, of all or the quick ones.

    Those of a backend that is not installed are left out.

    Raises:
        ValueError: there is no such case.
        ImportError: all such cases need a backend that is not installed; the message says how to.
    """
    cases = [
        case
        for case in (QUICK if quick else (*FUSION, *PERCEPTION))
        if not patterns or any(pattern in case.name for pattern in patterns)
    ]
    if not cases:
        names = "\n  ".join(case.name for case in (*FUSION, *PERCEPTION))
        raise ValueError(f"no case is called {patterns} here; there are\n  {names}")
    there = [case for case in cases if not _missing(case)]
    if not there:
        missing = dict.fromkeys(name for case in cases for name in _missing(case))
        raise ImportError(
            f"{', '.join(case.name for case in cases)}: {', '.join(missing)} not installed; "
            "docs/backends.md says how to"
        )
    return there


def _missing(case: Case) -> list[str]:
    needed = PACKAGES[case.backend] if case.backend else ()
    return [name for name in needed if not importlib.util.find_spec(name)]
