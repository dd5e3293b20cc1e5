# SPDX-License-Identifier: Apache-2.0
"""What a recording says of itself, asked of a real fusion node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from spinning import Client

from bifuse_core import __version__
from bifuse_core.data.bag_notes import bag_notes
from bifuse_ros.fusion_node import FusionNode
from bifuse_ros.recorder_node import RecorderNode

Spin = Callable[[Node], Node]
ROOT = Path(__file__).resolve().parents[2]


def test_a_bag_says_under_what_it_was_recorded(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    mcap_reader = pytest.importorskip("mcap.reader", reason="mcap is missing")
    values = {"warm_up.width": 96, "warm_up.height": 64, "sync.slop": 0.015}
    values |= {"detector": "none", "segmenter": "none"}
    fusion = FusionNode(parameter_overrides=[Parameter(n, value=v) for n, v in values.items()])
    fusion.start()
    running(fusion)
    given = {"bag": str(tmp_path / "bag"), "choose.every": 2}
    recorder = running(
        RecorderNode(parameter_overrides=[Parameter(n, value=v) for n, v in given.items()])
    )
    known = recorder.provenance
    client.until(lambda: known.parameters and known.weights, "the fusion node answers")
    recorder.destroy_node()
    notes = bag_notes(tmp_path / "bag")
    assert notes["version"] == __version__
    assert notes["recorder"]["choose.every"] == 2
    assert notes["pairs"]["chosen"] == 0
    assert values.items() <= notes["parameters"].items()
    assert notes["parameters"]["detection.classes"] == ["all"]
    weights = ROOT / "bifuse_core" / "weights" / "edge.safetensors"
    sums = {"weights sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert notes["weights"] == sums
    # The copy in the file, for those who get it alone.
    with (tmp_path / "bag" / "bag.mcap").open("rb") as file:
        (metadata,) = mcap_reader.make_reader(file).iter_metadata()
    assert json.dumps(sums) in metadata.metadata["serialized_metadata"].replace("\n", "")
