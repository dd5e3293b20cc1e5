# SPDX-License-Identifier: Apache-2.0
"""The run of the demo: which nodes, in which order, and what is shown meanwhile."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rich.console import Console
from rich.live import Live

from bifuse_ros.demo.monitor import Monitor
from bifuse_ros.processes import (
    NodeError,
    NodeProcess,
    ended_in_order,
    fail_if_ended,
    fail_if_failed,
)
from bifuse_ros.topics import RECORDED

LAYOUT = Path(__file__).resolve().parents[2] / "config" / "foxglove_layout.json"


class DemoError(NodeError):
    """The demo cannot go on; the message says why."""


def camera_parameters(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the camera node."""
    paths = [str(path.resolve()) for path in args.input] + ["", ""]
    return {
        "source": paths[0],
        "source_rgb": paths[1],
        "rate": args.rate,
        "loop": bool(args.view),
        "thermal.encoding": "mono8" if args.input else "mono16",
        # Fusion node and monitor; the recorder, where there is one.
        "wait_for_subscribers": 2 if args.view else 3,
        # Free-running cameras never agree to the millisecond.
        "jitter": 0.0 if args.input else 0.003,
        # Rendering takes the processors that fusion needs.
        "preload": not args.input,
        "rendered.seconds": args.seconds,
        "rendered.seed": args.seed,
    }


def sight_parameters(args: argparse.Namespace) -> dict[str, str]:
    """Return the parameters of the fusion node that say what it sees with."""
    files = {"detector_weights": args.detector_weights, "segmenter_weights": args.segmenter_weights}
    paths = {name: str(file.resolve()) for name, file in files.items() if file}
    names = {name: getattr(args, name) for name in ("detector", "segmenter", "backend")}
    return names | paths


def play(args: argparse.Namespace, console: Console) -> None:
    """Run the nodes until the cameras have played everything, or for a view until Ctrl-C."""
    logs = args.out / "logs"
    fusion = {"network": args.network, **sight_parameters(args)}
    fusion |= {} if args.input else {"thermal.unit": "centikelvin"}
    record = {"topics": list(RECORDED), "bag": str(args.out / "bag")}
    with monitoring() as monitor, ended_in_order() as nodes:
        executor = SingleThreadedExecutor()
        executor.add_node(monitor)

        def wait(condition: Callable[[], bool], patience: float, what: str) -> None:
            until = time.monotonic() + patience
            while not condition():
                executor.spin_once(0.1)
                fail_if_ended(nodes)
                if monitor.message == "not active":
                    raise DemoError(f"the fusion node is not active:\n{nodes[1].last_words()}")
                if time.monotonic() > until:
                    raise DemoError(f"{what} took more than {patience:.0f} s; see {logs}")

        refuse_company(monitor, executor)
        doing = "reading" if args.input else "rendering, which takes about as long as playing"
        console.print(f"starting the nodes (logs: {logs}); preparing the pictures: {doing}")
        nodes.start("bifuse_ros.camera_node", camera_parameters(args), logs)
        nodes.start("bifuse_ros.fusion_node", fusion, logs)
        if args.view:
            nodes.start("bifuse_ros.view_node", {"port": args.view}, logs)
            console.print(f"open Foxglove, connect to ws://127.0.0.1:{args.view}, import {LAYOUT}")
        with console.status("preparing"):
            wait(monitor.prepared, 120 + 30 * args.seconds, "preparing")
        if not args.view:
            # Not before: a bag should begin with its first image.
            nodes.start("bifuse_ros.recorder_node", record, logs)
            wait(monitor.recorded, 60, "the start of the recorder")
        monitor.watch()
        show(monitor, executor, nodes[0], nodes[1:], console)


def refuse_company(monitor: Monitor, executor: SingleThreadedExecutor) -> None:
    """Raise `DemoError` if somebody else publishes the topics of the demo."""
    # Discovery takes longer than a second where processors are short.
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        executor.spin_once(0.1)
    if monitor.others():
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise DemoError(
            f"somebody publishes {', '.join(monitor.others())} on this machine already (another "
            f"demo?); ROS_DOMAIN_ID is {domain}, choose another"
        )


def show(
    monitor: Monitor,
    executor: SingleThreadedExecutor,
    cameras: NodeProcess,
    others: list[NodeProcess],
    console: Console,
) -> None:
    """Show the live state until the cameras end, and wait for the last images."""
    started, printed = time.monotonic(), 0.0
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while cameras.ended() is None:
            executor.spin_once(0.1)
            now = time.monotonic()
            if console.is_terminal:
                live.update(monitor.table(now - started))
            elif now - printed > 1:
                printed = now
                console.print(monitor.line())
            fail_if_ended(others)
    fail_if_failed(cameras)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        executor.spin_once(0.1)


@contextmanager
def monitoring() -> Iterator[Monitor]:
    """Open and close the monitor and its ROS context.

    Raises:
        KeyboardInterrupt: a signal has ended the context.
    """
    rclpy.init()
    monitor = Monitor()
    try:
        yield monitor
    except Exception as error:
        # A signal that arrives between two steps of rclpy shows as an error of some kind.
        if rclpy.ok():
            raise
        raise KeyboardInterrupt from error
    finally:
        monitor.destroy_node()
        rclpy.try_shutdown()
