# SPDX-License-Identifier: Apache-2.0
"""The one-page report of a demo run."""

from __future__ import annotations

import base64
import html
import io
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from bifuse_core import __version__
from bifuse_core.machine import describe_machine
from bifuse_ros.demo.recording import Recording
from bifuse_ros.topics import FUSED, RESULTS, RGB, THERMAL

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>BiFuse demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }}
img {{ max-width: 100% }} td {{ padding: .1rem 1rem .1rem 0; border-bottom: 1px solid #ddd }}
td + td {{ text-align: right; font-variant-numeric: tabular-nums }} h2 {{ margin-top: 2rem }}
</style>
<h1>BiFuse demo</h1>
<p>{summary}</p>
<h2>What the nodes saw and made</h2>
<p><img src="contact_sheet.png" alt="thermal, RGB, fused, overlay"></p>
<p><img src="animation.webp" alt="the same, moving"></p>
<h2>Latency and pairing</h2>
<p><img src="data:image/png;base64,{plot}" alt="age of the fused images and skew of the pairs"></p>
<h2>Numbers</h2>
<table>{numbers}</table>
<h2>The fusion node's own diagnostics</h2>
<p>As of its last report; latencies are those of its last 256 pictures.</p>
<table>{diagnostics}</table>
"""


def summary_numbers(recording: Recording) -> dict[str, str]:
    """Return the figures of a run by name."""
    stamps = recording.stamps
    numbers = {
        "thermal images": str(len(stamps[THERMAL])),
        "RGB images": str(len(stamps[RGB])),
        "fused images": str(len(stamps[FUSED])),
        "pairs lost": str(pairs_lost(recording)),
    }
    for name, topic in RESULTS.items():
        if stamps[topic]:
            age = np.percentile(np.asarray(recording.ages[topic]) / 1e6, (50, 95, 99))
            spread = " / ".join(f"{a:.1f}" for a in age)
            numbers[f"{name} rate"] = f"{recording.rate(topic):.1f} Hz"
            numbers[f"stamp to recorded {name}, p50 / p95 / p99"] = f"{spread} ms"
    return numbers


def pairs_lost(recording: Recording) -> int:
    """Return how many pairs were recorded and never came back fused."""
    stamps = recording.stamps
    return min(len(stamps[THERMAL]), len(stamps[RGB])) - len(stamps[FUSED])


def write_report(recording: Recording, source: str, file: Path) -> None:
    """Write `report.html` beside the contact sheet and the animation.

    Args:
        recording: a recording with at least one fused image.
        source: what was played, in words.
        file: the file to write.
    """
    numbers = summary_numbers(recording)
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    numbers |= {
        "machine": f"{describe_machine()}, torch {torch.__version__}",
        "BiFuse": __version__,
    }
    page = _PAGE.format(
        summary=html.escape(f"{source}, {when}. Every image went through ROS 2 topics."),
        plot=_plot(recording),
        numbers=_rows(numbers),
        diagnostics=_rows(recording.diagnostics | _sights(recording)),
    )
    file.write_text(page, encoding="utf-8")


def _plot(recording: Recording) -> str:
    figure = Figure(figsize=(10, 4.5), dpi=100, layout="constrained")
    age_axis, spread_axis, skew_axis = figure.subplots(
        1, 3, width_ratios=(2, 1, 2), gridspec_kw={"wspace": 0.1}
    )
    stamps = np.asarray(recording.stamps[FUSED])
    seconds = (stamps - stamps[0]) / 1e9
    age = np.asarray(recording.ages[FUSED]) / 1e6
    age_axis.plot(seconds, age, ".", markersize=3)
    age_axis.set(title="age of each fused image", xlabel="s", ylabel="stamp to receipt, ms")
    age_axis.set_ylim(bottom=0)
    spread_axis.hist(age, bins=40, orientation="horizontal")
    spread_axis.set(title="how often", xlabel="images")
    spread_axis.set_ylim(age_axis.get_ylim())
    skew_axis.plot(seconds, recording.skews(), ".", markersize=3)
    skew_axis.set(title="skew of each pair", xlabel="s", ylabel="thermal - RGB stamp, ms")
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _sights(recording: Recording) -> dict[str, str]:
    return {
        f"{sight}: {key}": value
        for sight, values in recording.sights.items()
        for key, value in values.items()
    }


def _rows(values: dict[str, str]) -> str:
    cells = ((html.escape(key), html.escape(value)) for key, value in values.items())
    return "\n".join(f"<tr><td>{key}</td><td>{value}</td></tr>" for key, value in cells)
