# SPDX-License-Identifier: Apache-2.0
"""The parameters of the fusion node, and the settings they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rclpy.node import Node

from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.fusions import FUSIONS
from bifuse_core.engine.place import PRECISIONS
from bifuse_core.engine.segmentation import SegmentationSettings
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.imaging.thermal import Range, ThermalSettings, Unit
from bifuse_ros.alignment_parameters import ALIGNMENT_PARAMETERS
from bifuse_ros.parameters import Declared, declare
from bifuse_ros.perception_parameters import ALL, PERCEPTION_PARAMETERS

_THERMAL = ThermalSettings()

PARAMETERS = (
    Declared("autostart", True, "configure and activate at start"),
    Declared("network", "edge", "fusion network or baseline", choices=FUSIONS),
    Declared("weights", "", "weights file (.safetensors); empty: the shipped one"),
    Declared("device", "auto", "auto, cpu, cuda or cuda:N"),
    Declared(
        "precision",
        "auto",
        "arithmetic; auto: fp16 on CUDA, else fp32",
        choices=("auto", *PRECISIONS),
    ),
    Declared("threads", 1, "CPU threads of the fusion network; 0: torch's own choice", (0, 256)),
    Declared("warm_up.width", 640, "width of the first, empty picture", (16, 8192)),
    Declared("warm_up.height", 480, "height of the first, empty picture", (16, 8192)),
    Declared("reference", "rgb", "camera whose header results carry", choices=("rgb", "thermal")),
    *ALIGNMENT_PARAMETERS,
    Declared("thermal.transport", "raw", "transport of its images", choices=("raw", "compressed")),
    Declared("rgb.transport", "raw", "transport of its images", choices=("raw", "compressed")),
    Declared("queue_depth", 5, "depth of the camera subscriptions", (1, 100)),
    Declared(
        "sync.method",
        "cadence",
        "what pairs the images: their cadences, or message_filters' nearest stamps",
        choices=("cadence", "message_filters"),
    ),
    Declared("sync.slop", 0.02, "largest stamp distance of a pair, s", (0.0, 1.0), live=True),
    Declared("sync.offset", 0.0, "added to thermal stamps, s", (-1.0, 1.0), live=True),
    Declared("sync.capacity", 10, "messages that may wait per camera", (2, 1000)),
    Declared(
        "degraded.timeout",
        0.3,
        "silence of a camera, or time without usable pictures or pairs, before the other goes on "
        "alone, s; 0: never",
        (0.0, 10.0),
        live=True,
    ),
    Declared(
        "thermal.unit",
        _THERMAL.unit,
        "what a count means",
        choices=get_args(Unit),
        live=True,
    ),
    Declared("thermal.scale", _THERMAL.scale, "degC a count, for linear", (1e-6, 1e6), live=True),
    Declared(
        "thermal.offset", _THERMAL.offset, "degC at count 0, for linear", (-1e6, 1e6), live=True
    ),
    Declared(
        "thermal.range",
        _THERMAL.range,
        "what is mapped to black and white",
        choices=get_args(Range),
        live=True,
    ),
    Declared(
        "thermal.minimum",
        _THERMAL.minimum,
        "black of a fixed range, degC (raw: counts)",
        (-1e6, 1e6),
        live=True,
    ),
    Declared(
        "thermal.maximum",
        _THERMAL.maximum,
        "white of a fixed range, degC (raw: counts)",
        (-1e6, 1e6),
        live=True,
    ),
    Declared(
        "thermal.low_percentile",
        _THERMAL.low_percentile,
        "percentile of black",
        (0.0, 100.0),
        live=True,
    ),
    Declared(
        "thermal.high_percentile",
        _THERMAL.high_percentile,
        "percentile of white",
        (0.0, 100.0),
        live=True,
    ),
    Declared(
        "thermal.time_constant",
        _THERMAL.time_constant,
        "smoothing of percentiles, s",
        (0.0, 3600.0),
        live=True,
    ),
    Declared(
        "thermal.minimum_span",
        _THERMAL.minimum_span,
        "least range of percentiles, degC (raw: counts)",
        (1e-6, 1e6),
        live=True,
    ),
    *PERCEPTION_PARAMETERS,
)
BY_NAME = {declared.name: declared for declared in PARAMETERS}


@dataclass(frozen=True)
class Settings:
    """The values of all parameters, as one consistent set.

    Raises:
        ValueError: values contradict each other.
    """

    values: dict[str, Any]

    def __post_init__(self) -> None:
        # Made to be checked: it refuses what contradicts itself.
        _ = self.alignment, self.thermal, self.detection, self.segmentation

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def weights(self) -> tuple[Path | None, Path | None, Path | None]:
        """The weights files of fusion, detector and segmenter, None for a shipped one."""
        return (
            self._file("weights"),
            self._file("detector_weights"),
            self._file("segmenter_weights"),
        )

    @property
    def slop(self) -> int:
        """`sync.slop` in nanoseconds."""
        return round(self["sync.slop"] * 1e9)

    @property
    def offset(self) -> int:
        """`sync.offset` in nanoseconds."""
        return round(self["sync.offset"] * 1e9)

    @property
    def alignment(self) -> AlignmentSettings:
        """How the cameras lie.

        Raises:
            ValueError: a value cannot be.
        """
        return AlignmentSettings(**self._section("alignment"))

    @property
    def thermal(self) -> ThermalSettings:
        """The thermal settings.

        Raises:
            ValueError: the values contradict each other.
        """
        values = self._section("thermal")
        del values["transport"]
        return ThermalSettings(**values)

    @property
    def detection(self) -> DetectionSettings:
        """The settings of the detector.

        Raises:
            ValueError: no class at all would be reported.
        """
        values = self._section("detection")
        names = tuple(values.pop("classes") or ())
        if not names:
            raise ValueError(f"detection.classes is empty; name classes, or [{ALL}]")
        return DetectionSettings(classes=None if ALL in names else names, **values)

    @property
    def segmentation(self) -> SegmentationSettings:
        """The settings of the segmenter.

        Raises:
            ValueError: they are no size at which it can see.
        """
        return SegmentationSettings(**self._section("segmentation"))

    def _section(self, name: str) -> dict[str, Any]:
        start = f"{name}."
        return {n.removeprefix(start): self[n] for n in BY_NAME if n.startswith(start)}

    def _file(self, name: str) -> Path | None:
        return Path(self[name]).expanduser() if self[name] else None

    def changed(self, changes: dict[str, Any], *, active: bool) -> Settings:
        """Return the settings after a change.

        Raises:
            ValueError: a value is no choice of its parameter, cannot change while the node is
                active, or contradicts another; the message names it.
        """
        for name, value in changes.items():
            declared = BY_NAME.get(name)
            if declared is None:
                continue
            declared.check(value)
            if active and not declared.live and value != self[name]:
                raise ValueError(
                    f"{name} cannot change while the node is active; deactivate it first"
                )
        return Settings({**self.values, **changes})


def declare_settings(node: Node) -> Settings:
    """Declare all parameters on a node and return their values.

    Raises:
        ValueError: a value given at start is none of the choices, or contradicts another.
        rclpy.exceptions.ParameterException: a value has another type, or is outside its limits.
    """
    return Settings(declare(node, PARAMETERS))
