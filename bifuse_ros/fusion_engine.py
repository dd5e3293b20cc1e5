# SPDX-License-Identifier: Apache-2.0
"""The engine of the fusion node, as its parameters say."""

from __future__ import annotations

from bifuse_core.engine.engine import Engine
from bifuse_ros.fusion_parameters import Settings


def create_engine(settings: Settings) -> Engine:
    """Load and verify all weights, and warm up.

    Raises:
        ValueError: the parameters ask for what there is not; the message names it.
        CheckpointError: weights cannot be used.
    """
    weights, detector_weights, segmenter_weights = settings.weights
    engine = Engine(
        settings["network"],
        weights=weights,
        detector=settings["detector"],
        detector_weights=detector_weights,
        segmenter=settings["segmenter"],
        segmenter_weights=segmenter_weights,
        device=settings["device"],
        precision=settings["precision"],
        backend=settings["backend"],
        backend_threads=settings["perception_threads"],
    )
    change_engine(engine, settings)
    engine.warm_up(settings["warm_up.width"], settings["warm_up.height"])
    return engine


def change_engine(engine: Engine, settings: Settings) -> None:
    """Give an engine the live settings.

    Raises:
        ValueError: the detector does not know a class that is asked for; nothing is changed.
    """
    engine.detection = settings.detection
    engine.segmentation = settings.segmentation
    engine.thermal.settings = settings.thermal
