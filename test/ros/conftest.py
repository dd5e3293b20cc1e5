# SPDX-License-Identifier: Apache-2.0
"""Real rclpy over Fast DDS: a domain of its own, nodes under test, and a client for them."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

ROOT = Path(__file__).resolve().parents[2]

# Read when the first node is made, so before anything of ROS is imported.
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault(
    "FASTDDS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds_large_images.xml")
)

import rclpy  # noqa: E402
import torch  # noqa: E402
from rclpy.node import Node  # noqa: E402
from spinning import Client, Running  # noqa: E402

torch.set_num_threads(1)
# What is imported stays; `collect` after each test need not look at it.
gc.collect()
gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_log"))


# Of several processes that pytest-xdist runs each has domains of its own.
worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
domains = cycle(range(1 + worker, 101, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
for _ in range(os.getpid() % 100):
    next(domains)


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    """A domain for each test: what one leaves behind is not discovered by the next."""
    os.environ["ROS_DOMAIN_ID"] = str(next(domains))
    rclpy.init()
    yield
    rclpy.try_shutdown()
    # A node of the last test that is collected later takes the log of its namesake with it.
    gc.collect()


@pytest.fixture
def running() -> Iterator[Callable[[Node], Node]]:
    """Spin nodes until the end of the test."""
    started: list[Running] = []

    def run(node: Node) -> Node:
        started.append(Running(node))
        return node

    yield run
    for each in reversed(started):
        each.stop()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.close()


def child_environment(**changes: str) -> dict[str, str]:
    """Return the environment for a node in another process."""
    # The ROS 2 wheels set the library path when Python starts, unless this says they have.
    hidden = ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python modules as processes, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, own_group: bool = False, **environment: str
    ) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=child_environment(**environment),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=own_group,
            )
        )
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.terminate()
        try:
            each.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            each.kill()
            each.communicate()
