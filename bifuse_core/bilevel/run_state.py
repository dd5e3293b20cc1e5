# SPDX-License-Identifier: Apache-2.0
"""An interrupted run on disk."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from bifuse_core.bilevel.configuration import differences
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
        pairs: how many there are in each source.
    """
    parts = {
        "fusion": learner.fusion.state_dict(),
        "mean": learner.mean.state_dict(),
        "tasks": [task.net.state_dict() for task in learner.tasks],
        "strategy": strategy.state_dict(),
    }
    write_state(file, settings, step, pairs, parts)


def write_state(
    file: Path, settings: Section, step: int, pairs: list[int], parts: dict[str, Any]
) -> None:
    """Write the state of any run, with those of the global random generators.

    The file is replaced at once, so one that is there is whole.

    Args:
        file: where.
        settings: of the run.
        step: steps done.
        pairs: how many there are in each source.
        parts: what else it needs to go on, by names of its own.
    """
    state = {
        "settings": settings.model_dump(mode="json"),
        "step": step,
        "pairs": pairs,
        **parts,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
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
        missing = {"random_cuda", "pairs"} - state.keys()
        if missing:
            raise ValueError(f"of an earlier version, without {', '.join(sorted(missing))}")
    # Over damaged bytes the libraries raise whatever comes up.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{file}: damaged, or no state of a run ({reason})") from error
    differ = differences(stored, settings)
    if differ:
        raise ValueError(
            f"{file}: a run with other settings ({', '.join(differ)}) stopped here after {step} "
            "steps; give another folder, or the settings that it was started with"
        )
    return dict(state)


def require_same_data(state: dict[str, Any], pairs: list[int], file: Path) -> None:
    """Refuse to go on with other data, as far as the numbers of pairs tell.

    Raises:
        ValueError: the sources have not as many pairs as when the run began.
    """
    if state["pairs"] != pairs:
        raise ValueError(
            f"{file}: the run began with {state['pairs']} pairs in its sources, and there are "
            f"{pairs} now; give the data that it began with, or another folder"
        )


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
