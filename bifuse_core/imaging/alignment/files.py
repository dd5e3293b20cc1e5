# SPDX-License-Identifier: Apache-2.0
"""Alignment as it lies in files: parameters of fusion_node, and calibrations of cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.settings import AlignmentSettings

SECTION = "alignment"


def read_alignment(file: Path) -> AlignmentSettings:
    """Return the alignment that a file of ROS parameters gives fusion_node.

    Names with dots and nested ones are read alike; what is not there has its default.

    Raises:
        ValueError: the file holds no parameters, or a value cannot be; the message names it.
        OSError: the file cannot be read.
    """
    content = _mapping(file)
    given: dict[str, Any] = {}
    for node, body in content.items():
        if node.strip("/").split("/")[-1] in ("**", "*", "fusion_node") and isinstance(body, dict):
            given |= body.get("ros__parameters") or {}
    if not given:
        raise ValueError(f"{file}: holds no ros__parameters of fusion_node")
    dotted = {
        name.removeprefix(f"{SECTION}."): value
        for name, value in given.items()
        if name.startswith(f"{SECTION}.")
    }
    nested = given.get(SECTION, {})
    try:
        return AlignmentSettings(**{**dotted, **nested})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def read_camera(file: Path) -> Camera:
    """Return a camera from a calibration file as camera_calibration_parsers writes it.

    Raises:
        ValueError: something is missing or cannot be; the message names it.
        OSError: the file cannot be read.
    """
    content = _mapping(file)
    try:
        return Camera(
            int(content["image_width"]),
            int(content["image_height"]),
            tuple(map(float, content["camera_matrix"]["data"])),
            str(content["distortion_model"]),
            tuple(map(float, content["distortion_coefficients"]["data"])),
        )
    except KeyError as error:
        raise ValueError(f"{file}: {error} is missing; is it a camera calibration?") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: no readable YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: no mapping of names to values")
    return content
