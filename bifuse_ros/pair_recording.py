# SPDX-License-Identifier: Apache-2.0
"""Recording by pairs: which serialised images of two cameras go into the bag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage

from bifuse_core.data.bags import TOPICS, Synchronisation
from bifuse_core.data.choosing import ChoiceCounters, PairChoice
from bifuse_core.imaging.brightness import mean_luminance
from bifuse_core.imaging.encodings import packed_rgb, raw_rgb
from bifuse_core.streams.pairing import Pair, StreamPairing
from bifuse_ros.bag_series import Received
from bifuse_ros.cdr import header_stamp, serialised_image
from bifuse_ros.parameters import Declared

ALL = "all"
CAMERAS = 2
"""The first topics of a choice are those of the two cameras; the other tells what is seen."""

CHOICE_PARAMETERS = (
    Declared(
        "choose.every",
        0,
        "record every nth of the pairs that are worth it; 0: all images, paired or not",
        (0, 1_000_000),
    ),
    Declared("choose.images", list(TOPICS), "topics of the images that are paired: thermal, RGB"),
    Declared("choose.seen", False, "only pairs in which something is seen"),
    Declared("choose.detections", "fusion_node/detections", "topic that says what is seen"),
    Declared("choose.score", 0.3, "least score of what counts as seen", (0.0, 1.0)),
    Declared("choose.classes", [ALL], "names of the classes that count as seen, or all"),
    Declared("choose.wait", 2.0, "s that a pair waits to be looked at", (0.0, 60.0)),
    Declared("choose.dark", False, "only pairs whose RGB image is dark"),
    Declared("choose.luminance", 0.25, "mean of an image that is dark; white is 1", (0.0, 1.0)),
    Declared("sync.slop", Synchronisation.slop, "largest stamp distance of a pair, s", (0.0, 1.0)),
    Declared("sync.offset", Synchronisation.offset, "added to thermal stamps, s", (-1.0, 1.0)),
    Declared("sync.capacity", Synchronisation.capacity, "images that may wait", (2, 1000)),
)


class PairRecording:
    """Holds the images of two cameras back until it is known whether their pair is chosen.

    Args:
        values: of `CHOICE_PARAMETERS`.
        report: told of images that cannot be read.

    Raises:
        ValueError: `choose.images` does not name two topics.
    """

    def __init__(self, values: dict[str, Any], report: Callable[[str], None]) -> None:
        self.topics: list[str] = list(values["choose.images"] or [])
        if len(self.topics) != CAMERAS:
            raise ValueError(f"choose.images is {self.topics}; name two topics: thermal, RGB")
        if values["choose.seen"]:
            self.topics.append(values["choose.detections"])
        self._score: float = values["choose.score"]
        self._classes = frozenset(values["choose.classes"] or [])
        self._luminance: float = values["choose.luminance"]
        pairing = StreamPairing[Received](
            round(values["sync.slop"] * 1e9),
            offset=round(values["sync.offset"] * 1e9),
            capacity=values["sync.capacity"],
        )
        self._choice = PairChoice[Received](
            pairing,
            every=values["choose.every"],
            bright=self._bright if values["choose.dark"] else None,
            wait=round(values["choose.wait"] * 1e9) if values["choose.seen"] else None,
            report=report,
        )

    @property
    def counters(self) -> ChoiceCounters:
        """What became of the pairs so far."""
        return self._choice.counters

    def receive(self, which: int, message: Received) -> list[Received]:
        """Take in a message and return those that are to be written now.

        Args:
            which: number of its topic in `topics`.
            message: of an image, or of detections, which are written themselves.
        """
        message = message._replace(stamp=header_stamp(message.data))
        if which < CAMERAS:
            return _messages(self._choice.push(which, message))
        return [message, *_messages(self._choice.look(message.stamp, self._found(message)))]

    def flush(self) -> list[Received]:
        """Return what is to be written of the images that wait, at the end of the recording."""
        return _messages(self._choice.flush())

    def _found(self, message: Received) -> bool:
        # Only who asks for it needs the package.
        from vision_msgs.msg import Detection2DArray

        return any(
            result.hypothesis.score >= self._score
            and (ALL in self._classes or result.hypothesis.class_id in self._classes)
            for detection in deserialize_message(message.data, Detection2DArray).detections
            for result in detection.results
        )

    def _bright(self, image: Received) -> bool:
        if image.kind.endswith("/CompressedImage"):
            picture = packed_rgb(deserialize_message(image.data, CompressedImage))
        else:
            picture = raw_rgb(serialised_image(image.data))
        return mean_luminance(picture) >= self._luminance


def check_choice(values: dict[str, Any]) -> None:
    """Refuse a choice that nothing would come of.

    Raises:
        ValueError: the message names the parameter.
    """
    for name in ("choose.seen", "choose.dark"):
        if values[name] and not values["choose.every"]:
            raise ValueError(f"{name} chooses among pairs, but choose.every is 0; set it to 1")
    if values["choose.seen"] and not values["choose.classes"]:
        raise ValueError(f"choose.classes is empty; name classes, or [{ALL}]")


def _messages(pairs: list[Pair[Received]]) -> list[Received]:
    return [message for pair in pairs for message in (pair.thermal, pair.rgb)]
