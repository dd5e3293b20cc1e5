# SPDX-License-Identifier: Apache-2.0
"""The engine on a CUDA device against the engine on the CPU."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.fusions import READY
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_fusion

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture
def pairs(random: np.random.Generator) -> list[Pair]:
    return [
        (random.integers(0, 256, size, np.uint8), random.integers(0, 256, (*size, 3), np.uint8))
        for size in ((96, 128), (75, 101), (96, 128))
    ]


def largest_difference(a: NDArray[Any], b: NDArray[Any]) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1), ("fp16", 2)])
@pytest.mark.parametrize("network", READY)
def test_pairs_are_fused_as_on_the_cpu(
    pairs: list[Pair], network: str, precision: str, tolerance: int
) -> None:
    device = Engine(network, device="cuda", precision=precision)
    cpu = Engine(network, device="cpu", precision="fp32")
    for number, pair in enumerate(pairs):
        fused = [engine.fuse(*pair, number) for engine in (device, cpu)]
        assert largest_difference(*fused) <= tolerance


@pytest.mark.parametrize("network", ["edge", "bdl"])
def test_networks_run_as_one_graph_for_each_size(pairs: list[Pair], network: str) -> None:
    engine = Engine(network, detector="fcos_small", segmenter="segformer_b0", device="cuda")
    engine.warm_up(128, 96)
    assert engine.facts()["fusion CUDA graphs"] == "1 captured"
    for number, pair in enumerate(pairs):
        engine(*pair, number)
    facts = engine.facts()
    assert facts["fusion CUDA graphs"] == "2 captured"
    assert facts["detector CUDA graphs"] == "2 captured"
    assert facts["segmenter CUDA graphs"] == "2 captured"
    assert float(facts["fusion fuse (ms)"]) > 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_camera_of_any_type_is_fused_by_the_same_graph(pairs: list[Pair], dtype: Any) -> None:
    thermal, rgb = pairs[0]
    engine, cpu = (Engine("edge", device=d, precision="fp32") for d in ("cuda", "cpu"))
    engine.warm_up(128, 96)
    counts = 20 * thermal.astype(dtype)
    assert largest_difference(*(one.fuse(counts, rgb, 0) for one in (engine, cpu))) <= 1
    assert engine.facts()["fusion CUDA graphs"] == "1 captured"


def test_classes_are_those_of_the_cpu(pairs: list[Pair]) -> None:
    device, cpu = (
        Engine("edge", segmenter="segformer_b0", device=d, precision="fp32")
        for d in ("cuda", "cpu")
    )
    for _, picture in pairs:
        assert np.mean(device.segment(picture) == cpu.segment(picture)) > 0.99


def test_new_weights_are_not_those_of_the_old_graphs(pairs: list[Pair], tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_weights(other, "edge", create_fusion("edge"), {})
    engine = Engine("edge", device="cuda")
    before = engine.fuse(*pairs[0], 0)
    engine.reload(other)
    after = engine.fuse(*pairs[0], 0)
    expected = Engine("edge", weights=other, device="cpu").fuse(*pairs[0], 0)
    assert largest_difference(after, expected) <= 2
    assert largest_difference(after, before) > 2


def test_fusing_and_seeing_in_two_threads_at_once(pairs: list[Pair]) -> None:
    engine = Engine("edge", detector="fcos_small", device="cuda")
    engine.detection = DetectionSettings(threshold=0.05)
    pair, picture = pairs[0], pairs[1][1]
    expected = engine.fuse(*pair, 0), engine.detect(picture)
    seen = []
    worker = Thread(target=lambda: seen.extend(engine.detect(picture) for _ in range(50)))
    worker.start()
    fused = [engine.fuse(*pair, number) for number in range(50)]
    worker.join()
    assert len(seen) == 50
    assert all(np.array_equal(picture, expected[0]) for picture in fused)
    for objects in seen:
        np.testing.assert_allclose(objects.scores, expected[1].scores, atol=1e-3)
