# SPDX-License-Identifier: Apache-2.0
"""The command line: what it writes, what it says about faults, and that help is quick."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bifuse_core.__main__ import SUBCOMMANDS, main
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.rendered import RenderedFrame
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.engine import Engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    sizes = ["--width", "96", "--height", "80"]
    assert main(["render", "--out", str(folder), "--count", "3", "--seed", "4", *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def frames() -> dict[str, RenderedFrame]:
    return dict(RenderedPairs(count=3, seed=4, width=96, height=80).frames())


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_rendered_pairs_on_disk_are_the_rendered_pairs(
    rendered: Path, frames: dict[str, RenderedFrame]
) -> None:
    pairs = list(open_pairs(rendered))
    assert {p.name for p in pairs} == frames.keys()
    for pair in pairs:
        frame = frames[pair.name]
        np.testing.assert_array_equal(pair.thermal, frame.thermal)
        np.testing.assert_array_equal(pair.rgb, frame.rgb)
        mask = cv2.imread(str(rendered / "masks" / f"{pair.name}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, frame.mask)


def test_rendered_labels_are_yolo_boxes_of_the_frames(
    rendered: Path, frames: dict[str, RenderedFrame]
) -> None:
    boxes = 0
    for name, frame in frames.items():
        text = (rendered / "labels" / f"{name}.txt").read_text()
        rows = [[float(word) for word in line.split()] for line in text.splitlines()]
        assert len(rows) == len(frame.boxes)
        for (label, x, y, w, h), box, expected in zip(rows, frame.boxes, frame.labels, strict=True):
            corners = [(x - w / 2) * 96, (y - h / 2) * 80, (x + w / 2) * 96, (y + h / 2) * 80]
            np.testing.assert_allclose(corners, box, atol=1e-3)
            assert label == expected
            boxes += 1
    assert boxes > 0
    assert (rendered / "classes.txt").read_text().split() == list(DETECTION_CLASSES)
    assert (rendered / "mask_classes.txt").read_text().split() == list(SEGMENTATION_CLASSES)


def test_fusing_a_folder_writes_a_picture_for_each_pair(rendered: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "fused"
    assert main(["fuse", str(rendered), "--out", str(out), "--device", "cpu"]) == 0
    pairs = list(open_pairs(rendered))
    assert {f.name for f in out.iterdir()} == {f"{p.name}.png" for p in pairs}
    for pair in pairs:
        fused = cv2.imread(str(out / f"{pair.name}.png"))[..., ::-1]
        # Pictures of a folder do not influence each other.
        expected = Engine(device="cpu").fuse(pair.thermal, pair.rgb, 0)
        assert np.abs(fused.astype(int) - expected).max() <= 1


def test_fusing_two_videos_writes_a_video(video: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "fused.mp4"
    thermal, rgb = video("t.mp4", frames=5), video("v.mp4", frames=4)
    assert main(["fuse", str(thermal), str(rgb), "--out", str(out), "--device", "cpu"]) == 0
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    levels = []
    while True:
        more, frame = film.read()
        if not more:
            break
        assert frame.shape == (48, 64, 3)
        levels.append(np.median(frame))
    # Both cameras show the same grey, so the fused picture does as well.
    assert levels == pytest.approx([20, 40, 60, 80], abs=6)


def test_fusing_videos_into_a_folder_keeps_the_name_of_the_video(
    video: Callable[..., Path], tmp_path: Path
) -> None:
    video("ir/drive.mp4", frames=2), video("vi/drive.mp4", frames=2)
    out = tmp_path / "out"
    assert main(["fuse", str(tmp_path / "ir" / "drive.mp4"), "--out", str(out)]) == 0
    files = sorted(str(f.relative_to(out)) for f in out.rglob("*.png"))
    assert files == ["drive/000000.png", "drive/000001.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fuse", "{missing}", "--out", "{out}"], "{missing}: no such file or folder"),
        (["fuse", "{rendered}", "--out", "{out}", "--weights", "{missing}"], "{missing}: no such"),
        (
            ["fuse", "{rendered}", "--out", "{out}", "--network", "umfusion"],
            "no weights are shipped for network 'umfusion'",
        ),
        (["fuse", "{rendered}", "--out", "{out}", "--device", "abacus"], "'abacus'"),
        (["fuse", "{rendered}", "--out", "{out}.webm"], "{out}.webm: cannot write a video"),
        (["render", "--out", "{out}", "--width", "3"], "width is 3"),
        (["train", "{missing}", "--out", "{out}"], "{missing}: cannot be read (No such file"),
    ],
)
def test_a_fault_in_the_input_prints_one_line_and_returns_2(
    rendered: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    names = {"missing": tmp_path / "missing", "out": tmp_path / "out", "rendered": rendered}
    capfd.readouterr()
    assert main([argument.format(**names) for argument in arguments]) == 2
    ours = [line for line in capfd.readouterr().err.splitlines() if line.startswith("bifuse:")]
    assert len(ours) == 1
    assert message.format(**names) in ours[0]


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["fuse"], ["fuse", "x", "--network", "y"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: bifuse" in capsys.readouterr().err


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_its_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = import_module(f"bifuse_core.commands.{name.replace('-', '_')}")
    assert callable(module.add_arguments)
    assert callable(module.run)
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"usage: bifuse {name}" in capsys.readouterr().out


def test_every_module_of_commands_is_a_subcommand() -> None:
    modules = {f.stem for f in (ROOT / "bifuse_core" / "commands").glob("*.py")} - {"__init__"}
    assert modules == {name.replace("-", "_") for name in SUBCOMMANDS}


def test_help_lists_every_subcommand_without_importing_torch() -> None:
    script = (
        "import sys\n"
        "from bifuse_core.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('heavy:', sorted({'torch', 'cv2', 'numpy'} & sys.modules.keys()))\n"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout
    assert all(name in done.stdout for name in SUBCOMMANDS)


def test_a_progress_bar_in_a_file_has_few_lines(tmp_path: Path) -> None:
    # Each takes longer than a bar of a terminal waits between two lines.
    size = ["--width", "320", "--height", "240"]
    done = python("-m", "bifuse_core", "render", "--out", str(tmp_path), "--count", "6", *size)
    assert done.returncode == 0, done.stderr
    assert "6/6" in done.stderr
    assert 1 <= done.stderr.count("rendering:") <= 3


def test_doctor_examines_everything_and_its_exit_code_says_whether_something_is_missing() -> None:
    # In a process of its own: it imports ROS where there is one.
    done = python("-m", "bifuse_core", "doctor")
    assert "Traceback" not in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    marks = [row[1] for row in rows if row[:1] == ["│"] and row[1] in ("ok", "no")]
    assert len(marks) == 7
    assert done.returncode == (1 if "no" in marks else 0), done.stdout
    for name in (
        "machine",
        "torch",
        "OpenCV",
        "shipped weights",
        "ROS 2",
        "shared memory",
    ):
        assert name in done.stdout
    assert torch.__version__ in done.stdout
    assert cv2.__version__ in done.stdout
