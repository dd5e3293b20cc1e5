# SPDX-License-Identifier: Apache-2.0
"""A place for a benchmark: a ROS domain where nobody else is, and a few cores of the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import sample

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.context import Context
from rclpy.node import Node

from bifuse_ros.processes import NodeError

DOMAINS = range(1, 101)
"""Those whose ports Linux gives to nobody else."""
DISCOVERY = 3.0
"""Seconds after which a node of this machine has shown itself, even if processors are short."""
TRIES = 5


def prepare_middleware() -> None:
    """Set what large images need and keep to this machine, where the caller has not done so.

    For this process and its children; to be called before anything of ROS starts.
    """
    distribution = os.environ.get("ROS_DISTRO")
    # Fast DDS 2 and 3 look at different names.
    vendor = "FASTRTPS" if distribution in ("humble", "jazzy") else "FASTDDS"
    os.environ.setdefault(f"{vendor}_DEFAULT_PROFILES_FILE", str(_profile()))
    if distribution == "humble":
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")
    else:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def free_domain() -> int:
    """Return a domain without any node, so that a running robot is neither heard nor disturbed.

    Raises:
        NodeError: none of some domains drawn at random is free.
    """
    tried = sample(DOMAINS, TRIES)
    for domain in tried:
        if not _company(domain):
            return domain
    raise NodeError(f"there are nodes in each of the ROS domains {', '.join(map(str, tried))}")


@contextmanager
def few_cores(count: int) -> Iterator[None]:
    """Keep this process and those it starts on the first `count` of its cores; 0: on all."""
    if not count or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _profile() -> Path:
    try:
        root = Path(get_package_share_directory("bifuse_ros"))
    except PackageNotFoundError:
        root = Path(__file__).resolve().parents[2]
    return root / "config" / "fastdds_large_images.xml"


def _company(domain: int) -> bool:
    context = Context()
    context.init(domain_id=domain)
    node = Node("bench_scout", context=context, start_parameter_services=False, enable_rosout=False)
    try:
        end = time.monotonic() + DISCOVERY
        while time.monotonic() < end:
            if len(node.get_node_names()) > 1:
                return True
            time.sleep(0.1)
        return False
    finally:
        node.destroy_node()
        context.try_shutdown()
