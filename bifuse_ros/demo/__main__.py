# SPDX-License-Identifier: Apache-2.0
"""Play two cameras through the real nodes over Fast DDS, show the rates, and leave the results."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rich.console import Console
from rich.live import Live

from bifuse_core.data.faults import PairError
from bifuse_core.data.rendered import CONDITIONS
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.fusions import FUSIONS
from bifuse_ros.demo.monitor import Monitor
from bifuse_ros.demo.pictures import evenly, write_animation, write_contact_sheet
from bifuse_ros.demo.processes import NodeProcess
from bifuse_ros.demo.recording import Recording
from bifuse_ros.demo.report import summary_numbers, write_report
from bifuse_ros.demo.topics import FUSED, RECORDED

START_PATIENCE = 90.0
"""Seconds for nodes to load the network and find each other."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why."""


def main() -> int:
    """Run the demo; 1 if no fused image was published, 130 after Ctrl-C."""
    args = parse_arguments()
    console = Console(highlight=False)
    try:
        source = describe_source(args)
        prepare(args.out, args.input)
        play(args, console)
        return leave_results(args, source, console)
    except (DemoError, PairError, OSError) as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        console.print("interrupted; the nodes have ended")
        return 130


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bifuse demo",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--input",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="folder with ir/ and vi/, two videos (thermal, RGB), or a bag; default: rendered",
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the results")
    parser.add_argument("--network", choices=FUSIONS, default="edge")
    parser.add_argument("--rate", type=float, default=0.0, help="pairs/s; 0: the source's own")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a rendered scene")
    parser.add_argument("--seed", type=int, default=0, help="seed of the rendered scenes")
    return parser.parse_args()


def describe_source(args: argparse.Namespace) -> str:
    """Return what will be played in words, having seen that it can be read."""
    if not args.input:
        return f"Rendered scenes ({', '.join(CONDITIONS)}), seed {args.seed}"
    next(iter(open_pairs(*args.input)))
    return "Input " + " and ".join(path.name for path in args.input)


def prepare(out: Path, played: list[Path]) -> None:
    """Make the folder for the results, without those of an earlier run.

    Raises:
        DemoError: what is to be played is the bag of that run.
    """
    bag = (out / "bag").resolve()
    for path in played:
        if bag in (path.resolve(), *path.resolve().parents):
            raise DemoError(
                f"{path} is a result in {out} and would be replaced; choose another --out"
            )
    shutil.rmtree(out / "bag", ignore_errors=True)
    for name in ("contact_sheet.png", "animation.webp", "report.html"):
        (out / name).unlink(missing_ok=True)
    (out / "logs").mkdir(parents=True, exist_ok=True)


def camera_parameters(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the camera node."""
    paths = [str(path.resolve()) for path in args.input] + ["", ""]
    return {
        "source": paths[0],
        "source_rgb": paths[1],
        "rate": args.rate,
        "loop": False,
        "thermal.encoding": "mono8" if args.input else "mono16",
        "wait_for_subscribers": 3,
        # Free-running cameras never agree to the millisecond.
        "jitter": 0.0 if args.input else 0.003,
        # Rendering takes the processors that fusion needs.
        "preload": not args.input,
        "rendered.seconds": args.seconds,
        "rendered.seed": args.seed,
    }


def play(args: argparse.Namespace, console: Console) -> None:
    """Run the nodes until the cameras have played everything."""
    logs = args.out / "logs"
    thermal_unit = {} if args.input else {"thermal.unit": "centikelvin"}
    record = {"topics": list(RECORDED), "bag": str(args.out / "bag")}
    with monitoring() as monitor, ended_in_order() as nodes:
        console.print("starting the nodes (their logs: " + str(logs) + ")")
        nodes.append(NodeProcess("bifuse_ros.camera_node", camera_parameters(args), logs))
        nodes.append(NodeProcess("bifuse_ros.recorder_node", record, logs))
        fusion = {"network": args.network, **thermal_unit}
        nodes.append(NodeProcess("bifuse_ros.fusion_node", fusion, logs))
        cameras = nodes[0]
        executor = SingleThreadedExecutor()
        executor.add_node(monitor)
        started = time.monotonic()
        while not monitor.chain_ready():
            executor.spin_once(0.1)
            fail_if_ended(nodes)
            if time.monotonic() - started > START_PATIENCE:
                raise DemoError(f"the nodes were not ready within {START_PATIENCE:.0f} s")
        monitor.watch()
        show(monitor, executor, cameras, nodes[1:], console)


def show(
    monitor: Monitor,
    executor: SingleThreadedExecutor,
    cameras: NodeProcess,
    others: list[NodeProcess],
    console: Console,
) -> None:
    """Show the live state until the cameras end, and for the last images after that."""
    started, printed, last = time.monotonic(), 0.0, ""
    until = float("inf")
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while time.monotonic() < until:
            executor.spin_once(0.1)
            now = time.monotonic()
            if console.is_terminal:
                live.update(monitor.table(now - started))
            elif now - printed > 1 and monitor.line() != last:
                printed, last = now, monitor.line()
                console.print(last, soft_wrap=True)
            fail_if_ended(others)
            if until == float("inf") and cameras.ended() is not None:
                fail_if_failed(cameras)
                until = now + 1.0


def fail_if_ended(nodes: list[NodeProcess]) -> None:
    """Raise `DemoError` if a node has ended, with the last lines of its log."""
    for node in nodes:
        if node.ended() is not None:
            raise DemoError(f"{node.name} ended early:\n{node.last_words()}")


def fail_if_failed(node: NodeProcess) -> None:
    """Raise `DemoError` if a node has ended with an error."""
    if node.ended():
        raise DemoError(f"{node.name} failed:\n{node.last_words()}")


@contextmanager
def monitoring() -> Iterator[Monitor]:
    """Open and close the monitor and its ROS context."""
    rclpy.init()
    monitor = Monitor()
    try:
        yield monitor
    finally:
        monitor.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def ended_in_order() -> Iterator[list[NodeProcess]]:
    """End the listed nodes in their order, whatever happens."""
    nodes: list[NodeProcess] = []
    # A terminal that closes is a Ctrl-C too: the nodes have sessions of their own and would stay.
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        yield nodes
    finally:
        for impatience in (signal.SIGINT, signal.SIGHUP):
            signal.signal(impatience, signal.SIG_IGN)
        for node in nodes:
            node.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def leave_results(args: argparse.Namespace, source: str, console: Console) -> int:
    """Write contact sheet, animation and report from the bag."""
    recording = Recording.read(args.out / "bag")
    fused = len(recording.stamps[FUSED])
    if not fused:
        raise DemoError(f"no fused image was published; see {args.out / 'logs'}")
    rows = len(CONDITIONS) if not args.input else 4
    write_contact_sheet(
        list(recording.moments(set(evenly(rows, fused)))), args.out / "contact_sheet.png"
    )
    write_animation(recording, args.out / "animation.webp")
    write_report(recording, source, args.out / "report.html")
    for name, value in summary_numbers(recording).items():
        console.print(f"  {name}: {value}")
    for file in ("contact_sheet.png", "animation.webp", "report.html", "bag/"):
        console.print(f"  {args.out / file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
