# SPDX-License-Identifier: Apache-2.0
"""The general layout: `ir/` and `vi/` with pictures or videos, and labels in any of three formats.

`labels/` holds YOLO text or VOC files named like the pictures; or a COCO file, for all of them,
lies there or beside it. `masks/` holds pictures of class numbers. `classes.txt` and
`mask_classes.txt` name the classes, a line each. A picture without a label file is one of which
nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bifuse_core.data.annotations.boxes import BoxReader
from bifuse_core.data.annotations.coco import read_coco
from bifuse_core.data.annotations.masks import MaskFile
from bifuse_core.data.annotations.voc import VocFile, names_in
from bifuse_core.data.annotations.yolo import YoloFile
from bifuse_core.data.entries import Entry, EntryDataset, PairReader
from bifuse_core.data.faults import LabelError, MaskError, PairError, PictureError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.pairs import SIDES, by_name, matched
from bifuse_core.data.videos import VIDEO_SUFFIXES, VideoFrame, VideoPairs

FindBoxes = Callable[[str], BoxReader | None]


def _fits(folder: Path) -> bool:
    return all((folder / side).is_dir() for side in SIDES)


def _read(folder: Path, options: Options, report: Report) -> EntryDataset:
    thermal, rgb = (folder / side for side in SIDES)
    pairs: list[PairReader] = [*matched(thermal, rgb, report, one_size=options.one_size)]
    for video in matched(thermal, rgb, report, VIDEO_SUFFIXES):
        try:
            frames = VideoPairs(video.thermal, video.rgb, options.one_size)
            pairs += [VideoFrame(frames, number) for number in range(len(frames))]
        except PairError as fault:
            report(fault)
    chosen = listed(pairs, (folder, folder / "meta"), options.split, report)
    if not options.annotated:
        return EntryDataset(tuple(Entry(pair) for pair in chosen))
    known = {pair.name for pair in pairs}
    classes, boxes = _boxes(folder, options, known, report)
    masks = by_name(folder / options.masks, (".png", ".bmp"), report)
    for name in sorted(masks.keys() - known):
        report(MaskError(f"{masks[name]}: belongs to no pair"))
    mask_classes = _mask_classes(folder, options, bool(masks))
    entries = []
    for pair in chosen:
        mask = None
        if pair.name in masks:
            mask = MaskFile(masks[pair.name], len(mask_classes), options.mask_read_as)
        entries.append(Entry(pair, boxes(pair.name), mask))
    return EntryDataset(tuple(entries), classes, mask_classes)


def _boxes(
    folder: Path, options: Options, known: set[str], report: Report
) -> tuple[tuple[str, ...], FindBoxes]:
    """Return the names of the classes, and who knows the boxes of a picture."""
    labels = folder / options.labels
    classes = options.classes or _names(folder / "classes.txt")
    coco = _coco_file(labels)
    if coco:
        content = read_coco(coco, classes, report)
        for stranger in content.strangers(known):
            report(LabelError(f"{stranger.where}: belongs to no pair"))
        return content.classes, content.of
    files = by_name(labels, (".txt", ".xml"), report)
    # classes.txt lies among the labels where a program for drawing boxes has put it.
    if "classes" in files and "classes" not in known:
        classes = classes or _names(files.pop("classes"))
    for name in sorted(files.keys() - known):
        report(LabelError(f"{files[name]}: belongs to no pair"))
    if not files:
        return (), lambda name: None
    drawn = [file for file in files.values() if file.suffix.lower() == ".xml"]
    if classes is None and len(drawn) < len(files):
        raise PairError(
            f"{labels}: numbers of classes without names; write them to "
            f"{folder / 'classes.txt'}, or give the classes"
        )
    names = names_in(drawn) if classes is None else classes

    def find(name: str) -> BoxReader | None:
        file = files.get(name)
        if file is None:
            return None
        return VocFile(file, names) if file in drawn else YoloFile(file, len(names))

    return names, find


def _coco_file(labels: Path) -> Path | None:
    """Return the one COCO file that the option names, that lies in its folder, or beside it."""
    if labels.suffix == ".json":
        if not labels.is_file():
            raise PairError(f"{labels}: no such file")
        return labels
    files = sorted(labels.glob("*.json"))
    if not files and not labels.is_dir():
        files = sorted(labels.parent.glob("*labels*.json"))
    if len(files) > 1:
        raise PairError(
            f"{labels}: {len(files)} COCO files; name one of {', '.join(f.name for f in files)}"
        )
    return files[0] if files else None


def _mask_classes(folder: Path, options: Options, there: bool) -> tuple[str, ...]:
    if not there:
        return ()
    names = options.mask_classes or _names(folder / "mask_classes.txt")
    if names is None:
        raise PairError(
            f"{folder / options.masks}: masks without names of classes; write them to "
            f"{folder / 'mask_classes.txt'}, or give the mask classes"
        )
    return names


def _names(file: Path) -> tuple[str, ...] | None:
    if not file.is_file():
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PictureError(f"{file}: not readable: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


FOLDER = Layout("folder", "ir/ and vi/, and where there are some labels/ and masks/", _fits, _read)
