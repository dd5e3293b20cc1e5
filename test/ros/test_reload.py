# SPDX-License-Identifier: Apache-2.0
"""`reload`: asks a node that runs to read its weights again, and tells how that went."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node
from test_fusion_node import fusion_node

from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_fusion
from bifuse_ros.reload import main

Start = Callable[..., subprocess.Popen[str]]


def test_it_says_whether_the_node_takes_the_weights(
    running: Callable[[Node], Node], process: Start, tmp_path: Path
) -> None:
    weights = tmp_path / "edge.safetensors"
    save_weights(weights, "edge", create_fusion("edge"), {})
    running(fusion_node(weights=str(weights)))
    fresh = save_weights(weights, "edge", create_fusion("edge"), {})
    taken = process("bifuse_ros.reload")
    output, _ = taken.communicate(timeout=60)
    assert taken.returncode == 0, output
    assert fresh in output

    weights.write_bytes(weights.read_bytes()[:-10])
    refused = process("bifuse_ros.reload", "--node", "/fusion_node")
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1, output
    assert "the old weights stay" in output and str(weights) in output


@pytest.fixture
def no_context() -> None:
    """The command opens and closes one by itself."""
    rclpy.shutdown()


@pytest.mark.usefixtures("no_context")
def test_without_such_a_node_it_names_service_and_domain(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bifuse_ros.reload.SEEN", 0.5)
    assert main(["--node", "/robot/fusion_node"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "/robot/fusion_node/reload_weights" in error
    assert f"ROS_DOMAIN_ID is {os.environ['ROS_DOMAIN_ID']}" in error


@pytest.mark.usefixtures("no_context")
def test_a_name_that_cannot_be_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--node", "fusion node"]) == 2
    assert "fusion node" in capfd.readouterr().err
