# SPDX-License-Identifier: Apache-2.0
"""Alignment as it lies in files: parameters of fusion_node, and calibrations of cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.settings import AlignmentSettings

SECTION = "alignment"


def read_parameters(file: Path) -> dict[str, Any]:
    """Return the parameters that a file gives fusion_node, by dotted names.

    Names with dots and nested ones are read alike.

    Raises:
        ValueError: the file holds no parameters of it.
        OSError: the file cannot be read.
    """
    given: dict[str, Any] = {}
    for node, body in _mapping(file).items():
        if node.strip("/").split("/")[-1] in ("**", "*", "fusion_node") and isinstance(body, dict):
            given |= _dotted(body.get("ros__parameters") or {})
    if not given:
        raise ValueError(f"{file}: holds no ros__parameters of fusion_node")
    return given


def read_alignment(file: Path) -> AlignmentSettings:
    """Return the alignment that a file of ROS parameters gives fusion_node.

    What is not there has its default.

    Raises:
        ValueError: the file holds no parameters, or a value cannot be; the message names it.
        OSError: the file cannot be read.
    """
    start = f"{SECTION}."
    given = {
        name.removeprefix(start): value
        for name, value in read_parameters(file).items()
        if name.startswith(start)
    }
    try:
        return AlignmentSettings(**given)
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


def _dotted(nested: dict[str, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _dotted(value, f"{start}{name}.")
        else:
            flat[f"{start}{name}"] = value
    return flat
