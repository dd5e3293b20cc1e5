# SPDX-License-Identifier: Apache-2.0
"""Processes that a command starts end with it, whatever ends it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from bifuse_ros.processes import NodeError, NodeProcess, ended_in_order, fail_if_ended


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


def test_a_process_that_has_ended_is_named_with_its_last_words(tmp_path: Path) -> None:
    with ended_in_order() as nodes:
        nodes.append(NodeProcess("no_such_module_at_all", {}, tmp_path))
        while nodes[0].ended() is None:
            time.sleep(0.02)
        with pytest.raises(NodeError, match="(?s)no_such_module_at_all ended early.*No module"):
            fail_if_ended(nodes)
