# SPDX-License-Identifier: Apache-2.0
"""The task networks that guide the fusion."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from bifuse_core.bilevel.learner import Task
from bifuse_core.bilevel.objectives.detection import DetectionTask
from bifuse_core.bilevel.objectives.segmentation import SegmentationTask
from bifuse_core.bilevel.sections import DETECTION, SEGMENTATION
from bifuse_core.bilevel.settings import Settings
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.nets.checkpoint import load_weights, require_classes
from bifuse_core.nets.zoo import create_detector, create_segmenter, shipped_weights

CLASSES = {DETECTION: DETECTION_CLASSES, SEGMENTATION: SEGMENTATION_CLASSES}
"""What the network of each task tells apart."""


def guides_of(settings: Settings, device: torch.device) -> list[Task]:
    """Return the tasks beside the visual one, each with its network at its start.

    Normalisations keep the statistics that they start with, and nothing is dropped at random, so
    that a loss is a function of its pictures and of the weights alone.

    Raises:
        ValueError: their networks take crops of another size.
        CheckpointError: their weights cannot be used, or are of other classes.
        ImportError: they need a library that is not installed.
    """
    tasks: list[Task] = []
    for name in settings.guides:
        chosen = settings.detector if name == DETECTION else settings.segmenter
        classes = CLASSES[name]
        create = create_detector if name == DETECTION else create_segmenter
        net = create(chosen.network, len(classes))
        if settings.data.crop % net.multiple:
            raise ValueError(
                f"data.crop is {settings.data.crop}; {chosen.network} takes multiples of "
                f"{net.multiple}"
            )
        if chosen.start != "none":
            _start(net, chosen.network, chosen.start, classes)
        kind = DetectionTask if name == DETECTION else SegmentationTask
        tasks.append(kind(net.to(device).eval(), settings.data.sources))
    return tasks


def _start(net: nn.Module, network: str, start: str, classes: tuple[str, ...]) -> None:
    file = shipped_weights(network) if start == "shipped" else Path(start)
    require_classes(file, classes)
    load_weights(file, network, net)
