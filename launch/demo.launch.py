# SPDX-License-Identifier: Apache-2.0
"""Played cameras, the fusion node and RViz: ros2 launch bifuse_ros demo.launch.py."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(get_package_share_directory("bifuse_ros"))


def generate_launch_description() -> LaunchDescription:
    """Play rendered scenes, or what `source` names, into the launch file of the vehicle."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "source",
                default_value="",
                description="folder with ir/ and vi/, or a thermal video; empty: rendered scenes",
            ),
            DeclareLaunchArgument("rviz", default_value="true", description="open RViz"),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(SHARE / "launch" / "bifuse.launch.py")),
                launch_arguments={"rviz": LaunchConfiguration("rviz")}.items(),
            ),
            Node(
                package="bifuse_ros",
                executable="camera_node",
                name="camera_node",
                output="screen",
                parameters=[
                    str(SHARE / "config" / "demo_cameras.yaml"),
                    # A folder named 123 is no number.
                    {"source": ParameterValue(LaunchConfiguration("source"), value_type=str)},
                ],
            ),
        ]
    )
