# SPDX-License-Identifier: Apache-2.0
"""The layouts for RViz and Foxglove: they show what running nodes publish."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node
from rclpy.parameter import Parameter
from spinning import Client
from test_fusion_node import Cameras, fusion_node

from bifuse_ros.camera_node import CameraNode
from bifuse_ros.topics import DIAGNOSTICS, FUSED, MASK_COLOR, OVERLAY, RGB, THERMAL

Spin = Callable[[Node], Node]
ROOT = Path(__file__).resolve().parents[2]
SHOWN = {FUSED, OVERLAY, MASK_COLOR, THERMAL, RGB}
SEEING = {"detector": "fcos_small", "segmenter": "segformer_b0"}
LAYOUT = json.loads((ROOT / "config" / "foxglove_layout.json").read_text(encoding="utf-8"))


def rviz_topics() -> dict[str, dict[str, Any]]:
    config = yaml.safe_load((ROOT / "rviz" / "bifuse.rviz").read_text(encoding="utf-8"))
    displays = config["Visualization Manager"]["Displays"]
    return {display["Topic"]["Value"]: display["Topic"] for display in displays}


def foxglove_paths() -> list[tuple[str, str]]:
    """Return the names of the status and of the value that each series of a plot shows."""
    paths = [
        path["value"] for panel in LAYOUT["configById"].values() for path in panel.get("paths", [])
    ]
    form = re.escape(DIAGNOSTICS) + r'\.status\[:\]{name=="(.*)"}\.values\[:\]{key=="(.*)"}\.value'
    found = [re.fullmatch(form, path) for path in paths]
    assert found and all(found)
    return [match.groups() for match in found if match]


def foxglove_topics() -> set[str]:
    panels = LAYOUT["configById"].values()
    images = {panel["imageMode"]["imageTopic"] for panel in panels if "imageMode" in panel}
    return images | {panel["topicToRender"] for panel in panels if "topicToRender" in panel}


def leaves(layout: Any) -> Iterator[str]:
    if isinstance(layout, str):
        yield layout
    else:
        for part in ("first", "second"):
            yield from leaves(layout[part])


def test_every_panel_of_the_foxglove_layout_has_its_place() -> None:
    assert sorted(leaves(LAYOUT["layout"])) == sorted(LAYOUT["configById"])


def test_the_layouts_show_what_running_nodes_publish(running: Spin, client: Client) -> None:
    fusion = running(fusion_node(**SEEING))
    small = {"rendered.width": 64, "rendered.height": 48, "wait_for_subscribers": 100}
    overrides = [Parameter(name, value=value) for name, value in small.items()]
    cameras = running(CameraNode(parameter_overrides=overrides))

    def published() -> dict[str, str]:
        nodes = (fusion, cameras)
        found = [n.get_publisher_names_and_types_by_node(n.get_name(), "/") for n in nodes]
        return {topic: types[0] for each in found for topic, types in each}

    topics = client.until(lambda: published().keys() >= SHOWN and published(), "all is offered")
    assert set(rviz_topics()) == SHOWN
    assert foxglove_topics() == SHOWN | {DIAGNOSTICS}
    assert {topics[topic] for topic in SHOWN} == {"sensor_msgs/msg/Image"}
    assert topics[DIAGNOSTICS] == "diagnostic_msgs/msg/DiagnosticArray"
    for topic, asked in rviz_topics().items():
        (offered,) = client.get_publishers_info_by_topic(topic)
        # A display that asks for more than is offered stays empty.
        if asked["Reliability Policy"] == "Reliable":
            assert offered.qos_profile.reliability.name == "RELIABLE"
        assert asked["Durability Policy"] == "Volatile"


def test_the_plots_show_numbers_that_the_node_tells(running: Spin, client: Client) -> None:
    running(fusion_node(**SEEING))
    cameras = Cameras(client)
    cameras.await_scene()
    cameras.status(lambda values, message: "total p50 (ms)" in values)
    said = {
        (status.name, pair.key): pair.value
        for array in cameras.diagnostics
        for status in array.status
        for pair in status.values
    }
    for path in foxglove_paths():
        assert float(said[path]) >= 0
