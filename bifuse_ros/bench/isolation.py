# SPDX-License-Identifier: Apache-2.0
"""A place for a benchmark: a ROS domain where nobody else is, and a few cores of the machine."""

from __future__ import annotations

import os
import time
from argparse import ArgumentTypeError
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
    # Fast DDS 2 (Humble, Jazzy) and 3 look at different names; 3 warns of the first.
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if not any(name in os.environ for name in names):
        os.environ.update(dict.fromkeys(names, str(_profile())))
    # Humble knows only the first, which elsewhere overrules the second: not beside a caller's own.
    ranges = {"ROS_LOCALHOST_ONLY": "1", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    if not ranges.keys() & os.environ.keys():
        os.environ.update(ranges)


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


def core_count(text: str) -> int:
    """Read how many of the cores that this process may use all processes share; 0: all.

    Raises:
        ArgumentTypeError: it is no such number.
    """
    there = len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) > there:
        raise ArgumentTypeError(f"{text!r} is no whole number from 0 to {there}, all there are")
    return int(text)


@contextmanager
def few_cores(count: int) -> Iterator[tuple[int, ...]]:
    """Keep this process and those it starts on the first `count` of its cores; 0: on all.

    Yields:
        The numbers of these cores.
    """
    before = sorted(os.sched_getaffinity(0))
    taken = tuple(before[: count or None])
    os.sched_setaffinity(0, taken)
    try:
        yield taken
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
