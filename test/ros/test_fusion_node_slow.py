# SPDX-License-Identifier: Apache-2.0
"""A fusion node that has to wait for its engine: still fresh, and no fuller."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
from image_messages import image, scene
from rclpy.node import Node
from spinning import Client
from std_srvs.srv import Trigger
from test_fusion_node import HEIGHT, WIDTH, Cameras, fusion_node

from bifuse_core.engine.engine import Engine
from bifuse_ros.frame import Frame

Spin = Callable[[Node], Node]

TURN = 1.0
"""Seconds that the engine takes for a pair."""
PERIOD = 1 / 60
"""Seconds between two pairs of the cameras."""
SENT = 240


def test_of_sixty_pairs_a_second_it_fuses_the_newest_each_time_and_keeps_no_others(
    running: Spin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_sent, behind, held = 0, [], []

    def slow(_: Engine, thermal: Any, rgb: Any, stamp: int) -> Any:
        behind.append((last_sent - stamp) * 1e-9)
        # What waits for a slow engine waits as frames with their messages.
        held.append(sum(isinstance(thing, Frame) for thing in gc.get_objects()))
        time.sleep(TURN)
        return rgb

    monkeypatch.setattr(Engine, "fuse", slow)
    running(fusion_node())
    cameras = Cameras(client)
    thermal, rgb = scene(0, WIDTH, HEIGHT)
    start = time.monotonic()
    for number in range(SENT):
        last_sent = 1_700_000_000_000_000_000 + round(number * PERIOD * 1e9)
        cameras.send(image(thermal, "mono8", last_sent), image(rgb, "rgb8", last_sent))
        client.pause(max(0.0, start + number * PERIOD - time.monotonic()))
    fused = len(behind)
    assert fused >= 2
    status = cameras.status(lambda _, message: "most pairs are displaced" in message)
    assert status.level == status.OK
    # A queue would have it seconds behind at the end.
    assert max(behind) < TURN
    # One pair in work, one that waits, and what waits for its partner.
    assert max(held) <= 16
    # The last one that waited is fused too.
    client.until(lambda: len(behind) > fused, "the newest pair is fused")
    client.pause(1.2 * TURN)
    cameras.diagnostics.clear()
    status = cameras.status(lambda values, _: "displaced" in values)
    values = {v.key: v.value for v in status.values}
    # A busy machine loses messages on their way.
    assert int(values["pairing paired"]) > SENT / 2
    assert int(values["pairing paired"]) == int(values["displaced"]) + len(behind)


def test_pairs_are_fused_while_weights_are_read(
    running: Spin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reload, fused = Engine.reload, []

    def slow(engine: Engine, *weights: Any) -> None:
        before = len(cameras.fused)
        time.sleep(TURN)
        fused.append(len(cameras.fused) - before)
        reload(engine, *weights)

    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    monkeypatch.setattr(Engine, "reload", slow)
    caller = client.create_client(Trigger, "/fusion_node/reload_weights")
    client.until(caller.service_is_ready, "weights can be exchanged")
    client.pause(0.5)
    answer = caller.call_async(Trigger.Request())

    def answered() -> bool:
        cameras.send_scene()
        client.pause(0.05)
        return answer.done()

    client.until(answered, "the weights are exchanged")
    assert answer.result().success
    # A node that waits would have none.
    assert fused[0] >= 3
    assert client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request()).success
