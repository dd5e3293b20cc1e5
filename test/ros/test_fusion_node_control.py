# SPDX-License-Identifier: Apache-2.0
"""The fusion node's lifecycle, parameters, services and warnings."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log, Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from spinning import Client
from std_srvs.srv import Trigger
from test_fusion_node import Cameras, fusion_node

from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import create_fusion

Spin = Callable[[Node], Node]
KEPT = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Hears what was logged before, too."""


def transition(client: Client, label: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=label))
    return bool(client.call(ChangeState, "/fusion_node/change_state", request).success)


def state(client: Client) -> int:
    answer = client.call(GetState, "/fusion_node/get_state", GetState.Request())
    return int(answer.current_state.id)


def set_parameter(client: Client, name: str, value: ParameterValue) -> tuple[bool, str]:
    request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
    (result,) = client.call(SetParameters, "/fusion_node/set_parameters", request).results
    return result.successful, result.reason


def number(value: float) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)


def text(value: str) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)


def test_without_autostart_it_waits_unconfigured(running: Spin, client: Client) -> None:
    running(fusion_node(autostart=False))
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert client.count_subscribers("/rgb/image_raw") == 0


def test_it_goes_up_and_down_ten_times_and_still_fuses(running: Spin, client: Client) -> None:
    running(fusion_node(autostart=False))
    for _ in range(10):
        assert transition(client, Transition.TRANSITION_CONFIGURE)
        assert transition(client, Transition.TRANSITION_ACTIVATE)
        assert transition(client, Transition.TRANSITION_DEACTIVATE)
        assert transition(client, Transition.TRANSITION_CLEANUP)
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    assert transition(client, Transition.TRANSITION_CONFIGURE)
    assert transition(client, Transition.TRANSITION_ACTIVATE)
    Cameras(client).await_scene()


def test_deactivated_it_neither_subscribes_nor_publishes(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    cameras.await_scene()
    assert transition(client, Transition.TRANSITION_DEACTIVATE)
    client.until(lambda: not client.count_subscribers("/rgb/image_raw"), "it unsubscribes")
    client.pause(0.3)
    count = len(cameras.fused)
    for _ in range(5):
        cameras.send_scene()
        client.pause(0.05)
    assert len(cameras.fused) == count
    assert transition(client, Transition.TRANSITION_ACTIVATE)
    cameras.await_scene()


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"weights": "/nowhere/edge.safetensors"}, id="missing weights"),
        pytest.param({"device": "cuda:99"}, id="missing device"),
        pytest.param({"device": "abacus"}, id="unknown device"),
        pytest.param({"sync.slob": 0.1}, id="misspelt parameter"),
        pytest.param(
            {"sync.method": "message_filters"},
            id="message_filters missing",
            marks=pytest.mark.skipif(
                find_spec("message_filters") is not None, reason="message_filters is installed"
            ),
        ),
    ],
)
def test_what_it_cannot_configure_is_said_and_leaves_it_unconfigured(
    running: Spin, client: Client, parameters: dict[str, Any]
) -> None:
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    node = running(fusion_node(autostart=False, **parameters))
    assert not transition(client, Transition.TRANSITION_CONFIGURE)
    assert state(client) == State.PRIMARY_STATE_UNCONFIGURED
    (named,) = parameters.values() if "sync.slob" not in parameters else ("sync.slob",)

    def said() -> bool:
        return any(str(named) in entry.msg for entry in log if entry.name == node.get_name())

    client.until(said, f"the log names {named}")


def test_what_it_cannot_activate_is_said_and_leaves_it_inactive(
    running: Spin, client: Client
) -> None:
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    override = "qos_overrides./rgb/image_raw.subscription.reliability"
    running(fusion_node(**{override: "nonsense"}))
    assert state(client) == State.PRIMARY_STATE_INACTIVE
    client.until(lambda: any("cannot activate" in entry.msg for entry in log), "the log says so")
    client.until(lambda: any("not active" in entry.msg for entry in log), "autostart says so")
    assert transition(client, Transition.TRANSITION_CLEANUP)


def test_results_are_off_the_graph_after_cleanup(running: Spin, client: Client) -> None:
    running(fusion_node())
    topic = "/fusion_node/fused/image"
    client.until(lambda: client.count_publishers(topic) == 1, "it offers its result")
    assert transition(client, Transition.TRANSITION_DEACTIVATE)
    assert transition(client, Transition.TRANSITION_CLEANUP)
    client.until(lambda: client.count_publishers(topic) == 0, "it takes its result away")
    assert transition(client, Transition.TRANSITION_CONFIGURE)
    client.until(lambda: client.count_publishers(topic) == 1, "it offers its result once again")


def test_after_a_failed_configure_it_can_be_mended(running: Spin, client: Client) -> None:
    running(fusion_node(autostart=False, weights="/nowhere/edge.safetensors"))
    assert not transition(client, Transition.TRANSITION_CONFIGURE)
    assert set_parameter(client, "weights", text("")) == (True, "")
    assert transition(client, Transition.TRANSITION_CONFIGURE)
    assert transition(client, Transition.TRANSITION_ACTIVATE)
    Cameras(client).await_scene()


@pytest.mark.parametrize(
    ("name", "value", "error", "says"),
    [
        ("sync.slop", 7.0, InvalidParameterValueException, "sync.slop"),
        ("sync.capacity", 1, InvalidParameterValueException, "sync.capacity"),
        ("sync.slop", "wide", InvalidParameterTypeException, "sync.slop"),
        ("network", "transformer", ValueError, "'transformer'; choose from edge, bdl"),
        ("thermal.unit", "fahrenheit", ValueError, "'fahrenheit'; choose from raw, centikelvin"),
        ("thermal.minimum", 80.0, ValueError, "thermal.minimum 80.0 .* thermal.maximum 60.0"),
    ],
)
def test_wrong_values_at_start_are_refused_by_name(
    name: str, value: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        fusion_node(**{name: value})


def test_parameters_are_described_with_limits_and_choices(running: Spin, client: Client) -> None:
    running(fusion_node(autostart=False))
    request = DescribeParameters.Request(names=["sync.slop", "network"])
    answer = client.call(DescribeParameters, "/fusion_node/describe_parameters", request)
    slop, network = answer.descriptors
    assert slop.floating_point_range[0].to_value == 1.0
    assert "edge | bdl" in network.description


def test_live_parameters_take_effect_and_wrong_ones_do_not(running: Spin, client: Client) -> None:
    running(fusion_node())
    cameras = Cameras(client)
    before = bytes(cameras.await_scene().data)
    assert set_parameter(client, "thermal.range", text("fixed")) == (True, "")
    assert bytes(cameras.await_scene().data) != before
    accepted, reason = set_parameter(client, "sync.slop", number(-1.0))
    assert not accepted
    assert "range" in reason
    accepted, reason = set_parameter(client, "thermal.minimum", number(61.0))
    assert not accepted
    assert "thermal.maximum 60.0" in reason
    accepted, reason = set_parameter(client, "network", text("bdl"))
    assert not accepted
    assert "deactivate" in reason
    accepted, _ = set_parameter(client, "no.such.parameter", number(1.0))
    assert not accepted
    cameras.await_scene()


def test_weights_are_exchanged_while_it_runs_and_kept_on_failure(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    weights = tmp_path / "edge.safetensors"
    save_weights(weights, "edge", create_fusion("edge"), {})
    running(fusion_node(weights=str(weights)))
    cameras = Cameras(client)
    before = bytes(cameras.await_scene().data)
    weights.write_bytes(weights.read_bytes()[:-10])
    answer = client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request())
    assert not answer.success
    assert "sha256" in answer.message
    assert bytes(cameras.await_scene().data) == before
    checksum = save_weights(weights, "edge", create_fusion("edge"), {})
    answer = client.call(Trigger, "/fusion_node/reload_weights", Trigger.Request())
    assert answer.success
    assert checksum in answer.message
    assert bytes(cameras.await_scene().data) != before


def test_a_malformed_request_does_not_end_it(
    client: Client, process: Callable[..., subprocess.Popen[str]]
) -> None:
    process("bifuse_ros.fusion_node")
    assert state(client) == State.PRIMARY_STATE_ACTIVE
    caller = client.create_client(SetParameters, "/fusion_node/set_parameters")
    client.until(caller.service_is_ready, "parameters can be set")
    client.pause(0.5)
    wrong = Parameter(name="sync.slop", value=ParameterValue(type=99))
    caller.call_async(SetParameters.Request(parameters=[wrong]))
    client.pause(1.0)
    assert state(client) == State.PRIMARY_STATE_ACTIVE


def test_a_consumer_that_asks_too_much_is_reported(running: Spin, client: Client) -> None:
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    running(fusion_node())
    wanted = QoSProfile(
        depth=1,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        reliability=ReliabilityPolicy.RELIABLE,
    )
    client.listen(Image, "/fusion_node/fused/image", wanted)

    def said() -> bool:
        return any(
            "/fusion_node/fused/image" in entry.msg and "durability" in entry.msg
            for entry in log
            if entry.name == "fusion_node"
        )

    client.until(said, "the log names topic and policy")


def test_a_camera_that_offers_too_little_is_reported(running: Spin, client: Client) -> None:
    log: list[Log] = client.listen(Log, "/rosout", KEPT)
    override = "qos_overrides./rgb/image_raw.subscription.reliability"
    running(fusion_node(**{override: "reliable"}))
    client.create_publisher(
        Image, "/rgb/image_raw", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    )

    def said() -> bool:
        return any(
            "/rgb/image_raw" in entry.msg and "reliability" in entry.msg
            for entry in log
            if entry.name == "fusion_node"
        )

    client.until(said, "the log names topic and policy")


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("autostart", ["true", "false"])
def test_signals_end_it_cleanly_in_any_state(
    client: Client,
    process: Callable[..., subprocess.Popen[str]],
    signal_name: str,
    autostart: str,
) -> None:
    options = ["-p", "segmenter:=none", "-p", f"autostart:={autostart}"]
    node = process("bifuse_ros.fusion_node", "--ros-args", *options)
    wanted = State.PRIMARY_STATE_ACTIVE if autostart == "true" else State.PRIMARY_STATE_UNCONFIGURED
    assert state(client) == wanted
    node.send_signal(getattr(signal, signal_name))
    output, _ = node.communicate(timeout=15)
    assert node.returncode == 0, output
    assert "Traceback" not in output
