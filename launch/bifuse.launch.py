# SPDX-License-Identifier: Apache-2.0
"""The fusion node on a vehicle: ros2 launch bifuse_ros bifuse.launch.py."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

SHARE = Path(get_package_share_directory("bifuse_ros"))


def generate_launch_description() -> LaunchDescription:
    """Start the node with its parameters and remapped camera topics, and what shows its results."""
    configured = LaunchConfiguration
    remappings = [
        (f"{camera}/{topic}", [configured(camera), f"/{topic}"])
        for camera in ("thermal", "rgb")
        for topic in ("image_raw", "image_raw/compressed", "camera_info")
    ]
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "params_file",
                default_value=str(SHARE / "config" / "bifuse.yaml"),
                description="parameters of the node",
            ),
            DeclareLaunchArgument("namespace", default_value="", description="of the node"),
            DeclareLaunchArgument(
                "thermal", default_value="thermal", description="namespace of the thermal camera"
            ),
            DeclareLaunchArgument(
                "rgb", default_value="rgb", description="namespace of the RGB camera"
            ),
            DeclareLaunchArgument("use_sim_time", default_value="false"),
            DeclareLaunchArgument("log_level", default_value="info"),
            DeclareLaunchArgument("rviz", default_value="false", description="open RViz too"),
            DeclareLaunchArgument(
                "view", default_value="false", description="serve the topics to Foxglove too"
            ),
            DeclareLaunchArgument(
                "view_host",
                default_value="127.0.0.1",
                description="address that the view listens on; 0.0.0.0: other machines may connect",
            ),
            # Without it images above 512 KB do not arrive between processes; a profile of one's
            # own goes before. Fast DDS 2 (Humble, Jazzy) and 3 look at different names.
            *(
                SetEnvironmentVariable(
                    name,
                    EnvironmentVariable(
                        name, default_value=str(SHARE / "config" / "fastdds_large_images.xml")
                    ),
                )
                for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
            ),
            LifecycleNode(
                package="bifuse_ros",
                executable="fusion_node",
                name="fusion_node",
                namespace=configured("namespace"),
                output="screen",
                parameters=[
                    configured("params_file"),
                    {"use_sim_time": configured("use_sim_time")},
                ],
                remappings=remappings,
                arguments=["--ros-args", "--log-level", configured("log_level")],
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", str(SHARE / "rviz" / "bifuse.rviz")],
                condition=IfCondition(configured("rviz")),
            ),
            Node(
                package="bifuse_ros",
                executable="view_node",
                name="view_node",
                namespace=configured("namespace"),
                output="screen",
                parameters=[{"host": configured("view_host")}],
                remappings=remappings,
                condition=IfCondition(configured("view")),
            ),
        ]
    )
