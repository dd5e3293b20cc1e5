# SPDX-License-Identifier: Apache-2.0
"""Play two cameras through the real nodes over Fast DDS, show the rates, and leave the results."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from rclpy.executors import ExternalShutdownException
from rich.console import Console

from bifuse_core.data.rendered import CONDITIONS
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.engine import NONE, Engine
from bifuse_core.engine.fusions import READY
from bifuse_core.engine.place import BACKENDS
from bifuse_core.nets.zoo import DETECTORS, SEGMENTERS
from bifuse_ros.demo.pictures import write_animation, write_contact_sheet
from bifuse_ros.demo.play import DemoError, play
from bifuse_ros.demo.recording import Recording
from bifuse_ros.demo.report import pairs_lost, summary_numbers, write_report
from bifuse_ros.perception_parameters import PERCEPTION_PARAMETERS
from bifuse_ros.processes import NodeError
from bifuse_ros.topics import FUSED
from bifuse_ros.view_node import PORT

DEFAULTS = {parameter.name: parameter.default for parameter in PERCEPTION_PARAMETERS}
"""What the node sees with, unless told otherwise."""


def main() -> int:
    """Run the demo; 1 if no fused image was published, 130 after Ctrl-C."""
    args = parse_arguments()
    console = Console(highlight=False, soft_wrap=True)
    try:
        source = describe_source(args)
        # Better refused now than by a node.
        Engine(
            args.network,
            detector=args.detector,
            detector_weights=args.detector_weights,
            segmenter=args.segmenter,
            segmenter_weights=args.segmenter_weights,
            backend=args.backend,
        )
        prepare(args.out, args.input, keep=bool(args.view))
        play(args, console)
        return 0 if args.view else leave_results(args, source, console)
    except (NodeError, ValueError, OSError, ImportError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"demo: {error}", style="red", markup=False
        )
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
    parser.add_argument("--network", choices=READY, default="edge")
    for role, names in (("detector", DETECTORS), ("segmenter", SEGMENTERS)):
        parser.add_argument(f"--{role}", choices=(NONE, *names), default=DEFAULTS[role])
        weights = f"--{role}-weights"
        parser.add_argument(weights, type=Path, metavar="FILE", help="None: the shipped one")
    parser.add_argument("--backend", choices=BACKENDS, default=DEFAULTS["backend"])
    parser.add_argument(
        "--rate", type=not_negative, default=0.0, help="pairs/s; 0: the source's own"
    )
    parser.add_argument(
        "--seconds", type=not_negative, default=2.0, help="length of each rendered scene"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the rendered scenes")
    parser.add_argument(
        "--view",
        type=port,
        nargs="?",
        const=PORT,
        metavar="PORT",
        help=f"play over and over for the Foxglove app, which connects to this port ({PORT}), and "
        "leave no results",
    )
    args = parser.parse_args()
    if args.seconds < 0.1:
        parser.error("argument --seconds: a scene lasts at least 0.1 s")
    return args


def not_negative(text: str) -> float:
    """Read a number of 0 or more."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def port(text: str) -> int:
    """Read the number of a port."""
    value = int(text)
    if not 0 < value < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; 1 to 65535")
    return value


def describe_source(args: argparse.Namespace) -> str:
    """Return what will be played in words, having seen that it can be read."""
    if not args.input:
        return f"Rendered scenes ({', '.join(CONDITIONS)}), seed {args.seed}"
    next(iter(open_pairs(*args.input)))
    return "Input " + " and ".join(path.name for path in args.input)


def prepare(out: Path, played: list[Path], *, keep: bool) -> None:
    """Make the folder for the results, without those of an earlier run unless they are to be kept.

    Raises:
        DemoError: there is something else in it, or what is to be played.
    """
    bag = (out / "bag").resolve()
    for path in played:
        if not keep and bag in (path.resolve(), *path.resolve().parents):
            raise DemoError(
                f"{path} is a result in {out} and would be replaced; choose another --out"
            )
    if out.exists() and not out.is_dir():
        raise DemoError(f"{out} is a file; --out names a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "logs" / "fusion_node.yaml").exists():
        raise DemoError(f"{out} holds something else than an earlier demo; name another --out")
    (out / "logs").mkdir(parents=True, exist_ok=True)
    if keep:
        return
    shutil.rmtree(out / "bag", ignore_errors=True)
    for name in ("contact_sheet.png", "animation.webp", "report.html"):
        (out / name).unlink(missing_ok=True)


def leave_results(args: argparse.Namespace, source: str, console: Console) -> int:
    """Write contact sheet, animation and report from the bag."""
    recording = Recording.read(args.out / "bag")
    if not recording.stamps[FUSED]:
        raise DemoError(f"no fused image was published; see {args.out / 'logs'}")
    # The rendered scenes are equally long.
    chosen = recording.middles(4 if args.input else len(CONDITIONS))
    scenes = [] if args.input else [CONDITIONS[part] for part in chosen]
    moments = list(recording.moments(chosen.values()))
    write_contact_sheet(moments, args.out / "contact_sheet.png", scenes)
    write_animation(recording, args.out / "animation.webp")
    write_report(recording, source, args.out / "report.html")
    for name, value in summary_numbers(recording).items():
        console.print(f"  {name}: {value}")
    if pairs_lost(recording) > 0:
        console.print("  (this machine was busy: pairs were skipped so that results stay fresh)")
    for file in ("contact_sheet.png", "animation.webp", "report.html", "bag/"):
        console.print(f"  {args.out / file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
