# SPDX-License-Identifier: Apache-2.0
"""Pictures on disk for tests of data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

HEIGHT, WIDTH = 24, 32


def write(file: Path, picture: np.ndarray[Any, Any]) -> Path:
    """Write a picture; colours are red, green, blue."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if picture.ndim == 3:
        order = [2, 1, 0, 3][: picture.shape[2]]
        picture = picture[..., order]
    assert cv2.imwrite(str(file), picture)
    return file


def thermal(seed: int = 0, dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    return random.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH)).astype(dtype)


def rgb(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed + 1000).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def write_pair(thermal_file: Path, rgb_file: Path, seed: int = 0) -> None:
    write(thermal_file, thermal(seed))
    write(rgb_file, rgb(seed))


def voc(*objects: tuple[str, tuple[float, ...]], size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """Return a VOC file of objects (name, corners)."""
    parts = [
        f"<object><name>{name}</name><difficult>0</difficult><bndbox>"
        + "".join(
            f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        + "</bndbox></object>"
        for name, box in objects
    ]
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation>{sides}{''.join(parts)}</annotation>"


def mask(seed: int, classes: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, classes, (HEIGHT, WIDTH)).astype(np.uint8)


def yolo_folder(folder: Path) -> None:
    """Write three pairs: a with a car, b with nothing in it, and c with a mask alone."""
    for seed, name in enumerate(("a", "b", "c")):
        write_pair(folder / f"ir/{name}.png", folder / f"vi/{name}.png", seed)
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    (folder / "labels/b.txt").write_text("")
    (folder / "classes.txt").write_text("person\ncar\n")
    write(folder / "masks/c.png", mask(0, 3))
    (folder / "mask_classes.txt").write_text("road\nsky\ncar\n")


def folder_of_pairs(folder: Path, count: int, size: int = 48) -> Path:
    """Write square random pairs named 00, 01, ... below `ir/` and `vi/`."""
    random = np.random.default_rng(0)
    for number in range(count):
        write(folder / "ir" / f"{number:02d}.png", random.integers(0, 256, (size, size), np.uint8))
        colours = random.integers(0, 256, (size, size, 3), np.uint8)
        write(folder / "vi" / f"{number:02d}.png", colours)
    return folder
