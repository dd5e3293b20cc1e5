# SPDX-License-Identifier: Apache-2.0
"""Record for training, beside a fusion node: ros2 launch bifuse_ros record.launch.py."""

from datetime import datetime
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(get_package_share_directory("bifuse_ros"))

# Launch argument, type, default, parameter of the recorder, description.
PARAMETERS = (
    ("thermal_transport", str, "raw", "thermal.transport", "of its images: raw or compressed"),
    ("rgb_transport", str, "raw", "rgb.transport", "of its images: raw or compressed"),
    ("compress", bool, "false", "compress", "compress with zstd"),
    (
        "split_size",
        int,
        "0",
        "split_size",
        "MiB after which the next file begins; 0: one file",
    ),
    ("every", int, "1", "choose.every", "record every nth pair; 0: all images, paired or not"),
    ("seen", bool, "false", "choose.seen", "only pairs in which something is seen"),
    ("score", float, "0.3", "choose.score", "least score of what counts as seen"),
    ("dark", bool, "false", "choose.dark", "only pairs whose RGB image is dark"),
    ("luminance", float, "0.25", "choose.luminance", "mean of an image that is dark; white is 1"),
    # Those of the fusion node.
    ("slop", float, "0.02", "sync.slop", "largest stamp distance of a pair, s"),
    ("offset", float, "0.0", "sync.offset", "added to thermal stamps, s"),
)


def generate_launch_description() -> LaunchDescription:
    """Start the recorder, and the launch file of the vehicle before it if asked for."""
    configured = LaunchConfiguration
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "fusion", default_value="false", description="start the fusion node too"
            ),
            DeclareLaunchArgument(
                "bag",
                default_value=datetime.now().strftime("bifuse_%Y-%m-%d_%H-%M-%S"),
                description="folder to write; must not exist",
            ),
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, _, default, _, description in PARAMETERS
            ),
            DeclareLaunchArgument("namespace", default_value="", description="of the nodes"),
            DeclareLaunchArgument(
                "thermal", default_value="thermal", description="namespace of the thermal camera"
            ),
            DeclareLaunchArgument(
                "rgb", default_value="rgb", description="namespace of the RGB camera"
            ),
            DeclareLaunchArgument("use_sim_time", default_value="false"),
            # As in bifuse.launch.py, which need not run.
            *(
                SetEnvironmentVariable(
                    name,
                    EnvironmentVariable(
                        name, default_value=str(SHARE / "config" / "fastdds_large_images.xml")
                    ),
                )
                for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(SHARE / "launch" / "bifuse.launch.py")),
                condition=IfCondition(configured("fusion")),
            ),
            Node(
                package="bifuse_ros",
                executable="recorder_node",
                name="recorder_node",
                namespace=configured("namespace"),
                output="screen",
                parameters=[
                    # A folder named 123 is no number.
                    {"bag": ParameterValue(configured("bag"), value_type=str)},
                    {
                        parameter: ParameterValue(configured(name), value_type=kind)
                        for name, kind, _, parameter, _ in PARAMETERS
                    },
                    {"use_sim_time": configured("use_sim_time")},
                ],
                remappings=[
                    (f"{camera}/{topic}", [configured(camera), f"/{topic}"])
                    for camera in ("thermal", "rgb")
                    for topic in ("image_raw", "image_raw/compressed", "camera_info")
                ],
            ),
        ]
    )
