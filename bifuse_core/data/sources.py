# SPDX-License-Identifier: Apache-2.0
"""From a path on the command line to the pairs behind it."""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.bag_reader import bag_files, is_bag, no_bag
from bifuse_core.data.bags import TOPICS, BagPairs, Synchronisation
from bifuse_core.data.faults import PairError
from bifuse_core.data.pairs import SIDES, FolderPairs, PairSource, partners
from bifuse_core.data.videos import VIDEO_SUFFIXES, VideoPairs, partner_video


def open_pairs(
    *paths: Path,
    topics: tuple[str, str] = TOPICS,
    sync: Synchronisation | None = None,
    reference: str = "rgb",
    one_size: bool = True,
) -> PairSource:
    """Open pairs of any kind.

    Args:
        paths: a folder with `ir/` and `vi/` (pictures, or one pair of videos); or two videos,
            thermal first; or one video in an `ir/` folder whose partner lies in `vi/` beside it; or
            a rosbag2 folder, or its one .mcap or .db3 file.
        topics: of a bag, thermal first.
        sync: of a bag: how its images are paired.
        reference: of a bag: see `BagPairs`.
        one_size: refuse pairs whose pictures differ in size.

    Raises:
        PairError: nothing is there, or it is not made of pairs; the message says what was expected.
    """
    for path in paths:
        if not path.exists():
            raise PairError(f"{path}: no such file or folder")
    if len(paths) == 2 and all(p.is_file() for p in paths):
        return VideoPairs(*paths, one_size)
    if len(paths) != 1:
        raise PairError(
            "give one folder with ir/ and vi/, two videos (thermal, RGB), or one bag; "
            f"got {len(paths)} paths"
        )
    path = paths[0]
    if is_bag(path):
        return BagPairs(path, topics, sync or Synchronisation(), one_size, reference)
    if path.is_file():
        try:
            rgb = partner_video(path)
        except PairError as error:
            raise PairError(f"{error}, or give both videos") from error
        return VideoPairs(path, rgb, one_size)
    if bag_files(path) and not any((path / side).is_dir() for side in SIDES):
        raise no_bag(path)
    videos = partners(path, VIDEO_SUFFIXES)
    if not videos:
        return FolderPairs(path, one_size=one_size)
    if len(videos) > 1:
        choices = ", ".join(str(video.thermal) for video in videos)
        raise PairError(f"{path} holds {len(videos)} video pairs; name one of them: {choices}")
    return VideoPairs(videos[0].thermal, videos[0].rgb, one_size)
