# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes of their own, started by a command and ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

ENDINGS = (signal.SIGHUP, signal.SIGTERM)
"""What ends a command as Ctrl-C does; its nodes, in sessions of their own, would outlive it."""


Handler = Callable[[int, FrameType | None], Any] | signal.Handlers
"""Of a signal."""


class NodeError(RuntimeError):
    """A node is not what its command needs; the message says why."""


class NodeProcess:
    """One node in its own process, its output in a log file.

    Args:
        module: the node's module, such as `bifuse_ros.fusion_node`.
        parameters: its parameters.
        folder: where its log and its parameter file go.
        environment: variables that it has besides those of this process.
    """

    def __init__(
        self,
        module: str,
        parameters: dict[str, Any],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = module.rsplit(".", 1)[-1]
        self.log = folder / f"{self.name}.log"
        file = folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")
        command = [sys.executable, "-m", module, "--ros-args", "--params-file", str(file)]
        # A session of its own: Ctrl-C reaches the command alone, which ends the nodes in order.
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

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


def fail_if_ended(nodes: Iterable[NodeProcess]) -> None:
    """Raise `NodeError` if a node has ended, with the last lines of its log."""
    for node in nodes:
        if node.ended() is not None:
            raise NodeError(f"{node.name} ended early:\n{node.last_words()}")


def fail_if_failed(node: NodeProcess) -> None:
    """Raise `NodeError` if a node has ended with an error."""
    if node.ended():
        raise NodeError(f"{node.name} failed:\n{node.last_words()}")


class Nodes(list[NodeProcess]):
    """Nodes that are to be ended, in order."""

    def start(
        self,
        module: str,
        parameters: dict[str, Any],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> NodeProcess:
        """Start a node and list it, in one step: a signal meanwhile waits until both are done."""
        came: list[int] = []
        with _handled(lambda number, _: came.append(number), (signal.SIGINT, *ENDINGS)):
            self.append(NodeProcess(module, parameters, folder, environment))
        for number in came[:1]:
            signal.raise_signal(number)
        return self[-1]


@contextmanager
def interruptible() -> Iterator[None]:
    """Let each of `ENDINGS` raise KeyboardInterrupt in the block, so that all is cleared away."""
    with _handled(signal.default_int_handler, ENDINGS):
        yield


@contextmanager
def ended_in_order() -> Iterator[Nodes]:
    """End the listed nodes in their order, whatever happens, also after one of `ENDINGS`."""
    nodes = Nodes()
    with interruptible():
        try:
            yield nodes
        finally:
            with _handled(signal.SIG_IGN, (signal.SIGINT, *ENDINGS)):
                for node in nodes:
                    node.stop()


@contextmanager
def _handled(handler: Handler, numbers: Iterable[signal.Signals]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
