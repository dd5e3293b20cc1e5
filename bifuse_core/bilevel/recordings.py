# SPDX-License-Identifier: Apache-2.0
"""Recordings named on the command line, in place of the data sets of a configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bifuse_core.bilevel.camera_options import add_camera_arguments, chosen_cameras
from bifuse_core.bilevel.sections import CameraSettings


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--from-bags` and what tells about them."""
    parser.add_argument(
        "--from-bags",
        type=Path,
        nargs="+",
        default=[],
        metavar="BAG",
        help="learn from these recordings, and not from the data sets of the configuration",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="corrected COCO file of each of them, for a guidance by detection",
    )
    add_camera_arguments(parser)


def chosen_recordings(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `--from-bags` changes in a configuration, by dotted key.

    Raises:
        ValueError: the options do not go together, or a parameter of the cameras cannot be.
    """
    if args.from_bags:
        return {"data.sources": sources_of(args.from_bags, args.labels, chosen_cameras(args))}
    for name in ("labels", "params", "camera"):
        if getattr(args, name):
            raise ValueError(
                f"--{name} belongs to --from-bags; a data set of the configuration has it as a key"
            )
    return {}


def sources_of(
    recordings: Sequence[Path], labels: Sequence[Path], cameras: CameraSettings
) -> list[dict[str, Any]]:
    """Return recordings as a configuration names its sources.

    Args:
        recordings: bags, or folders of pairs.
        labels: the COCO file of each; empty where they have none.
        cameras: of all recordings.

    Raises:
        ValueError: there are not as many labels as recordings.
    """
    if labels and len(labels) != len(recordings):
        raise ValueError(
            f"--labels names {len(labels)} files for {len(recordings)} recordings; give one each"
        )
    taken = cameras.model_dump(mode="json", exclude_unset=True)
    sources = [{"path": str(recording.resolve()), **taken} for recording in recordings]
    for source, file in zip(sources, labels, strict=False):
        source["labels"] = str(file.resolve())
    return sources
