# SPDX-License-Identifier: Apache-2.0
"""Networks run by OpenVINO: what PyTorch makes of them, in any number of sizes."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.openvino_net import OpenVinoNet
from bifuse_core.engine.segmentation import SegmentationSettings
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_detector, create_segmenter


def test_openvino_does_not_report_its_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A library that reports if it can, as OpenVINO does when it is imported.
    (tmp_path / "openvino.py").write_text(
        "try:\n    import openvino_telemetry\nexcept ImportError:\n    reported = False\n"
        "else:\n    reported = True\n"
    )
    (tmp_path / "openvino_telemetry.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("openvino", "openvino_telemetry"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    OpenVinoNet(create_detector("fcos_small", 3), torch.float32, 1)
    reported = sys.modules["openvino"].reported
    for name in ("openvino", "openvino_telemetry"):
        del sys.modules[name]
    assert not reported


@pytest.mark.slow
@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_sees_what_pytorch_sees(tmp_path: Path) -> None:
    # In a process of its own: one that has run OpenVINO, and thousands of other tests before,
    # ended in a segmentation fault when a later test started a program.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        process.submit(compare, tmp_path).result()


def compare(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    detector, segmenter = folder / "fcos_small.safetensors", folder / "segformer_b0.safetensors"
    save_weights(detector, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    save_weights(segmenter, "segformer_b0", create_segmenter("segformer_b0", 9), {}, ("a",) * 9)
    plain, fast = (
        Engine(
            "max",
            detector="fcos_small",
            detector_weights=detector,
            segmenter="segformer_b0",
            segmenter_weights=segmenter,
            device="cpu",
            backend=backend,
        )
        for backend in ("torch", "openvino")
    )
    plain.segmentation = fast.segmentation = SegmentationSettings(96, 64)
    for width, height in ((160, 96), (96, 64)):
        settings = DetectionSettings(threshold=0.0, maximum=10, width=width, height=height)
        plain.detection = fast.detection = settings
        for _ in range(2):
            picture = random.integers(0, 256, (height, width, 3), np.uint8)
            expected, found = plain.perceive(picture), fast.perceive(picture)
            np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)
            np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
            assert found.mask is not None
            assert np.mean(found.mask == expected.mask) > 0.99
    assert fast.facts()["segmenter backend"] == "openvino"
    assert sys.modules["openvino_telemetry"] is None
