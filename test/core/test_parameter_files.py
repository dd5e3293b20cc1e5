# SPDX-License-Identifier: Apache-2.0
"""Files of ROS parameters and single ones, as the offline commands read them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml

from bifuse_core.bilevel.camera_options import chosen_cameras
from bifuse_core.imaging.alignment.files import read_parameters


def written(folder: Path, content: Any) -> Path:
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def body(**values: Any) -> dict[str, Any]:
    return {"ros__parameters": values}


@pytest.mark.parametrize(
    "content",
    [
        {"front": {"fusion_node": body(sync={"offset": -0.1}, reference="thermal")}},
        {"/front/fusion_node": {"ros__parameters": {"sync.offset": -0.1, "reference": "thermal"}}},
        {"fusion_node": body(sync={"offset": -0.1}), "/fusion_node": body(reference="thermal")},
        {"/**": body(sync={"offset": -0.1}), "front": {"fusion_node": body(reference="thermal")}},
        {"/**": {"fusion_node": body(sync={"offset": -0.1})}, "/*": body(reference="thermal")},
        {
            "/**": body(reference="rgb"),
            "front": {
                "camera_node": body(reference="lidar", sync=[1]),
                "fusion_node": body(sync={"offset": -0.1}, reference="thermal"),
            },
            "rear": {"camera_node": body(reference="lidar")},
        },
    ],
)
def test_parameters_of_one_node_are_read(tmp_path: Path, content: Any) -> None:
    given = read_parameters(written(tmp_path, content))
    assert given == {"sync.offset": -0.1, "reference": "thermal"}


TWO = "holds parameters of /front/fusion_node and /rear/fusion_node; give a file of one node"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"/front/fusion_node": body(reference="rgb"), "/rear/fusion_node": body(a=1)}, TWO),
        ({"front": {"fusion_node": body(a=1)}, "rear": {"fusion_node": body(a=2)}}, TWO),
        ({"/front/**": body(a=1), "/rear/fusion_node": body(a=2)}, TWO),
        ({"fusion_node": {"ros__parameters": [1]}}, r"ros__parameters of /fusion_node is \[1\]"),
        ({1: {"fusion_node": body(a=1)}}, "1 is no name of a node or parameter"),
        ({"fusion_node": body(alignment={3: 1})}, "3 is no name of a node or parameter"),
        ({"fusion_node": {"ros__parameters": None}}, "holds no ros__parameters of fusion_node"),
    ],
)
def test_what_is_not_of_one_node_is_refused(tmp_path: Path, content: Any, complaint: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(ValueError, match=f"^{file}: {complaint}"):
        read_parameters(file)


@pytest.mark.parametrize(
    ("single", "complaint"),
    [("sync.offset", "--camera takes KEY=VALUE"), ("reference=[", "--camera reference: ")],
)
def test_a_fault_of_a_single_parameter_names_its_option(single: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        chosen_cameras(argparse.Namespace(params=[], camera=[single]))
