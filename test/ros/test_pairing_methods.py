# SPDX-License-Identifier: Apache-2.0
"""The choices of sync.method, and what diagnostics say about pairing."""

from __future__ import annotations

import sys
from random import Random

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from bifuse_core.bench.approximate import ApproximateTime
from bifuse_core.bench.cameras import MS, PERIOD, messages, periodic
from bifuse_core.streams.pairing import PairingCounters, PairingState, StreamPairing
from bifuse_ros.diagnostics import Health, fusion_status
from bifuse_ros.fusion_parameters import PARAMETERS, Settings
from bifuse_ros.pairing import ApproximatePairing, create_pairing
from bifuse_ros.pairing_diagnostics import pairing_advice, pairing_values


def settings(**changes: object) -> Settings:
    defaults = {declared.name: declared.default for declared in PARAMETERS}
    return Settings({**defaults, **{f"sync.{name}": value for name, value in changes.items()}})


def state(
    misfit: float | None = 0.0, residuals: tuple[float, float] = (0.05, 0.05)
) -> PairingState:
    return PairingState("slots", (PERIOD, PERIOD), residuals, misfit)


def test_cadence_is_the_default_with_the_limits_of_the_parameters() -> None:
    pairing = create_pairing(settings(slop=0.01, offset=-0.002, capacity=7))
    assert isinstance(pairing, StreamPairing)
    assert (pairing.slop, pairing.offset, pairing.capacity) == (10 * MS, -2 * MS, 7)


def test_message_filters_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "message_filters", None)
    with pytest.raises(RuntimeError, match=r"sync\.method is message_filters.*sync\.method to"):
        create_pairing(settings(method="message_filters"))


def test_message_filters_pair_as_published() -> None:
    pytest.importorskip("message_filters", reason="not among the ROS 2 wheels")
    pairing = create_pairing(settings(method="message_filters", slop=0.033, offset=0.004))
    assert isinstance(pairing, ApproximatePairing)
    reference: ApproximateTime[int] = ApproximateTime(33 * MS, capacity=10)
    sent = messages(Random(1), 300, periodic(offset=5 * MS), jitter=12 * MS)
    for number, message in enumerate(sent):
        stamp = message.stamp + (4 * MS if message.which == 0 else 0)
        expected = reference.push(message.which, stamp, number)
        assert pairing.push(message.which, message.stamp, number) == expected
    counters = pairing.counters
    assert counters.paired == counters.unverified > 250
    assert sum(counters.received) == len(sent)
    assert 0 <= counters.overflow <= len(sent) - 2 * counters.paired
    pairing.change(0, 0)
    later = [pairing.push(m.which, m.stamp + 20 * 10**9, 0) for m in sent[:50]]
    assert not any(later)


def test_steady_streams_get_no_advice() -> None:
    quiet = {"slop": 0.02, "offset": 0.0, "paired": 30, "over_slop": 0}
    assert pairing_advice(state(), **quiet) is None
    assert pairing_advice(state(misfit=None), **quiet) is None
    nothing = PairingState("nearest", (None, None), (None, None), None)
    assert pairing_advice(nothing, **quiet) is None


@pytest.mark.parametrize(
    ("found", "over_slop", "offset", "expected"),
    [
        pytest.param(state(0.42), 0, 0.0, "set sync.offset to -0.0140", id="nearly half a period"),
        pytest.param(state(-0.42), 0, 0.01, "set sync.offset to 0.0240", id="earlier, and told"),
        pytest.param(state(residuals=(0.1, 0.28)), 0, 0.0, "rgb stamps vary by 0.28", id="jitter"),
        pytest.param(state(0.36), 20, 0.0, "set sync.offset to -0.0120", id="slop and delay"),
        pytest.param(state(0.0, (0.2, 0.2)), 20, 0.0, "set sync.slop to 0.0233", id="slop"),
    ],
)
def test_advice_names_the_parameter_and_its_value(
    found: PairingState, over_slop: int, offset: float, expected: str
) -> None:
    advice = pairing_advice(found, slop=0.02, offset=offset, paired=10, over_slop=over_slop)
    assert advice is not None
    assert expected in advice


def test_the_best_offset_undoes_the_lag() -> None:
    values = pairing_values(state(0.3), offset=0.002)
    assert values["pairing mode"] == "slots"
    assert values["pairing misfit (periods)"] == "0.300"
    assert values["best sync.offset (s)"] == "-0.0080"
    assert values["thermal residual (periods)"] == "0.050"
    assert "best sync.offset (s)" not in pairing_values(state(None), offset=0.0)


def test_diagnostics_warn_of_pairs_in_doubt_though_they_are_fused() -> None:
    for misfit, level in ((0.42, DiagnosticStatus.WARN), (0.1, DiagnosticStatus.OK)):
        health = Health()
        for meter in (*health.received.values(), health.fused):
            meter.tick()
        status = fusion_status(
            "fusion_node",
            health,
            PairingCounters(received=[1, 1], paired=1),
            state(misfit),
            topics={"thermal": "/thermal", "rgb": "/rgb"},
            slop=0.02,
            offset=0.0,
            facts={},
            displaced=0,
        )
        assert status.level == level
        assert ("sync.offset" in status.message) == (level == DiagnosticStatus.WARN)
        assert f"{misfit:.3f}" in {value.value for value in status.values}
