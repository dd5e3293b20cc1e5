# SPDX-License-Identifier: Apache-2.0
"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

from bifuse_core.__main__ import SUBCOMMANDS
from bifuse_ros.conversions import RGB_ENCODINGS, THERMAL_ENCODINGS
from bifuse_ros.fusion_parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_parameters_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| (.*?) \| (yes)? ?\| (.*?) \|$", README, re.M)
    shown = {row[0]: row[1:] for row in rows}
    assert list(shown) == [declared.name for declared in PARAMETERS]
    for declared in PARAMETERS:
        default, limits, live, description = shown[declared.name]
        assert default.strip('"').lower() == str(declared.default).lower()
        assert (live == "yes") == declared.live
        assert description == declared.description
        for choice in declared.choices:
            assert choice in limits


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!http)(.*?)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link


def test_all_subcommands_are_listed() -> None:
    # Two need the nodes.
    commands = {*SUBCOMMANDS, "reload", "soak"}
    assert set(re.findall(r"^\| `([a-z-]+)` \| [a-z]", README, re.M)) == commands


def test_all_encodings_are_listed() -> None:
    for encoding in (*THERMAL_ENCODINGS, *RGB_ENCODINGS):
        name = re.sub(r"^bayer_.*", r"bayer_\\*8", encoding)
        assert name in README or name.startswith(("yuv422", "yuyv")), encoding
