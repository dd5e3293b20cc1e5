# SPDX-License-Identifier: Apache-2.0
"""Pascal VOC: an XML file for each picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bifuse_core.data.annotations.boxes import Boxes, DrawnBox, checked
from bifuse_core.data.faults import LabelError, Report

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocFile:
    """The boxes of one picture in one file; objects marked difficult become regions to ignore.

    Corners are taken as they are, as labelImg writes them. Names are compared without regard to
    case, spaces, hyphens and underscores.

    Attributes:
        file: the XML file.
        classes: names of the classes.
        same_size: report a file whose `size` is not that of the picture.

    Source: the VOC2007 development kit, and github.com/HumanSignal/labelImg.
    """

    file: Path
    classes: tuple[str, ...]
    same_size: bool = True

    def read(self, height: int, width: int, report: Report) -> Boxes:
        """Read them (see `BoxReader`)."""
        return checked(
            self._drawn(height, width, report), len(self.classes), (height, width), report
        )

    def _drawn(self, height: int, width: int, report: Report) -> Iterator[DrawnBox]:
        try:
            root = _parsed(self.file)
        except LabelError as fault:
            report(fault)
            return
        declared = [root.findtext(f"size/{side}", "0").strip() for side in ("width", "height")]
        if self.same_size and declared not in (["0", "0"], [str(width), str(height)]):
            report(
                LabelError(
                    f"{self.file}: made for a picture of {'x'.join(declared)}, not {width}x{height}"
                )
            )
            return
        numbers = {plain(name): number for number, name in enumerate(self.classes)}
        for number, element in enumerate(root.iter("object"), 1):
            where = f"{self.file}, object {number}"
            name = element.findtext("name", "")
            if plain(name) not in numbers:
                report(LabelError(f"{where}: {name!r} is none of {', '.join(self.classes)}"))
                continue
            try:
                left, top, right, bottom = (
                    float(element.findtext(f"bndbox/{corner}", "")) for corner in _CORNERS
                )
            except ValueError:
                report(LabelError(f"{where}: needs the numbers {', '.join(_CORNERS)} in bndbox"))
                continue
            difficult = element.findtext("difficult", "0").strip() == "1"
            yield DrawnBox(where, (left, top, right, bottom), numbers[plain(name)], difficult)


def names_in(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the names of all objects in the files, sorted, each as it is spelt first.

    A file that cannot be read adds none; `VocFile.read` reports it.
    """
    found: list[str] = []
    for file in files:
        with suppress(LabelError):
            found += [e.findtext("name", "").strip() for e in _parsed(file).iter("object")]
    return tuple(sorted(one_spelling(found), key=plain))


def one_spelling(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in their order without those that differ from an earlier one in spelling."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(plain(name), name)
    return tuple(name for key, name in first.items() if key)


def plain(name: str) -> str:
    """Return a name in the form in which names are compared."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _parsed(file: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(file).getroot()
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise LabelError(f"{file}: not readable as XML: {error}") from error
