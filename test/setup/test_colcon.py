# SPDX-License-Identifier: Apache-2.0
"""What a ROS 2 user does with the package: build it with colcon, source it, start a node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("colcon_core")
pytest.importorskip("rclpy")
import rclpy
from lifecycle_msgs.srv import GetState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = 101 + os.getpid() % 100
NOT_PACKAGED = (".*", "build", "install", "log", "out", "runs", "docs", "test", "__pycache__")


def environment(workspace: Path) -> dict[str, str]:
    # Without the library path of this process and its marker, the ROS 2 wheels set their own.
    inherited = ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in inherited}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLCON_HOME": str(workspace / "colcon"),
        "ROS_LOG_DIR": str(workspace / "ros_log"),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(DOMAIN),
    }


def run(workspace: Path, *command: str) -> str:
    result = subprocess.run(
        command,
        cwd=workspace,
        env=environment(workspace),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def sourced(workspace: Path, command: str) -> str:
    return run(workspace, "bash", "-c", f"source install/local_setup.bash && {command}").strip()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the package built in it."""
    folder = tmp_path_factory.mktemp("workspace")
    source = folder / "src" / "bifuse_ros"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NOT_PACKAGED))
    run(folder, sys.executable, "-m", "colcon", "build")
    return folder


def test_colcon_sees_an_ament_package(workspace: Path) -> None:
    # With a fault in package.xml it says (python), and the ament index would be left out.
    packages = run(workspace, sys.executable, "-m", "colcon", "list").splitlines()
    assert packages == ["bifuse_ros\tsrc/bifuse_ros\t(ros.ament_python)"]


def test_share_is_found_and_complete(workspace: Path) -> None:
    question = "from ament_index_python.packages import get_package_share_directory as share"
    answer = sourced(workspace, f"python3 -c \"{question}; print(share('bifuse_ros'))\"")
    share = Path(answer.splitlines()[-1])
    assert share == workspace / "install" / "bifuse_ros" / "share" / "bifuse_ros"
    assert (share / "package.xml").is_file()
    for folder, pattern in (
        ("launch", "*.launch.py"),
        ("config", "*.*"),
        ("config/training", "*.yaml"),
        ("config/ablations", "*.yaml"),
        ("rviz", "*.rviz"),
    ):
        packaged = {path.name for path in (share / folder).glob("*") if path.is_file()}
        assert packaged == {path.name for path in (ROOT / folder).glob(pattern)}


def test_weights_are_packaged(workspace: Path) -> None:
    packages = next((workspace / "install" / "bifuse_ros" / "lib").glob("python*/site-packages"))
    for weights in (ROOT / "bifuse_core" / "weights").rglob("*"):
        if weights.is_file() and "__pycache__" not in weights.parts:
            assert (packages / weights.relative_to(ROOT)).is_file()


def test_executables_run_the_python_of_the_shell(workspace: Path) -> None:
    executables = sorted((workspace / "install" / "bifuse_ros" / "lib" / "bifuse_ros").iterdir())
    names = [path.name for path in executables]
    nodes = ["camera_node", "fusion_node", "recorder_node", "view_node"]
    assert names == sorted([*nodes, "bench", "bifuse", "reload", "soak"])
    for path in executables:
        assert path.read_text().splitlines()[0] == "#!/usr/bin/env python3"


def test_installed_command_line_answers(workspace: Path) -> None:
    assert "doctor" in sourced(workspace, "install/bifuse_ros/lib/bifuse_ros/bifuse --help")


def state_of_fusion_node(process: subprocess.Popen[str], context: Context) -> str:
    """The lifecycle state that the node answers, or nothing where it ends or keeps silent."""
    observer = Node("observer", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(observer)
    client = observer.create_client(GetState, "/fusion_node/get_state")
    end = time.monotonic() + 40
    while not client.wait_for_service(timeout_sec=0.5):
        if process.poll() is not None or time.monotonic() > end:
            return ""
    answer = client.call_async(GetState.Request())
    executor.spin_until_future_complete(answer, timeout_sec=20)
    return str(answer.result().current_state.label) if answer.done() else ""


def test_installed_node_answers_and_ends(workspace: Path) -> None:
    command = "exec install/bifuse_ros/lib/bifuse_ros/fusion_node --ros-args -p autostart:=false"
    process = subprocess.Popen(
        ["bash", "-c", f"source install/local_setup.bash && {command}"],
        cwd=workspace,
        env=environment(workspace),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    try:
        # Its name appears early; only an answer says that it is complete and spinning.
        state = state_of_fusion_node(process, context)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        assert state == "unconfigured", output
        assert process.returncode == 0, output
    finally:
        process.kill()
        rclpy.shutdown(context=context)
