# SPDX-License-Identifier: Apache-2.0
"""The demo with a view: a client of the Foxglove protocol sees it while it plays."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from test_demo import BLIND, nodes_of, write_pairs

from bifuse_ros.topics import DIAGNOSTICS, FUSED

pytest.importorskip("foxglove", reason="foxglove-sdk is missing")
pytest.importorskip("websockets", reason="websockets is missing")
from foxglove_client import FoxgloveClient  # noqa: E402

pytestmark = pytest.mark.long


def test_the_demo_plays_on_for_a_client_until_ctrl_c(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    write_pairs(tmp_path, 3)
    results = tmp_path / "results"
    (results / "logs").mkdir(parents=True)
    # What an earlier demo has left stays.
    for file in (results / "logs" / "fusion_node.yaml", results / "report.html"):
        file.write_text("{}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--view", str(port), "--rate", "10", "--out", str(results), *BLIND]
    demo = process("bifuse_ros.demo", "--input", str(tmp_path), *options)
    log = results / "logs" / "view_node.log"
    end = time.monotonic() + 60
    while not (log.exists() and f"{FUSED} can be viewed" in log.read_text()):
        assert demo.poll() is None and time.monotonic() < end, demo.communicate()[0]
        time.sleep(0.1)
    app = FoxgloveClient(port)
    app.subscribe(FUSED)
    # More than there are pairs: it starts over.
    messages = [deserialize_message(app.receive(60).data, Image) for _ in range(5)]
    assert {(m.width, m.height, m.encoding) for m in messages} == {(64, 48, "rgb8")}
    assert np.asarray(messages[0].data).std() > 10
    app.subscribe(DIAGNOSTICS)
    while app.receive().topic != DIAGNOSTICS:
        pass
    app.close()
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    assert f"ws://127.0.0.1:{port}" in output
    assert "foxglove_layout.json" in output
    assert nodes_of(results) == []
    assert (results / "report.html").exists()
    assert not (results / "bag").exists()
