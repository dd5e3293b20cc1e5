# SPDX-License-Identifier: Apache-2.0
"""Processes that a command starts end with it, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bifuse_ros.processes import (
    NodeError,
    NodeProcess,
    ended_in_order,
    fail_if_ended,
    interruptible,
)


@pytest.fixture(autouse=True)
def interrupt() -> Iterator[None]:
    """Ctrl-C counts, even where a shell started the tests in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeProcess:
    """A process that does nothing until it is ended."""
    (tmp_path / "sleeper.py").write_text("import time\nprint('awake', flush=True)\ntime.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    process = NodeProcess("sleeper", {}, tmp_path)
    while "awake" not in process.last_words():
        assert process.ended() is None
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_processes_and_then_mean_what_they_did(
    sleeper: NodeProcess, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_in_order() as nodes:
        nodes.append(sleeper)
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert sleeper.ended() is not None
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_process_starts_finds_it_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started = subprocess.Popen

    def start_interrupted(*args: Any, **options: Any) -> Any:
        process = started(*args, **options)
        os.kill(os.getpid(), number)
        return process

    monkeypatch.setattr(subprocess, "Popen", start_interrupted)
    with pytest.raises(KeyboardInterrupt), ended_in_order() as nodes:
        nodes.start("timeit", {}, tmp_path)
        time.sleep(5)
    assert len(nodes) == 1 and nodes[0].ended() is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_clears_away(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible(), TemporaryDirectory(dir=tmp_path):
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is before


def test_a_process_that_has_ended_is_named_with_its_last_words(tmp_path: Path) -> None:
    with ended_in_order() as nodes:
        nodes.append(NodeProcess("no_such_module_at_all", {}, tmp_path))
        while nodes[0].ended() is None:
            time.sleep(0.02)
        with pytest.raises(NodeError, match="(?s)no_such_module_at_all ended early.*No module"):
            fail_if_ended(nodes)
