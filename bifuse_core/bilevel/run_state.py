# SPDX-License-Identifier: Apache-2.0
"""An interrupted run on disk."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.sections import Section
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.strategies.strategy import Strategy


def save_state(
    file: Path,
    settings: Settings,
    step: int,
    learner: Learner,
    strategy: Strategy,
    pairs: list[int],
) -> None:
    """Write all that a run needs to go on as if nothing had happened.

    Args:
        file: where.
        settings: of the run.
        step: steps done.
        learner: its networks.
        strategy: of the phase that the next step belongs to.
        pairs: in each of its sources.
    """
    parts = {
        "fusion": learner.fusion.state_dict(),
        "mean": learner.mean.state_dict(),
        "tasks": [task.net.state_dict() for task in learner.tasks],
        "strategy": strategy.state_dict(),
        "pairs": pairs,
    }
    write_state(file, settings, step, parts)


def write_state(file: Path, settings: Section, step: int, parts: dict[str, Any]) -> None:
    """Write the state of any run, with those of the global random generators.

    The file is replaced at once, so one that is there is whole.

    Args:
        file: where.
        settings: of the run.
        step: steps done.
        parts: what else it needs to go on, by names of its own.
    """
    state = {
        "settings": settings.model_dump(mode="json"),
        "step": step,
        **parts,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all(),
    }
    temporary = file.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(file)


def read_state(file: Path, settings: Section) -> dict[str, Any]:
    """Read the state of a run.

    Raises:
        ValueError: the file is damaged, or of a run with other settings; names what differs.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            # torch.load does not look at the checksums.
            spoilt = archive.testzip()
        if spoilt is not None:
            raise ValueError(f"the checksum of {spoilt} is wrong")
        state = torch.load(file, weights_only=True, map_location="cpu")
        stored, step = state["settings"], int(state["step"])
    # Over damaged bytes the libraries raise whatever comes up.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{file}: damaged, or no state of a run ({reason})") from error
    differ = _differences(stored, settings.model_dump(mode="json"))
    if differ:
        raise ValueError(
            f"{file}: a run with other settings ({', '.join(differ)}) stopped here after {step} "
            "steps; give another folder, or the settings that it was started with"
        )
    return dict(state)


def restore(state: dict[str, Any], learner: Learner) -> None:
    """Give the networks what `read_state` returned."""
    learner.fusion.load_state_dict(state["fusion"])
    learner.mean.load_state_dict(state["mean"])
    for task, task_state in zip(learner.tasks, state["tasks"], strict=True):
        task.net.load_state_dict(task_state)
    restore_random(state)


def restore_random(state: dict[str, Any]) -> None:
    """Give the global random generators what `write_state` wrote; those of GPUs that are there."""
    torch.set_rng_state(state["random"])
    for number, one in enumerate(state["random_cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(one, number)


def _differences(stored: Any, own: Any, key: str = "") -> list[str]:
    """Return the dotted keys of the values that are not the same."""
    if not (isinstance(stored, dict) and isinstance(own, dict)):
        return [] if stored == own else [key]
    return [
        found
        for part in sorted(stored.keys() | own.keys())
        for found in _differences(stored.get(part), own.get(part), f"{key}.{part}".lstrip("."))
    ]
