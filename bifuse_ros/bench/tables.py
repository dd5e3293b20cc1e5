# SPDX-License-Identifier: Apache-2.0
"""The cases as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.utilities import get_rmw_implementation_identifier

from bifuse_core.bench.report import Column, Table, Value
from bifuse_ros.bench.measurement import WARM_UP, Result, Stream

STAGES = ("receive", "wait", "convert", "fuse", "publish", "total")
"""Those of the node's diagnostics that are shown."""


PACKAGES = ("ros-rclpy", "rclpy", "ros-fastdds", "torch", "numpy", "openvino", "onnxruntime")
"""On which the node's speed depends. The ROS 2 wheels call rclpy otherwise than a ROS distribution
does."""
LOST = (Column("lost", "d", "low"), Column("lost to", remark=True))
"""The columns of `Losses.lost` and `Losses.text`."""


def age_columns(name: str) -> tuple[Column, ...]:
    """Return the columns of the percentiles of a stream."""
    return tuple(Column(f"{name} p{percent} ms", ".1f", "low") for percent in (50, 95, 99))


_FUSION = (
    Column("pictures"),
    Column("thermal"),
    Column("Hz"),
    Column("cameras Hz", ".2f"),
    Column("fused Hz", ".2f", "high"),
    LOST[0],
    *age_columns("age"),
    Column("node CPU ms", ".2f", "low"),
    Column("engine CPU ms", ".2f", "low"),
    Column("overhead ms", ".2f", "low"),
    Column("cameras CPU ms", ".2f", "low"),
    Column("resident MiB", ".0f", "low"),
    Column("then MiB", ".0f", "low"),
    LOST[1],
)
_PERCEPTION = (
    Column("pictures"),
    Column("Hz"),
    Column("backend"),
    Column("image"),
    *(
        column
        for name in ("fused", "boxes", "masks")
        for column in (Column(f"{name} Hz", ".2f", "high"), *age_columns(name))
    ),
    LOST[0],
    Column("cores", ".2f", "low"),
    Column("resident MiB", ".0f", "low"),
    LOST[1],
)


def fusion_table(results: Sequence[Result], seconds: float, cores: Sequence[int]) -> Table:
    """Return the table of the cases without detector and segmenter; `cores` by their numbers."""
    where = f"{len(cores)} cores of this machine ({', '.join(map(str, cores))})"
    rows = []
    for result in results:
        m, case = result.measured, result.case
        numbers: tuple[Value, ...] = ()
        if m:
            numbers = (m.cameras, m.fused.rate, m.losses.lost, *ages(m.fused))
            numbers += (m.node_milliseconds, result.engine, result.overhead, m.camera_milliseconds)
            numbers += m.memory
        rows.append(_row(_FUSION, (case.size, case.thermal, case.rate), numbers, result.note))
    return Table(
        "Fusion",
        f"{seconds:g} s of each case after {WARM_UP:g} s of warm-up; cameras, node and a "
        f"subscriber of the fused image are processes of their own, on {where}, over "
        f"{get_rmw_implementation_identifier()}. Lost: of all published pairs, the first ones too. "
        "Age: from the stamp, which is when the cameras publish, to receipt; percentiles by "
        "nearest rank. CPU: time of all threads for a pair, by the node's own count; engine: the "
        "engine alone on the same pictures at the same rate, before and after; overhead: the "
        "difference. Resident: memory of the node at the start and at the end.",
        _FUSION,
        tuple(rows),
    )


def perception_table(results: Sequence[Result], seconds: float) -> Table:
    """Return the table of the cases with boxes and masks."""
    rows = []
    for result in results:
        m, case = result.measured, result.case
        head = (case.size, case.rate, case.backend, "yes" if case.image else "no")
        numbers: tuple[Value, ...] = ()
        if m:
            for stream in (m.fused, m.detections, m.masks):
                numbers += (stream.rate, *ages(stream))
            numbers += (m.losses.lost, m.node_cpu, m.memory[1])
        rows.append(_row(_PERCEPTION, head, numbers, result.note))
    return Table(
        "Boxes and masks beside fusion",
        f"{seconds:g} s as above; thermal mono16, boxes and masks subscribed. Image: whether "
        "somebody also subscribes to the fused image; otherwise ages are those of its camera_info. "
        "Cores: CPU time of the node a second.",
        _PERCEPTION,
        tuple(rows),
    )


def stages_table(results: Sequence[Result]) -> Table:
    """Return where the node says that the time goes."""
    rows = []
    for result in results:
        values = result.measured.values if result.measured else {}
        times = (values.get(f"{stage} p50 (ms)") for stage in STAGES)
        rows.append((result.case.name, *(None if t is None else float(t) for t in times)))
    return Table(
        "Stages of the node",
        "Medians by its own diagnostics at the end of each case, milliseconds of elapsed time: "
        "check and pairing of a message; receipt of the later image to the start of work; messages "
        "to arrays; network; publishing; receipt to published.",
        (Column("case"), *(Column(stage, ".2f", "low") for stage in STAGES)),
        tuple(rows),
    )


def ages(stream: Stream) -> tuple[float | None, ...]:
    """Return the percentiles of a stream, as a row shows them."""
    return stream.ages or (None, None, None)


def _row(
    columns: Sequence[Column], head: Sequence[Value], numbers: Sequence[Value], note: str
) -> tuple[Value, ...]:
    """Return one row, with dashes for all numbers where there are none."""
    return (*head, *(numbers or (None,) * (len(columns) - len(head) - 1)), note)
