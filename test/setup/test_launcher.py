# SPDX-License-Identifier: Apache-2.0
"""The launcher in a copy of the repository, with a PATH that holds fakes of what it calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bifuse_core.__main__ import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[2]

REAL_TOOLS = """
awk bash cat chmod cp cut dirname env flock grep mkdir readlink rm sha256sum sleep tail timeout
touch
"""

# Answers the questions the launcher asks a Python, notes its pip runs, and else says what it runs.
FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
  *version_info*) echo "${FAKE_VERSION:-3.11}" ;;
  *get_path*) echo "$FAKES/headers" ;;
  *'import ensurepip'*) [[ -z ${FAKE_NO_VENV:-} ]] ;;
  *'import Detection2DArray'*) exit 1 ;;
  '-m venv'*) mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python" ;;
  *build_vision_msgs*) mkdir -p "$2" && touch "$2/vision_msgs.whl" && echo build >>"$FAKES/calls" ;;
  '-m pip'*)
    echo "${*:3}" >>"$FAKES/calls"
    sleep "${FAKE_PIP_SECONDS:-0}"
    if [[ -n ${FAKE_REFUSED:-} && "$* " =~ $FAKE_REFUSED ]]; then echo "$FAKE_OUTPUT"; exit 1; fi ;;
  *) echo "ran: $*"; env ;;
esac
"""


@dataclass
class Launcher:
    """A copy of the repository, and the folder of fakes that is its PATH."""

    repository: Path
    fakes: Path

    def fake(self, name: str, script: str) -> None:
        path = self.fakes / name
        path.unlink(missing_ok=True)
        path.write_text(script if script.startswith("#!") else f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": str(self.fakes),
            "HOME": str(self.fakes),
            "FAKES": str(self.fakes),
            **variables,
        }
        return subprocess.Popen(
            [str(self.repository / "bifuse"), *arguments],
            env=environment,
            cwd=self.fakes,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def calls(self) -> list[str]:
        """The pip runs and builds since the last question."""
        path = self.fakes / "calls"
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    repository, fakes = tmp_path / "repository", tmp_path / "fakes"
    (fakes / "headers").mkdir(parents=True)
    (fakes / "headers" / "Python.h").touch()
    shutil.copytree(ROOT / "requirements", repository / "requirements")
    shutil.copytree(ROOT / "scripts", repository / "scripts")
    shutil.copy(ROOT / "bifuse", repository)
    for name in REAL_TOOLS.split():
        found = shutil.which(name)
        assert found, f"{name} is not on this machine"
        (fakes / name).symlink_to(found)
    made = Launcher(repository, fakes)
    made.fake("python3", FAKE_PYTHON)
    made.fake("uname", '[[ $1 == -s ]] && echo Linux || echo "${FAKE_PROCESSOR:-x86_64}"')
    made.fake("id", 'echo "${FAKE_USER:-1000}"')
    made.fake("df", 'echo header; echo "disk 1 1 $((${FAKE_FREE_GB:-100} * 1048576)) 1% /"')
    made.fake("g++", ":")
    return made


def test_usage_needs_no_set_up(launcher: Launcher) -> None:
    for arguments in ([], ["--help"]):
        result = launcher.run(*arguments)
        assert result.returncode == 0
        for name in ("demo", "bench", "soak", "reload", "test"):
            assert f"./bifuse {name}" in result.stdout
        listed = dict(re.findall(r"^  ([a-z-]+)  +(.+)$", result.stdout, re.MULTILINE))
        assert listed == {name: text for name, text in SUBCOMMANDS.items() if name != "bench"}
    assert not (launcher.repository / ".venv").exists()


def test_first_run_sets_up_and_runs_the_command(launcher: Launcher) -> None:
    result = launcher.run("demo", "--input", "a folder")
    assert result.returncode == 0, result.stderr
    assert "ran: -m bifuse_ros.demo --input a folder" in result.stdout
    assert [line[:5] for line in result.stderr.splitlines()] == [f"[{n}/5]" for n in range(1, 6)]
    assert any("ros.txt" in call for call in launcher.calls())


def test_benchmarks_are_those_of_the_node_too(launcher: Launcher) -> None:
    result = launcher.run("bench", "node", "--quick")
    assert "ran: -m bifuse_ros.bench node --quick" in result.stdout
    result = launcher.run("soak", "--minutes", "1")
    assert "ran: -m bifuse_ros.bench.soak --minutes 1" in result.stdout


def test_reload_is_a_command_of_ros(launcher: Launcher) -> None:
    result = launcher.run("reload", "--node", "/robot/fusion_node")
    assert "ran: -m bifuse_ros.reload --node /robot/fusion_node" in result.stdout


def test_second_start_does_nothing_and_is_quick(launcher: Launcher) -> None:
    launcher.run("doctor")
    launcher.calls()
    began = time.monotonic()
    result = launcher.run("doctor")
    assert time.monotonic() - began < 1
    assert "ran: -m bifuse_core doctor" in result.stdout
    assert result.stderr == ""
    assert launcher.calls() == []


def test_only_tests_install_the_test_tools(launcher: Launcher) -> None:
    launcher.run("doctor")
    assert not any("dev.txt" in call for call in launcher.calls())
    result = launcher.run("test", "-k", "pairing")
    assert any("dev.txt" in call for call in launcher.calls())
    order = [line for line in result.stdout.splitlines() if line.startswith("ran:")]
    assert order[:2] == ["ran: -m ruff check", "ran: -m mypy"]
    assert order[2].startswith("ran: -m pytest ") and order[2].endswith(" -k pairing")


def test_interrupted_set_up_resumes(launcher: Launcher) -> None:
    failed = launcher.run("doctor", FAKE_REFUSED="torch", FAKE_OUTPUT="interrupted here")
    assert failed.returncode != 0
    assert "interrupted here" in failed.stderr
    launcher.calls()
    result = launcher.run("doctor")
    assert result.returncode == 0
    assert "[3/5]" in result.stderr and "[2/5]" not in result.stderr
    assert not any("ros.txt" in call for call in launcher.calls())


def test_changed_requirement_repeats_its_step_only(launcher: Launcher) -> None:
    launcher.run("test")
    launcher.calls()
    with (launcher.repository / "requirements" / "dev.txt").open("a") as requirements:
        requirements.write("another==1\n")
    result = launcher.run("test")
    assert len(launcher.calls()) == 1
    assert result.stderr.startswith("[6/6]")


def test_changed_message_rebuilds_vision_msgs_only(launcher: Launcher) -> None:
    launcher.run("doctor")
    launcher.calls()
    (launcher.repository / "scripts" / "vision_msgs" / "msg" / "New.msg").write_text("bool new\n")
    result = launcher.run("doctor")
    assert result.stderr.startswith("[4/5]")
    assert launcher.calls()[0] == "build"


def test_removed_environment_takes_the_cached_wheel(launcher: Launcher) -> None:
    launcher.run("doctor")
    launcher.calls()
    shutil.rmtree(launcher.repository / ".venv")
    assert launcher.run("doctor").returncode == 0
    assert "build" not in launcher.calls()


def test_concurrent_runs_set_up_once(launcher: Launcher) -> None:
    runs = [launcher.start("doctor", FAKE_PIP_SECONDS="0.2") for _ in range(2)]
    outputs = [run.communicate(timeout=30) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("waiting for it" in err for _, err in outputs) == 1
    assert sum("ros.txt" in call for call in launcher.calls()) == 1


def test_takes_another_python_where_the_first_is_unsupported(launcher: Launcher) -> None:
    launcher.fake("python3.12", FAKE_PYTHON.replace("${FAKE_VERSION:-3.11}", "3.12"))
    launcher.fake("python3", "echo 3.9")
    assert launcher.run("doctor").returncode == 0


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    """The one sentence, after checking that there is no more than it."""
    assert result.returncode != 0
    assert "ran:" not in result.stdout
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_unsupported_python(launcher: Launcher) -> None:
    sentence = refusal(launcher.run("doctor", FAKE_VERSION="3.9"))
    assert "needs Python 3.10 to 3.14, found 3.9" in sentence


def test_no_python(launcher: Launcher) -> None:
    (launcher.fakes / "python3").unlink()
    assert "found none" in refusal(launcher.run("doctor"))


def test_unsupported_processor(launcher: Launcher) -> None:
    sentence = refusal(launcher.run("doctor", FAKE_PROCESSOR="aarch64"))
    assert "aarch64" in sentence and "ROS distribution" in sentence


def test_full_disk(launcher: Launcher) -> None:
    sentence = refusal(launcher.run("doctor", FAKE_FREE_GB="1"))
    assert "needs 3 GB" in sentence and "1 GB free" in sentence


def test_missing_packages_as_a_user(launcher: Launcher) -> None:
    (launcher.fakes / "g++").unlink()
    (launcher.fakes / "headers" / "Python.h").unlink()
    launcher.fake("apt-get", 'echo "$*" >>"$FAKES/apt"')
    sentence = refusal(launcher.run("doctor", FAKE_NO_VENV="1"))
    assert sentence.endswith("sudo apt install g++ python3-dev python3-venv")
    assert not (launcher.fakes / "apt").exists()


def test_missing_packages_as_root(launcher: Launcher) -> None:
    (launcher.fakes / "g++").unlink()
    launcher.fake("apt-get", 'echo "$*" >>"$FAKES/apt"')
    result = launcher.run("doctor", FAKE_USER="0")
    assert result.returncode == 0, result.stderr
    update, install = (launcher.fakes / "apt").read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install") and install.endswith("g++")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("NewConnectionError: Temporary failure in name resolution", "no package index"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: something else", "setup.log"),
    ],
)
def test_failed_step_is_explained(launcher: Launcher, output: str, sentence: str) -> None:
    result = launcher.run("doctor", FAKE_REFUSED="ros.txt", FAKE_OUTPUT=output)
    assert result.returncode != 0
    assert output in result.stderr
    assert sentence in result.stderr.splitlines()[-1]


needs_no_gpu = pytest.mark.skipif(
    Path("/proc/driver/nvidia/version").exists(), reason="this machine has an NVIDIA driver"
)


def torch_calls(launcher: Launcher) -> list[str]:
    return [call for call in launcher.calls() if "torch" in call]


@needs_no_gpu
def test_a_cpu_build_in_reach_is_taken(launcher: Launcher) -> None:
    launcher.run("doctor")
    (call,) = torch_calls(launcher)
    assert call.endswith("torch==2.13.0+cpu")


@needs_no_gpu
def test_then_the_cpu_index(launcher: Launcher) -> None:
    # Refuses what asks for a CPU build without naming the index.
    result = launcher.run("doctor", FAKE_REFUSED=r"core.txt torch==\S+\+cpu ", FAKE_OUTPUT="none")
    _, question, call = torch_calls(launcher)
    assert question.startswith("index versions torch")
    assert "--extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu" in call
    assert "several GB" not in result.stderr


@needs_no_gpu
def test_then_the_default_build_with_a_warning(launcher: Launcher) -> None:
    refused = {"FAKE_REFUSED": r"\+cpu |index versions", "FAKE_OUTPUT": "none"}
    result = launcher.run("doctor", **refused)
    assert result.returncode == 0
    assert "several GB" in result.stderr and "BIFUSE_TORCH_INDEX" in result.stderr
    assert torch_calls(launcher)[-1].endswith("torch==2.13.0")


@needs_no_gpu
def test_no_default_build_without_the_space_for_it(launcher: Launcher) -> None:
    refused = {"FAKE_REFUSED": r"\+cpu |index versions", "FAKE_OUTPUT": "none"}
    result = launcher.run("doctor", FAKE_FREE_GB="10", **refused)
    assert result.returncode != 0
    assert "needs 14 GB" in result.stderr.splitlines()[-1]


def test_a_driver_takes_the_default_build(launcher: Launcher) -> None:
    launcher.fake("nvidia-smi", ":")
    launcher.run("doctor")
    (call,) = torch_calls(launcher)
    assert call.endswith("torch===2.13.0")


def test_a_chosen_index_is_used_alone(launcher: Launcher) -> None:
    launcher.fake("nvidia-smi", ":")
    launcher.run("doctor", BIFUSE_TORCH_INDEX="https://index.example/cu130")
    (call,) = torch_calls(launcher)
    assert call.endswith("--index-url https://index.example/cu130 torch==2.13.0")


def test_environment_of_the_command(launcher: Launcher) -> None:
    out = launcher.run("doctor").stdout.splitlines()
    assert f"PYTHONPATH={launcher.repository}" in out
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST" in out
    profile = launcher.repository / "config" / "fastdds_large_images.xml"
    assert f"FASTDDS_DEFAULT_PROFILES_FILE={profile}" in out
    assert not any(line.startswith("ROS_LOG_DIR") for line in out)


def test_a_user_s_choices_are_kept(launcher: Launcher) -> None:
    out = launcher.run(
        "doctor",
        ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET",
        FASTDDS_DEFAULT_PROFILES_FILE="/my.xml",
        HOME="",
    ).stdout.splitlines()
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET" in out
    assert "FASTDDS_DEFAULT_PROFILES_FILE=/my.xml" in out
    assert any(line.startswith("ROS_LOG_DIR=") for line in out)


def test_a_sourced_distribution_is_left_aside(launcher: Launcher) -> None:
    launcher.run("doctor")
    result = launcher.run(
        "doctor",
        ROS_DISTRO="jazzy",
        AMENT_PREFIX_PATH="/home/me/install/mine:/opt/ros/jazzy",
        PYTHONPATH="/home/me/install/mine/lib/python:/opt/ros/jazzy/lib/python:/home/me/lib",
        LD_LIBRARY_PATH="/opt/ros/jazzy/lib:/usr/local/cuda/lib64",
        RMW_IMPLEMENTATION="rmw_cyclonedds_cpp",
    )
    assert len(result.stderr.splitlines()) == 1 and "jazzy" in result.stderr
    out = result.stdout.splitlines()
    assert f"PYTHONPATH={launcher.repository}:/home/me/lib" in out
    assert "LD_LIBRARY_PATH=/usr/local/cuda/lib64" in out
    assert "RMW_IMPLEMENTATION=rmw_fastrtps_cpp" in out
    assert f"AMENT_PREFIX_PATH={launcher.repository}/.venv" in out
    assert not any(line.startswith("ROS_DISTRO") for line in out)


def test_the_library_path_of_another_environment_is_dropped(launcher: Launcher) -> None:
    out = launcher.run(
        "doctor", LD_LIBRARY_PATH="/other/.venv/lib", _ROS_WHEELS_BOOTSTRAP_COMPLETE="1"
    ).stdout
    assert "/other/.venv" not in out
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in out


def test_runs_from_anywhere_through_a_link(launcher: Launcher, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    os.symlink(launcher.repository / "bifuse", link)
    result = subprocess.run(
        [str(link), "doctor"],
        env={"PATH": str(launcher.fakes), "HOME": "/", "FAKES": str(launcher.fakes)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert "ran: -m bifuse_core doctor" in result.stdout, result.stderr
