# SPDX-License-Identifier: Apache-2.0
"""Packaging, as an ament_python package expects it; settings of tools are in pyproject.toml."""

from glob import glob

from setuptools import find_packages, setup

NAME = "bifuse_ros"

setup(
    name=NAME,
    version="0.1.0",
    description="Pairs the streams of a thermal and an RGB camera and fuses them into one image",
    license="Apache-2.0",
    maintainer="BiFuse maintainers",
    maintainer_email="maintainers@bifuse.example",
    packages=find_packages(include=["bifuse_core", "bifuse_core.*", "bifuse_ros", "bifuse_ros.*"]),
    package_data={"bifuse_core": ["weights/*", "weights/**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml", "LICENSE", "NOTICE"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.*")),
        (f"share/{NAME}/config/training", glob("config/training/*.yaml")),
        (f"share/{NAME}/config/tasks", glob("config/tasks/*.yaml")),
        (f"share/{NAME}/config/ablations", glob("config/ablations/*.yaml")),
        (f"share/{NAME}/rviz", glob("rviz/*.rviz")),
    ],
    python_requires=">=3.10",
    # What they import comes from rosdep (package.xml) or requirements/, whose names differ.
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "fusion_node = bifuse_ros.fusion_node:main",
            "camera_node = bifuse_ros.camera_node:main",
            "recorder_node = bifuse_ros.recorder_node:main",
            "view_node = bifuse_ros.view_node:main",
            "bench = bifuse_ros.bench.__main__:main",
            "reload = bifuse_ros.reload:main",
            "soak = bifuse_ros.bench.soak:main",
            "bifuse = bifuse_core.__main__:main",
        ],
    },
)
