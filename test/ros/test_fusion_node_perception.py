# SPDX-License-Identifier: Apache-2.0
"""Boxes, masks and overlay on real topics, from networks with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from rcl_interfaces.msg import ParameterType, ParameterValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from spinning import Client
from std_srvs.srv import Trigger
from test_fusion_node import HEIGHT, WIDTH, Cameras, fusion_node
from test_fusion_node_control import number, set_parameter, state, transition
from vision_msgs.msg import Detection2DArray, LabelInfo

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.engine.detection import PictureDetector
from bifuse_core.engine.perception import NOTHING, Objects
from bifuse_core.engine.segmentation import PictureSegmenter
from bifuse_core.imaging.overlay import MASK_COLOURS, mask_picture
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_detector, create_segmenter

Spin = Callable[[Node], Node]
DETECTIONS, OVERLAY = "/fusion_node/detections", "/fusion_node/overlay/image"
MASK, LABELS = "/fusion_node/segmentation/mask", "/fusion_node/segmentation/label_info"
MASK_COLOR = "/fusion_node/segmentation/mask_color"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

TWO = Objects(
    np.array([[10, 8, 40, 50], [50.5, 20, 60, 31]], np.float32),
    np.array([0.75, 0.5], np.float32),
    np.array([0, 2]),
)
"""A person and a vehicle."""


@pytest.fixture(scope="module")
def sighted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return parameters of a node that sees, with random weights."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    detector, segmenter = folder / "detector.safetensors", folder / "segmenter.safetensors"
    save_weights(detector, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    segformer = create_segmenter("segformer_b0", len(SEGMENTATION_CLASSES))
    save_weights(segmenter, "segformer_b0", segformer, {}, SEGMENTATION_CLASSES)
    return {
        "detector": "fcos_small",
        "detector_weights": str(detector),
        "segmenter": "segformer_b0",
        "segmenter_weights": str(segmenter),
        "detection.width": 96,
        "detection.height": 64,
        "segmentation.width": 96,
        "segmentation.height": 64,
    }


@pytest.fixture
def boxes_only(sighted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sighted.items() if not name.startswith("segment")}


def values(cameras: Cameras, sight: str) -> dict[str, str]:
    """Return the last diagnostics of a sight."""
    for array in reversed(cameras.diagnostics):
        for status in array.status:
            if status.name == f"fusion_node: {sight}":
                return {pair.key: pair.value for pair in status.values}
    return {}


def until_published(cameras: Cameras, messages: list[Any], count: int = 1) -> Any:
    """Send pairs until so many messages have arrived, and return the last."""
    until = len(messages) + count

    def arrived() -> bool:
        cameras.send_scene(seed=1)
        cameras.client.pause(0.05)
        return len(messages) >= until

    cameras.client.until(arrived, "the result is published")
    return messages[-1]


def test_detections_under_the_reference_header(
    running: Spin, client: Client, sighted: dict[str, Any]
) -> None:
    running(fusion_node(**sighted, **{"detection.threshold": 0.0, "detection.maximum": 7}))
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    message = until_published(cameras, arrived)
    assert message.header.frame_id == "rgb_optical"
    stamps = [fused.header.stamp for fused in cameras.fused]
    assert message.header.stamp in stamps
    assert len(message.detections) == 7
    scores = []
    for detection in message.detections:
        assert detection.header == message.header
        (result,) = detection.results
        assert result.hypothesis.class_id in DETECTION_CLASSES
        scores.append(result.hypothesis.score)
        centre, half = detection.bbox.center.position, detection.bbox.size_x / 2
        assert -1e-3 <= centre.x - half <= centre.x + half <= WIDTH + 1e-3
        assert 0 < detection.bbox.size_y <= HEIGHT + 1e-3
    assert scores == sorted(scores, reverse=True)


def test_each_box_has_its_centre_size_class_and_score(
    running: Spin, client: Client, boxes_only: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureDetector, "__call__", lambda *_: TWO)
    running(fusion_node(**boxes_only, reference="thermal"))
    cameras = Cameras(client)
    message = until_published(cameras, client.listen(Detection2DArray, DETECTIONS, 5))
    assert message.header.frame_id == "thermal_optical"
    person, vehicle = message.detections
    assert person.results[0].hypothesis.class_id == "person"
    assert person.results[0].hypothesis.score == 0.75
    assert (person.bbox.center.position.x, person.bbox.center.position.y) == (25, 29)
    assert (person.bbox.size_x, person.bbox.size_y) == (30, 42)
    assert vehicle.results[0].hypothesis.class_id == "vehicle"
    assert (vehicle.bbox.center.position.x, vehicle.bbox.size_x) == (55.25, 9.5)


def test_an_empty_array_says_that_nothing_is_there(
    running: Spin, client: Client, boxes_only: dict[str, Any]
) -> None:
    running(fusion_node(**boxes_only, **{"detection.threshold": 1.0}))
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    message = until_published(cameras, arrived, count=3)
    assert list(message.detections) == []
    assert message.header.frame_id == "rgb_optical"


def test_the_mask_and_its_labels(running: Spin, client: Client, sighted: dict[str, Any]) -> None:
    node = running(fusion_node(**sighted))
    cameras = Cameras(client)
    message: Image = until_published(cameras, client.listen(Image, MASK, 5))
    assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, "mono8")
    assert message.step == WIDTH
    assert message.header.frame_id == "rgb_optical"
    assert set(message.data) <= set(range(len(SEGMENTATION_CLASSES)))
    fused = next(f for f in cameras.fused if f.header == message.header)
    picture = np.asarray(fused.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    expected = node._engine.segment(picture)
    np.testing.assert_array_equal(np.asarray(message.data).reshape(HEIGHT, WIDTH), expected)
    # The names were published long before this subscription.
    labels: list[LabelInfo] = client.listen(LabelInfo, LABELS, LATCHED)
    client.until(lambda: labels, "the names of the classes come to a late subscriber")
    found = {entry.class_id: entry.class_name for entry in labels[-1].class_map}
    assert found == dict(enumerate(SEGMENTATION_CLASSES))


def test_the_mask_in_colours_for_those_who_look_at_it(
    running: Spin, client: Client, sighted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[Any] = []

    def counted(mask: Any, names: Any) -> Any:
        painted.append(names)
        return mask_picture(mask, names)

    monkeypatch.setattr("bifuse_ros.perception_path.mask_picture", counted)
    running(fusion_node(**sighted))
    cameras = Cameras(client)
    masks: list[Image] = client.listen(Image, MASK, 5)
    until_published(cameras, masks, count=2)
    assert not painted
    message: Image = until_published(cameras, client.listen(Image, MASK_COLOR, 5))
    assert painted
    assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, "rgb8")

    def of_it() -> list[Image]:
        return [mask for mask in masks if mask.header == message.header]

    (mask,) = client.until(of_it, "the mask with this header comes too")
    labels: list[LabelInfo] = client.listen(LabelInfo, LABELS, LATCHED)
    client.until(lambda: labels, "the names of the classes come")
    names = {entry.class_id: entry.class_name for entry in labels[-1].class_map}
    colours = np.array([MASK_COLOURS[names[number]] for number in mask.data], np.uint8)
    np.testing.assert_array_equal(np.asarray(message.data), colours.ravel())


def test_the_overlay_shows_boxes_over_the_picture(
    running: Spin, client: Client, boxes_only: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureDetector, "__call__", lambda *_: TWO)
    running(fusion_node(**boxes_only))
    cameras = Cameras(client)
    message: Image = until_published(cameras, client.listen(Image, OVERLAY, 5))
    assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, "rgb8")
    fused = next(f for f in cameras.fused if f.header == message.header)
    drawn, plain = (np.asarray(m.data).reshape(HEIGHT, WIDTH, 3) for m in (message, fused))
    changed = (drawn != plain).any(axis=2)
    assert changed[8, 30:40].all()
    assert changed[8:50, 10].all()
    assert not changed[52:, :].any()


def test_the_overlay_shows_the_mask_where_there_is_no_detector(
    running: Spin, client: Client, sighted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    road = np.full((HEIGHT, WIDTH), 255, np.uint8)
    road[32:] = 0
    monkeypatch.setattr(PictureSegmenter, "__call__", lambda *_: road)
    running(fusion_node(**sighted | {"detector": "none"}))
    cameras = Cameras(client)
    message: Image = until_published(cameras, client.listen(Image, OVERLAY, 5))
    fused = next(f for f in cameras.fused if f.header == message.header)
    drawn, plain = (np.asarray(m.data).reshape(HEIGHT, WIDTH, 3) for m in (message, fused))
    np.testing.assert_array_equal(drawn[:32], plain[:32])
    expected = 0.55 * plain[32:] + 0.45 * np.array([128, 64, 128])
    assert np.abs(drawn[32:] - expected).max() <= 1
    assert client.count_publishers(DETECTIONS) == 0


def test_nothing_is_computed_for_nobody(
    running: Spin, client: Client, sighted: dict[str, Any]
) -> None:
    running(fusion_node(**sighted))
    cameras = Cameras(client)
    cameras.await_scene()
    client.until(
        lambda: (
            int(values(cameras, "detection").get("pictures", -1)) == 0
            and int(values(cameras, "segmentation").get("pictures", -1)) == 0
        ),
        "diagnostics tell that nothing was looked at",
    )
    until_published(cameras, client.listen(Image, MASK, 5), count=2)
    client.until(
        lambda: int(values(cameras, "segmentation").get("pictures", 0)) >= 2, "masks are counted"
    )
    assert values(cameras, "detection")["pictures"] == "0"


def test_no_topics_without_networks(running: Spin, client: Client) -> None:
    running(fusion_node(detector="none"))
    Cameras(client).await_scene()
    for topic in (DETECTIONS, OVERLAY, MASK, MASK_COLOR, LABELS):
        assert client.count_publishers(topic) == 0


def test_the_threshold_is_live(running: Spin, client: Client, boxes_only: dict[str, Any]) -> None:
    running(fusion_node(**boxes_only, **{"detection.threshold": 0.0}))
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    assert len(until_published(cameras, arrived).detections) > 0
    assert set_parameter(client, "detection.threshold", number(1.0)) == (True, "")
    message = until_published(cameras, arrived, count=3)
    assert len(message.detections) == 0
    accepted, reason = set_parameter(client, "detection.threshold", number(1.5))
    assert not accepted
    assert "range" in reason


def names(*classes: str) -> ParameterValue:
    return ParameterValue(
        type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=list(classes)
    )


def test_classes_are_chosen_live_and_unknown_ones_refused(
    running: Spin, client: Client, boxes_only: dict[str, Any]
) -> None:
    running(fusion_node(**boxes_only, **{"detection.threshold": 0.0}))
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    until_published(cameras, arrived)
    assert set_parameter(client, "detection.classes", names("bicycle")) == (True, "")
    message = until_published(cameras, arrived, count=3)
    found = {d.results[0].hypothesis.class_id for d in message.detections}
    assert found == {"bicycle"}
    accepted, reason = set_parameter(client, "detection.classes", names("person", "cat"))
    assert not accepted
    assert "'cat'; choose from person, bicycle, vehicle" in reason
    message = until_published(cameras, arrived, count=2)
    assert {d.results[0].hypothesis.class_id for d in message.detections} == {"bicycle"}


def test_unknown_classes_at_start_leave_it_unconfigured(
    running: Spin, client: Client, boxes_only: dict[str, Any]
) -> None:
    running(fusion_node(**boxes_only, **{"detection.classes": ["cat"]}))
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert set_parameter(client, "detection.classes", names("all")) == (True, "")
    assert transition(client, Transition.TRANSITION_CONFIGURE)


def test_a_slow_detector_delays_neither_fusion_nor_masks(
    running: Spin, client: Client, sighted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> Objects:
        time.sleep(1.0)
        return NOTHING

    monkeypatch.setattr(PictureDetector, "__call__", slow)
    running(fusion_node(**sighted))
    cameras = Cameras(client)
    cameras.await_scene()
    detections: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    masks: list[Image] = client.listen(Image, MASK, 5)
    until_published(cameras, masks)
    fused, segmented, seen = len(cameras.fused), len(masks), len(detections)
    for _ in range(75):
        cameras.send_scene()
        client.pause(0.04)
    client.pause(0.3)
    assert len(cameras.fused) - fused >= 68
    assert 1 <= len(detections) - seen <= 4
    # One that waited for the other would come as often.
    assert len(masks) - segmented > 2 * (len(detections) - seen)
    client.until(
        lambda: int(values(cameras, "detection").get("displaced", 0)) > 40,
        "the pictures that were not looked at are counted",
    )
    assert float(values(cameras, "detection")["look p50 (ms)"]) == pytest.approx(1000, rel=0.1)


def test_a_failing_detector_is_counted_and_all_else_goes_on(
    running: Spin, client: Client, sighted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Objects:
        raise RuntimeError("out of memory, say")

    running(fusion_node(**sighted))
    monkeypatch.setattr(PictureDetector, "__call__", broken)
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    masks: list[Image] = client.listen(Image, MASK, 5)
    until_published(cameras, masks, count=3)
    cameras.await_scene()
    status = cameras.status(lambda _, message: "pictures failed lately" in message)
    assert status.name == "fusion_node: detection"
    assert status.level == DiagnosticStatus.WARN
    assert int({v.key: v.value for v in status.values}["failed"]) >= 1
    assert arrived == []
    monkeypatch.undo()
    until_published(cameras, arrived)


def test_diagnostics_name_networks_and_latencies(
    running: Spin, client: Client, sighted: dict[str, Any]
) -> None:
    running(fusion_node(**sighted))
    cameras = Cameras(client)
    overlays: list[Image] = client.listen(Image, OVERLAY, 5)
    until_published(cameras, overlays, count=5)
    # Nothing but the overlay is subscribed, and it needs both.
    client.until(
        lambda: (
            "overlay p95 (ms)" in values(cameras, "detection")
            and "look p95 (ms)" in values(cameras, "segmentation")
        ),
        "diagnostics tell latencies",
    )
    for sight, role in (("detection", "detector"), ("segmentation", "segmenter")):
        found = values(cameras, sight)
        assert found[role] == sighted[role]
        assert len(found[f"{role} sha256"]) == 64
        assert float(found["age p99 (ms)"]) > float(found["look p50 (ms)"]) > 0
    assert float(values(cameras, "detection")["overlay p50 (ms)"]) > 0


def test_weights_of_the_detector_are_exchanged_while_it_runs(
    running: Spin, client: Client, boxes_only: dict[str, Any], tmp_path: Path
) -> None:
    weights = tmp_path / "own.safetensors"
    torch.manual_seed(1)
    save_weights(weights, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    parameters = boxes_only | {"detector_weights": str(weights), "detection.threshold": 0.0}
    running(fusion_node(**parameters))
    cameras = Cameras(client)
    arrived: list[Detection2DArray] = client.listen(Detection2DArray, DETECTIONS, 5)
    until_published(cameras, arrived)
    fresh = save_weights(
        weights, "fcos_small", create_detector("fcos_small", 2), {}, ("cat", "dog")
    )
    answer = client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request())
    assert answer.success, answer.message
    assert f"detector sha256 {fresh}" in answer.message
    message = until_published(cameras, arrived, count=3)
    assert {d.results[0].hypothesis.class_id for d in message.detections} <= {"cat", "dog"}
    assert len(message.detections) > 0
