# SPDX-License-Identifier: Apache-2.0
"""Alignment as it lies in files: parameters of fusion_node, and calibrations of cameras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.settings import AlignmentSettings

SECTION = "alignment"
NODE = "fusion_node"


def read_parameters(*files: Path) -> dict[str, Any]:
    """Return the parameters that files give fusion_node, by dotted names.

    The last that names a value counts. Names with dots and nested ones are read alike, those of
    nodes as well.

    Raises:
        ValueError: a file holds no parameters of it, those of two such nodes in two namespaces, or
            something that is no name or no parameters.
        OSError: a file cannot be read.
    """
    return {name: value for file in files for name, value in _parameters(file).items()}


def _parameters(file: Path) -> dict[str, Any]:
    given: dict[str, Any] = {}
    nodes: set[str] = set()
    content = _mapping(file)
    try:
        for name, body in _bodies(content):
            space, _, last = name.rpartition("/")
            if last not in ("**", "*", NODE):
                continue
            # Those for every namespace hold for whichever node the others are of.
            if "*" not in space and (space or last == NODE):
                nodes.add(f"{space}/{NODE}")
            if not isinstance(body, dict | None):
                raise ValueError(f"ros__parameters of {name} is {body!r}, no names and values")
            given |= _dotted(body or {})
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if len(nodes) > 1:
        raise ValueError(
            f"{file}: holds parameters of {' and '.join(sorted(nodes))}; give a file of one node"
        )
    if not given:
        raise ValueError(f"{file}: holds no ros__parameters of {NODE}")
    return given


def read_alignment(*files: Path) -> AlignmentSettings:
    """Return the alignment that files of ROS parameters give fusion_node.

    The last that names a value counts; what is in none has its default.

    Raises:
        ValueError: a file holds no parameters, or a value cannot be; the message names it.
        OSError: a file cannot be read.
    """
    start = f"{SECTION}."
    given = {
        name.removeprefix(start): value
        for name, value in read_parameters(*files).items()
        if name.startswith(start)
    }
    try:
        return AlignmentSettings(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{', '.join(map(str, files))}: {error}") from error


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


def _bodies(content: dict[Any, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what each node is given, with its whole name, in which there may be wildcards."""
    for name, body in content.items():
        if name == "ros__parameters":
            yield start, body
        elif isinstance(body, dict):
            yield from _bodies(body, f"{start}/{_text(name).strip('/')}")


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no name of a node or parameter")
    return name


def _dotted(nested: dict[Any, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        name = _text(name)
        if isinstance(value, dict):
            flat |= _dotted(value, f"{start}{name}.")
        else:
            flat[f"{start}{name}"] = value
    return flat
