# SPDX-License-Identifier: Apache-2.0
"""The check reports every fault of a damaged data set in one pass, and what is in a sound one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_files import HEIGHT, WIDTH, rgb, thermal, write, write_pair

from bifuse_core.__main__ import main
from bifuse_core.data.check import check
from bifuse_core.data.datasets import list_dataset


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Twelve pairs with boxes and masks, all sound."""
    folder = tmp_path / "set"
    (folder / "labels").mkdir(parents=True)
    for number in range(12):
        write_pair(folder / f"ir/{number:02d}.png", folder / f"vi/{number:02d}.png", number)
        (folder / f"labels/{number:02d}.txt").write_text("0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.2 0.2\n")
        write(folder / f"masks/{number:02d}.png", np.full((HEIGHT, WIDTH), number % 3, np.uint8))
    (folder / "classes.txt").write_text("person\ncar\n")
    (folder / "mask_classes.txt").write_text("road\nsky\ncar\n")
    return folder


def damage(folder: Path) -> list[str]:
    """Spoil the data set in many ways, and return what must be said of each."""
    (folder / "ir/00.png").unlink()
    (folder / "vi/01.png").unlink()
    data = (folder / "ir/02.png").read_bytes()
    (folder / "ir/02.png").write_bytes(data[: len(data) // 2])
    (folder / "vi/03.png").unlink()
    jpeg = cv2.imencode(".jpg", rgb(3))[1].tobytes()
    (folder / "vi/03.jpg").write_bytes(jpeg[:-2])
    write(folder / "vi/04.png", rgb(4)[:-1])
    (folder / "labels/05.txt").write_text("0 0.9 0.5 0.5 0.5\n0 0.5 0.5 0 0.1\n9 0.5 0.5 0.1 0.1\n")
    write(folder / "masks/05.png", np.full((HEIGHT, WIDTH), 77, np.uint8))
    write(folder / "masks/06.png", np.zeros((HEIGHT, WIDTH - 1), np.uint8))
    (folder / "labels/07.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "masks/08.png").write_bytes(b"no picture")
    (folder / "labels/stranger.txt").write_text("")
    write(folder / "masks/stranger.png", thermal())
    return [
        f"{folder}/vi/00.png: lacks its partner",
        f"{folder}/ir/01.png: lacks its partner",
        f"{folder}/ir/02.png: not a readable picture",
        f"{folder}/vi/03.jpg: not a readable picture: its end is missing",
        f"{folder}/ir/04.png: thermal is 32x24 but 04.png is 32x23",
        f"{folder}/labels/05.txt:1: box",
        f"{folder}/labels/05.txt:2: box",
        f"{folder}/labels/05.txt:3: label 9",
        f"{folder}/masks/05.png: values [77]",
        f"{folder}/masks/06.png: the mask is 31x24",
        f"{folder}/labels/07.txt: not readable",
        f"{folder}/masks/08.png: not a readable picture",
        # What belongs to a pair that is not whole, or to none.
        f"{folder}/labels/00.txt: belongs to no pair",
        f"{folder}/labels/01.txt: belongs to no pair",
        f"{folder}/labels/stranger.txt: belongs to no pair",
        f"{folder}/masks/00.png: belongs to no pair",
        f"{folder}/masks/01.png: belongs to no pair",
        f"{folder}/masks/stranger.png: belongs to no pair",
    ]


def test_every_fault_is_reported_once_in_one_pass(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = damage(sound)
    assert main(["check", str(sound)]) == 0
    printed = capsys.readouterr().out.splitlines()
    for start in expected:
        assert sum(line.startswith(start) for line in printed) == 1, start
    assert f"faults: {len(expected)}" in printed
    assert "pairs: 10, of which 3 without fault" in printed
    assert main(["check", str(sound), "--strict"]) == 1


def test_a_sound_data_set_is_counted(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sound / "labels/00.txt").write_text("")
    (sound / "labels/01.txt").unlink()
    assert main(["check", str(sound), "--strict", "--layout", "folder"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "pairs: 12, of which 12 without fault",
        "sizes: 32x24 12",
        "thermal: uint8 12",
        "boxes: person 10, car 10; regions to ignore 0",
        "pairs without label file: 1, with nothing in it: 1",
        "masks: 12; road 33.3%, sky 33.3%, car 33.3%",
        "faults: 0",
    ]


def test_options_of_the_command_reach_the_layout(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sound / "few.txt").write_text("03\n04\n")
    (sound / "classes.txt").unlink()
    (sound / "masks").rename(sound / "drawn")
    options = ["--split", "few", "--classes", "a, b", "--masks", "drawn"]
    options += ["--mask-classes", "x,y", "--unlabelled", "2"]
    assert main(["check", str(sound), *options]) == 0
    printed = capsys.readouterr().out
    assert "boxes: a 2, b 2" in printed
    assert "masks: 2; x 50.0%, y 50.0%" in printed


def test_a_mask_value_beyond_a_byte_is_refused_by_name(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(sound), "--unlabelled", "300"]) == 2
    said = capsys.readouterr().err
    assert "mask value 300 is outside 0..255 (mask_read_as, --unlabelled)" in said


def test_what_is_no_data_set_prints_one_line_and_returns_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "bifuse: " in capsys.readouterr().err


def test_sizes_of_the_findings_name_the_commonest(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        for side, picture in (("ir", thermal()), ("vi", rgb())):
            write(sound / f"{side}/{number:02d}.png", picture[: 20 - number])
    assert check(list_dataset(sound)).sizes["32x24"] == 7
    main(["check", str(sound)])
    assert "sizes: 32x24 7, 32x20 1, 32x19 1, 32x18 1 and 2 others" in capsys.readouterr().out
