# SPDX-License-Identifier: Apache-2.0
"""How long each of the engine's networks takes for a picture, in which stages, and for what."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from bifuse_core.bench.card import card_name, describe_place
from bifuse_core.bench.engine_goals import goals
from bifuse_core.bench.explaining import Share, operator_shares
from bifuse_core.bench.options import count
from bifuse_core.bench.report import Column, Report, Table, installed
from bifuse_core.bench.rounds import Timings, in_rounds
from bifuse_core.bench.scenes import scenes, size
from bifuse_core.bench.threads import cpu_threads
from bifuse_core.bench.variants import DETECT, SEGMENT, Variant, every_variant
from bifuse_core.engine.engine import NONE
from bifuse_core.engine.fusions import READY
from bifuse_core.engine.place import BACKENDS, PRECISIONS, choose_device
from bifuse_core.nets.zoo import DETECTORS, SEGMENTERS, SHIPPED, SHIPPED_TASKS

SUMMARY = "time each network for each precision, size and backend, and tell where its time goes"
QUICK = ("--sizes", "640x480", "--runs", "2")

_LABELS = ("work", "network", "backend", "precision", "size")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench engine`."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--networks", nargs="+", choices=READY, default=[*SHIPPED, "max"])
    detector, segmenter = SHIPPED_TASKS
    parser.add_argument("--detector", choices=(*DETECTORS, NONE), default=detector)
    parser.add_argument("--segmenter", choices=(*SEGMENTERS, NONE), default=segmenter)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=tuple(PRECISIONS),
        help="fp32 on a CPU, all on CUDA where not given",
    )
    parser.add_argument("--sizes", nargs="+", default=["640x480", "1280x720"])
    parser.add_argument("--threads", type=count, default=2, help="CPU threads")
    parser.add_argument(
        "--runs", type=count, default=5, help="rounds in which all are timed in turn"
    )


def measure(args: argparse.Namespace) -> Report:
    """Time everything in turn, and return all with the goals of this device."""
    device = choose_device(args.device)
    usual = ["fp16", "bf16", "fp32"] if device.type == "cuda" else ["fp32"]
    precisions = args.precisions or usual
    names = {DETECT: args.detector, SEGMENT: args.segmenter}
    sights = {work: name for work, name in names.items() if name != NONE}
    with cpu_threads(args.threads):
        seen = {text: scenes(size(text))[0] for text in args.sizes}
        variants, missing = every_variant(
            args.networks, sights, args.backends, precisions, device, args.threads, seen
        )
        timings = in_rounds(variants, args.runs)
        shares = {
            variant: operator_shares(variant, device)
            for variant in variants
            if (variant.backend, variant.precision) == ("torch", precisions[0])
            and variant.size == args.sizes[0]
            and variant.bits in (8, None)
        }
    tables = (_times(variants, timings, args, missing), _operators(shares))
    found = {v.labels: t.milliseconds for v, t in zip(variants, timings, strict=True)}
    return Report(
        "engine",
        _command(args),
        tables,
        installed("torch", "numpy", *dict.fromkeys(v.backend for v in variants)),
        describe_place(device),
        goals=goals(
            found, {v.labels: s for v, s in shares.items()}, card_name(device), args.threads
        ),
    )


def _times(
    variants: Sequence[Variant],
    timings: Sequence[Timings],
    args: argparse.Namespace,
    missing: Sequence[str],
) -> Table:
    """Return the table of all variants, with a column for each stage that any of them has."""
    stages = list(dict.fromkeys(name for timing in timings for name in timing.stages))
    rows = []
    for variant, timing in zip(variants, timings, strict=True):
        # What lies outside of the stages: checks, and what is done before the upload.
        rest = timing.milliseconds - sum(timing.stages.values()) if timing.stages else None
        parts = [timing.stages.get(stage) for stage in stages]
        rows.append((*variant.labels, timing.milliseconds, *parts, rest))
    note = (
        f"Medians of {args.runs} rounds, all in turn, {args.threads} CPU threads, from bytes to "
        "bytes, milliseconds a picture. Stages of a fusion as its device tells them; before: what "
        "the engine does with the pair until then."
    )
    if missing:
        note += f" Not run: {'; '.join(missing)}."
    measured = ("ms", *(f"{stage} ms" for stage in stages), "before ms")
    return Table(
        "A picture's time",
        note,
        (
            *map(Column, _LABELS),
            Column("thermal bits"),
            *(Column(title, ".2f", "low") for title in measured),
        ),
        tuple(rows),
    )


def _operators(shares: Mapping[Variant, Sequence[Share]]) -> Table:
    return Table(
        "Where the time goes",
        "PyTorch's dearest operators, on CUDA its kernels, without what they call, of one picture.",
        (
            *map(Column, ("work", "network", "operator")),
            Column("share %", ".0f"),
            Column("calls", "d"),
        ),
        tuple(
            (variant.work, variant.network, share.name, share.percent, share.calls)
            for variant, dearest in shares.items()
            for share in dearest
        ),
    )


def _command(args: argparse.Namespace) -> str:
    words = ["./bifuse bench engine", "--device", args.device, "--networks", *args.networks]
    words += ["--detector", args.detector, "--segmenter", args.segmenter]
    words += ["--backends", *args.backends, "--sizes", *args.sizes]
    if args.precisions:
        words += ["--precisions", *args.precisions]
    return " ".join([*words, "--threads", str(args.threads), "--runs", str(args.runs)])
