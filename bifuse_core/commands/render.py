# SPDX-License-Identifier: Apache-2.0
"""Write rendered, labelled road scenes as a folder of pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from tqdm import tqdm

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.rendered import RenderedFrame
from bifuse_core.data.rendered.pairs import RenderedPairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `render`."""
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--count", type=int, default=50, help="number of pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)


def run(args: argparse.Namespace) -> int:
    """Write `ir/` (16-bit centikelvin PNG), `vi/`, `masks/` (class ids) and `labels/` (YOLO)."""
    for name in ("ir", "vi", "masks", "labels"):
        (args.out / name).mkdir(parents=True, exist_ok=True)
    pairs = RenderedPairs(args.count, args.seed, args.width, args.height)
    for name, frame in tqdm(pairs.frames(), total=args.count, desc="rendering", unit="pair"):
        cv2.imwrite(str(args.out / "ir" / f"{name}.png"), frame.thermal)
        bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(args.out / "vi" / f"{name}.png"), bgr)
        cv2.imwrite(str(args.out / "masks" / f"{name}.png"), frame.mask)
        (args.out / "labels" / f"{name}.txt").write_text(yolo_lines(frame), encoding="utf-8")
    (args.out / "classes.txt").write_text("\n".join(DETECTION_CLASSES) + "\n", encoding="utf-8")
    names = "\n".join(SEGMENTATION_CLASSES) + "\n"
    (args.out / "mask_classes.txt").write_text(names, encoding="utf-8")
    print(f"{args.count} labelled pairs: {args.out}")
    return 0


def yolo_lines(frame: RenderedFrame) -> str:
    """Return the boxes as YOLO text: class, centre x and y, width and height, all relative."""
    height, width = frame.mask.shape
    lines = []
    for label, (left, top, right, bottom) in zip(frame.labels, frame.boxes, strict=True):
        centre = ((left + right) / 2 / width, (top + bottom) / 2 / height)
        size = ((right - left) / width, (bottom - top) / height)
        lines.append(" ".join([str(label), *(f"{value:.6f}" for value in (*centre, *size))]))
    return "".join(line + "\n" for line in lines)
