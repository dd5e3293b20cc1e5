# SPDX-License-Identifier: Apache-2.0
"""Graphs by shape, through a stand-in for their capture, so that no GPU is needed."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_capture import StandIn
from torch import Tensor

from bifuse_core.engine.cuda_graphs import KEPT, CudaGraphs
from bifuse_core.engine.detection import DetectionSettings, PictureDetector
from bifuse_core.engine.fusion import PairFusion
from bifuse_core.engine.place import Place
from bifuse_core.engine.segmentation import PictureSegmenter, SegmentationSettings
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_detector, create_segmenter

CPU = torch.device("cpu")


@pytest.fixture
def capture() -> StandIn:
    return StandIn()


def difference(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return a - b, a.sum()


def test_every_call_gives_what_the_function_gives(capture: StandIn) -> None:
    graphs = CudaGraphs(difference, capture)
    for _ in range(3):
        a, b = torch.rand(2, 4, 5)
        for made, expected in zip(graphs(a, b), difference(a, b), strict=True):
            torch.testing.assert_close(made, expected)
    assert (len(capture.captured), capture.replayed) == (1, 3)


def test_the_inputs_are_not_written_to(capture: StandIn) -> None:
    graphs = CudaGraphs(lambda x: x.mul_(2), capture)
    x = torch.ones(3)
    assert graphs(x).tolist() == [2, 2, 2]
    assert x.tolist() == [1, 1, 1]


def test_one_graph_for_each_shape_and_each_type(capture: StandIn) -> None:
    graphs = CudaGraphs(torch.neg, capture)
    kinds = [torch.ones(2), torch.ones(3), torch.ones(2, 1), torch.ones(2, dtype=torch.float64)]
    for x in (*kinds, *kinds):
        made = graphs(x)
        assert (made.shape, made.dtype) == (x.shape, x.dtype)
    assert capture.captured == [tuple(x.shape) for x in kinds]
    assert graphs.state == "4 captured"


def test_one_graph_for_each_choice_of_options(capture: StandIn) -> None:
    graphs = CudaGraphs(lambda x, *, by: x * by, capture)
    for by in (2, 3, 2, 3):
        assert graphs(torch.ones(2), by=by).tolist() == [by, by]
    assert graphs.state == "2 captured"


def test_the_graph_that_was_not_used_for_longest_goes(capture: StandIn) -> None:
    graphs = CudaGraphs(torch.neg, capture)
    for length in range(KEPT):
        graphs(torch.ones(length))
    graphs(torch.ones(0))
    graphs(torch.ones(KEPT))
    assert graphs.state == f"{KEPT} captured"
    capture.captured.clear()
    graphs(torch.ones(0))
    graphs(torch.ones(KEPT))
    graphs(torch.ones(1))
    assert capture.captured == [(1,)]


def test_where_capturing_fails_the_function_is_called(caplog: pytest.LogCaptureFixture) -> None:
    tried = []

    def refuse(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
        tried.append(inputs)
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")

    graphs = CudaGraphs(torch.neg, refuse)
    with caplog.at_level(logging.WARNING):
        for value in (1.0, 2.0):
            assert graphs(torch.full((2,), value)).tolist() == [-value, -value]
    reason = "operation not permitted when stream is capturing"
    assert len(tried) == 1
    assert caplog.messages == [f"no CUDA graph for inputs (2,), slower: {reason}"]
    assert graphs.state == f"none, computed step by step: {reason}"


def test_what_the_function_itself_refuses_is_raised(capture: StandIn) -> None:
    graphs = CudaGraphs(torch.matmul, capture)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        graphs(torch.ones(2, 3), torch.ones(2, 3))


def test_graphs_and_the_weights_they_hold_go_with_their_owner(capture: StandIn) -> None:
    net = torch.nn.Linear(3, 3)
    graphs = CudaGraphs(net, capture)
    graphs(torch.ones(1, 3))
    kept = weakref.ref(net)
    del net, graphs
    gc.collect()
    assert kept() is None


def test_a_pair_is_fused_through_graphs_as_without(
    random: np.random.Generator, capture: StandIn
) -> None:
    plain = PairFusion("max", None, Place(CPU, torch.float32))
    fusion = PairFusion("max", None, Place(CPU, torch.float32, capture=capture))
    for size in ((5, 8), (5, 8), (6, 7)):
        rgb = random.integers(0, 256, (*size, 3), np.uint8)
        for dtype, limits in ((np.uint8, (0, 255)), (np.uint16, (9, 200)), (np.float32, (7, 99))):
            thermal = random.integers(0, 256, size).astype(dtype)
            fused = fusion(thermal, limits, rgb)
            np.testing.assert_array_equal(fused, plain(thermal, limits, rgb))
    # Neither another camera nor other limits need another graph.
    assert capture.captured == [(5, 8), (6, 7)]
    assert fusion.facts().keys() == {
        "fusion backend",
        "fusion CUDA graphs",
        "fusion upload (ms)",
        "fusion fuse (ms)",
        "fusion download (ms)",
    }
    assert plain.facts() == {"fusion backend": "torch"}


def test_objects_and_classes_are_seen_through_graphs_as_without(
    random: np.random.Generator, capture: StandIn, tmp_path: Path
) -> None:
    pictures = random.integers(0, 256, (2, 64, 96, 3), np.uint8)
    classes = "person", "car"
    files = tmp_path / "detector.safetensors", tmp_path / "segmenter.safetensors"
    save_weights(files[0], "fcos_small", create_detector("fcos_small", 2), {}, classes)
    save_weights(files[1], "segformer_b0", create_segmenter("segformer_b0", 2), {}, classes)
    places = Place(CPU, torch.float32), Place(CPU, torch.float32, capture=capture)
    detectors = [PictureDetector("fcos_small", files[0], place) for place in places]
    segmenters = [PictureSegmenter("segformer_b0", files[1], place) for place in places]
    settings = DetectionSettings(threshold=0.05)
    for picture in pictures:
        plain, graphed = (detector(picture, settings) for detector in detectors)
        assert len(plain.boxes)
        for one, other in zip(plain, graphed, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-5)
        for size in (SegmentationSettings(), SegmentationSettings(64, 32)):
            np.testing.assert_array_equal(*(segmenter(picture, size) for segmenter in segmenters))
    # Of the picture as the detector sees it, and of the whole for each size that is seen.
    assert capture.captured == [(427, 640, 3), (64, 96, 3), (64, 96, 3)]
    assert capture.replayed == 6
