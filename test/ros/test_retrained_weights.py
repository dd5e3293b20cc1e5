# SPDX-License-Identifier: Apache-2.0
"""What `retrain` writes takes the place of the detector of a running node, or is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rclpy.node import Node
from spinning import Client
from std_srvs.srv import Trigger
from test_fusion_node import Cameras, fusion_node, pixels
from vision_msgs.msg import Detection2DArray

from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import Engine
from bifuse_core.nets.checkpoint import card_of, save_weights, sha256_of
from bifuse_core.nets.zoo import load_detector, shipped_weights

Spin = Callable[[Node], Node]
NETWORK = "fcos_small"
LOOK = {"threshold": 0.0, "maximum": 20, "width": 96, "height": 64}
ACCURACY = 1e-4
"""Of scores that one network gives to the same picture twice."""


def retrained(folder: Path) -> Path:
    """Return weights and card as `retrain` leaves them, a little away from the shipped ones."""
    trained = load_detector(NETWORK)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in trained.net.parameters():
            parameter.mul_(1 + 0.02 * torch.randn_like(parameter))
    weights = folder / f"{NETWORK}.safetensors"
    card = {"task": "detection", "command": "bifuse retrain drive", "scores": {"person": 0.5}}
    save_weights(weights, NETWORK, trained.net, card, trained.classes)
    return weights


def copy(weights: Path, place: Path) -> None:
    """Copy weights and card to the robot."""
    shutil.copy(weights, place)
    shutil.copy(card_of(weights), card_of(place))


def scores(weights: Path, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what a detector gives to its objects in a picture, by itself."""
    engine = Engine("max", detector=NETWORK, detector_weights=weights, device="cpu")
    engine.detection = DetectionSettings(**LOOK)
    return engine.detect(picture).scores


class Sight:
    """A node whose detector may be exchanged, with cameras before it."""

    def __init__(self, running: Spin, client: Client, weights: Path) -> None:
        look = {f"detection.{name}": value for name, value in LOOK.items()}
        running(fusion_node(detector=NETWORK, detector_weights=str(weights), device="cpu", **look))
        self.cameras, self.client = Cameras(client), client
        self.seen: list[Detection2DArray] = client.listen(
            Detection2DArray, "/fusion_node/detections", 5
        )

    def look(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Send pairs until one was looked at, and return its fused picture and the scores."""
        sent = self.cameras.stamp

        def stamp(message: Any) -> int:
            return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec

        def looked() -> Any:
            self.cameras.send_scene()
            self.client.pause(0.05)
            fused = {stamp(m): m for m in self.cameras.fused}
            new = [m for m in self.seen if stamp(m) > sent and stamp(m) in fused]
            return new and (fused[stamp(new[-1])], new[-1])

        fused, found = self.client.until(looked, "detections go on")
        given = [detection.results[0].hypothesis.score for detection in found.detections]
        return pixels(fused), np.array(given)

    def reload(self) -> Trigger.Response:
        return self.client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request())

    def must_see_as(self, weights: Path) -> None:
        picture, given = self.look()
        assert len(given) == LOOK["maximum"]
        np.testing.assert_allclose(given, scores(weights, picture), atol=ACCURACY)


def test_retrained_weights_take_over_and_damaged_ones_do_not(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    place = tmp_path / "robot.safetensors"
    copy(shipped_weights(NETWORK), place)
    sight = Sight(running, client, place)
    sight.must_see_as(shipped_weights(NETWORK))
    new = retrained(tmp_path)
    picture, _ = sight.look()
    moved = np.abs(scores(new, picture) - scores(shipped_weights(NETWORK), picture)).max()
    assert moved > 10 * ACCURACY

    # The copy has come as far as the weights.
    shutil.copy(new, place)
    answer = sight.reload()
    assert not answer.success and "the old weights stay" in answer.message
    assert sha256_of(new) in answer.message and "its card says" in answer.message
    sight.must_see_as(shipped_weights(NETWORK))

    copy(new, place)
    answer = sight.reload()
    assert answer.success, answer.message
    assert f"detector sha256 {sha256_of(new)}" in answer.message
    sight.must_see_as(new)
    sight.cameras.status(lambda values, _: values.get("detector sha256") == sha256_of(new))

    # Half of it, with no card that would tell.
    place.write_bytes(new.read_bytes()[: new.stat().st_size // 2])
    card_of(place).unlink()
    answer = sight.reload()
    assert not answer.success and f"{place}: damaged" in answer.message
    sight.must_see_as(new)
