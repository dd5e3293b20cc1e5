# SPDX-License-Identifier: Apache-2.0
"""The nodes of the demo, each a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


class NodeProcess:
    """One node in its own process, its output in a log file.

    Args:
        module: the node's module, such as `bifuse_ros.fusion_node`.
        parameters: its parameters.
        folder: where its log and its parameter file go.
    """

    def __init__(self, module: str, parameters: dict[str, Any], folder: Path) -> None:
        self.name = module.rsplit(".", 1)[-1]
        self.log = folder / f"{self.name}.log"
        file = folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")
        command = [sys.executable, "-m", module, "--ros-args", "--params-file", str(file)]
        # A session of its own: Ctrl-C reaches the demo alone, which ends the nodes in order.
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def ended(self) -> int | None:
        """Return the exit code, None while the node runs."""
        return self._process.poll()

    def stop(self, patience: float = 15.0) -> None:
        """End the node as Ctrl-C would; one that does not listen within `patience` s is killed."""
        if self.ended() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self, lines: int = 8) -> str:
        """Return the end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])
