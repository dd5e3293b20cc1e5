# SPDX-License-Identifier: Apache-2.0
"""Say what this machine has, and what is missing."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bifuse_core import __version__
from bifuse_core.imaging.alignment.files import read_alignment, read_camera
from bifuse_core.imaging.alignment.parallax import parallax_table
from bifuse_core.nets.checkpoint import verified_sha256
from bifuse_core.nets.zoo import SHIPPED, SHIPPED_TASKS, shipped_weights

ROS_MODULES = ("rclpy", "sensor_msgs", "diagnostic_msgs", "std_srvs", "vision_msgs")
LARGE_IMAGES = 64 * 2**20
"""Bytes of shared memory that the shipped Fast DDS profile takes for each process."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `doctor`."""
    parser.add_argument(
        "--params",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="parameter files of fusion_node to examine; the last that names a value counts",
    )
    parser.add_argument(
        "--camera", type=Path, help="calibration file of its reference camera, for the parallax"
    )


def run(args: argparse.Namespace) -> int:
    """Print one line per finding; exit code 1 if something is missing."""
    table = Table("", "what", "finding", title=f"BiFuse {__version__}", title_justify="left")
    sound = True
    examinations = dict(EXAMINATIONS)
    if args.params:
        examinations["alignment"] = partial(alignment_finding, args.params, args.camera)
    for name, examine in examinations.items():
        try:
            mark, finding = "[green]ok[/]", examine()
        except Exception as error:
            mark, finding, sound = "[red]no[/]", str(error), False
        table.add_row(mark, name, escape(finding))
    Console().print(table)
    return 0 if sound else 1


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _torch() -> str:
    if torch.cuda.is_available():
        return f"{torch.__version__}, {torch.cuda.get_device_name()}"
    return f"{torch.__version__}, no CUDA device: networks run on the CPU"


def _opencv() -> str:
    return str(importlib.import_module("cv2").__version__)


def _weights() -> str:
    return ", ".join(
        f"{name} {verified_sha256(shipped_weights(name))[:12]}"
        for name in (*SHIPPED, *SHIPPED_TASKS)
    )


def _ros() -> str:
    missing = []
    for name in ROS_MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"cannot import {', '.join(missing)}; the nodes need them")
    try:
        return f"wheels, rclpy {version('ros-rclpy')}"
    except PackageNotFoundError:
        return f"distribution {os.environ.get('ROS_DISTRO', 'unknown')}"


def _shared_memory() -> str:
    free = shutil.disk_usage("/dev/shm").free
    if free < 4 * LARGE_IMAGES:
        raise RuntimeError(
            f"/dev/shm has {free / 2**20:.0f} MiB free; four processes need "
            f"{4 * LARGE_IMAGES / 2**20:.0f} MiB (Docker: option shm-size)"
        )
    return f"{free / 2**20:.0f} MiB free in /dev/shm"


def _dds_profile() -> str:
    # Fast DDS 3, and Fast DDS 2 of Humble and Jazzy.
    names = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    profiles = {name: os.environ[name] for name in names if os.environ.get(name)}
    if not profiles:
        raise RuntimeError(
            f"neither {' nor '.join(names)} is set: with Fast DDS, images above 512 KB do not "
            "arrive between processes; use config/fastdds_large_images.xml"
        )
    for name, profile in profiles.items():
        if not Path(profile).is_file():
            raise RuntimeError(f"{name} is {profile}, which does not exist")
    return ", ".join(dict.fromkeys(profiles.values()))


def alignment_finding(params: Sequence[Path], camera: Path | None) -> str:
    """Say how files of parameters align the cameras, and how far that holds.

    Args:
        params: parameters of fusion_node; the last that names a value counts.
        camera: calibration file of the reference camera.

    Raises:
        ValueError: a file cannot be used.
        OSError: a file cannot be read.
    """
    settings = read_alignment(*params)
    if settings.method == "none":
        return "none: both pictures must have one size and show the same, pixel by pixel"
    baseline = settings.extrinsics.baseline
    if settings.method == "homography" and not baseline:
        return (
            "homography, exact at the distance it was found at; how far it misses others is told "
            "where alignment.distance (that distance, metres) and alignment.translation (from "
            "camera to camera, metres) are set"
        )
    finding = f"{settings.method}, exact at {settings.distance:g} m"
    if not baseline:
        return f"{finding}; no parallax known: alignment.translation is 0 across the line of sight"
    if camera is None:
        return f"{finding}; for the parallax name the calibration of the reference by --camera"
    focal = read_camera(camera).focal_lengths[0]
    errors = parallax_table(focal, baseline, settings.distance)
    listed = ", ".join(f"{error:.1f} at {at:g} m" for at, error in errors.items())
    return f"{finding}; pixels of parallax: {listed}"


EXAMINATIONS: dict[str, Callable[[], str]] = {
    "machine": _machine,
    "torch": _torch,
    "OpenCV": _opencv,
    "shipped weights": _weights,
    "ROS 2": _ros,
    "shared memory": _shared_memory,
    "Fast DDS profile": _dds_profile,
}
