# SPDX-License-Identifier: Apache-2.0
"""One pair of videos, named by its thermal one: their frames, without labels."""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import PairError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.videos import VIDEO_SUFFIXES, VideoFrame, VideoPairs, partner_video


def _fits(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES


def _read(path: Path, options: Options, report: Report) -> EntryDataset:
    if not path.is_file():
        raise PairError(f"{path}: not a video file")
    videos = VideoPairs(path, partner_video(path), options.one_size)
    frames = [VideoFrame(videos, number) for number in range(len(videos))]
    chosen = listed(frames, (path.parent.parent,), options.split, report)
    return EntryDataset(tuple(Entry(frame) for frame in chosen))


VIDEO = Layout("video", "a thermal video in ir/ and its partner in vi/ beside that", _fits, _read)
