# SPDX-License-Identifier: Apache-2.0
"""How nodes end: a signal does not tear up what they are at."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NODE = """
import sys, time
from rclpy.node import Node
from bifuse_ros.running import run

class SlowNode(Node):
    def __init__(self):
        super().__init__("slow_node")
        self.create_timer(0.01, self.work)

    def work(self):
        print("begun", flush=True)
        time.sleep(0.5)
        print("done", flush=True)

sys.exit(run(SlowNode, None))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_lets_the_callback_at_work_come_to_its_end(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "slow_node.py").write_text(NODE)
    node = process("slow_node")
    assert node.stdout and node.stdout.readline() == "begun\n"
    node.send_signal(number)
    output, _ = node.communicate(timeout=30)
    assert node.returncode == 0
    assert output.splitlines()[0] == "done"
    assert output.count("done") == output.count("begun") + 1
