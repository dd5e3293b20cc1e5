# SPDX-License-Identifier: Apache-2.0
"""The parameters of the fusion node that say what is seen in the fused pictures."""

from __future__ import annotations

from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import NONE
from bifuse_core.engine.place import BACKENDS
from bifuse_core.engine.segmentation import SegmentationSettings
from bifuse_core.nets.zoo import DETECTORS, SEGMENTERS
from bifuse_ros.parameters import Declared

ALL = "all"
"""In a list of classes: every one. ROS cannot tell what an empty list is a list of."""

_DETECTION, _SEGMENTATION = DetectionSettings(), SegmentationSettings()

PERCEPTION_PARAMETERS = (
    Declared("detector", "fcos_small", "network that finds objects", choices=(NONE, *DETECTORS)),
    Declared("detector_weights", "", "its weights file; empty: the shipped one"),
    Declared(
        "detection.threshold",
        _DETECTION.threshold,
        "least score of a box",
        (0.0, 1.0),
        live=True,
    ),
    Declared(
        "detection.overlap",
        _DETECTION.overlap,
        "overlap (IoU) above which the less sure of two boxes of a class goes",
        (0.0, 1.0),
        live=True,
    ),
    Declared(
        "detection.maximum", _DETECTION.maximum, "most boxes of a picture", (1, 1000), live=True
    ),
    Declared("detection.classes", [ALL], "names of the classes reported, or all", live=True),
    Declared(
        "detection.width",
        _DETECTION.width,
        "columns that the picture is scaled to fit within",
        (64, 4096),
        live=True,
    ),
    Declared(
        "detection.height",
        _DETECTION.height,
        "rows that the picture is scaled to fit within",
        (64, 4096),
        live=True,
    ),
    Declared("segmenter", "segformer_b0", "network that makes masks", choices=(NONE, *SEGMENTERS)),
    Declared("segmenter_weights", "", "its weights file; empty: the shipped one"),
    Declared(
        "segmentation.width",
        _SEGMENTATION.width,
        "columns it sees, a multiple of 32; 0: about 320x256 in the form of the picture",
        (0, 4096),
        live=True,
    ),
    Declared(
        "segmentation.height",
        _SEGMENTATION.height,
        "rows it sees, a multiple of 32; 0 where the width is",
        (0, 4096),
        live=True,
    ),
    Declared(
        "backend",
        "torch",
        "what runs detector and segmenter; onnxruntime and tensorrt also fusion networks",
        choices=BACKENDS,
    ),
    Declared(
        "perception_threads",
        1,
        "CPU threads of detector and segmenter each",
        (1, 256),
    ),
    Declared(
        "overlay.mask_opacity", 0.45, "opacity of the classes' colours", (0.0, 1.0), live=True
    ),
)
