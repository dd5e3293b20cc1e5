# SPDX-License-Identifier: Apache-2.0
"""The options that say what the cameras of a recording are: the node's parameters."""

from __future__ import annotations

import argparse
from pathlib import Path

from bifuse_core.bilevel.configuration import changes_of, configured
from bifuse_core.bilevel.sections import CameraSettings
from bifuse_core.imaging.alignment.files import read_parameters

SECTIONS = ("sync", "thermal", "alignment")
"""Of the node's parameters, those that hold for recordings as well."""

LIVE_ONLY = ("sync.method", "thermal.transport")
"""Parameters in them that do not."""


def add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--params` and `--camera`."""
    parser.add_argument(
        "--params",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="the robot's parameter files of fusion_node, and what `calibrate` wrote: sync, "
        "thermal, alignment and reference are taken from them; the last that names a value counts",
    )
    parser.add_argument(
        "--camera",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="single parameters; they override those of files: sync.offset=-0.03, "
        "thermal.unit=centikelvin or alignment.method=homography; also "
        "topics=[/boson/image_raw,/front/image_raw], and for alignment.method=calibrated "
        "camera_info=[THERMAL.yaml,RGB.yaml] where a bag holds none",
    )


def add_topics_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--topics`, a shorter word for those of `--camera`."""
    parser.add_argument("--topics", nargs=2, help="of a bag: thermal, RGB; as --camera topics=[]")


def chosen_cameras(args: argparse.Namespace) -> CameraSettings:
    """Return what `--params`, `--camera` and, where it is declared, `--topics` say.

    Raises:
        ValueError: a file holds no parameters, or a value cannot be; the message names the option
            or the files.
        OSError: a file cannot be read.
    """
    taken = {
        name: value
        for name, value in read_parameters(*args.params).items()
        if name == "reference" or (name.split(".")[0] in SECTIONS and name not in LIVE_ONLY)
    }
    # First alone, so that a fault is looked for where it is.
    configured(CameraSettings, {}, taken, ", ".join(map(str, args.params)))
    single = changes_of(args.camera, "--camera")
    if getattr(args, "topics", None):
        single["topics"] = args.topics
    cameras = configured(CameraSettings, {}, taken | single, "--camera")
    if cameras.camera_info is None:
        return cameras
    # Of the shell, not of the folder that the recording lies in.
    files = tuple(file.resolve() for file in cameras.camera_info)
    return cameras.model_copy(update={"camera_info": files})
