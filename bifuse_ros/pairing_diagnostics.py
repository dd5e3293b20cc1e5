# SPDX-License-Identifier: Apache-2.0
"""What the fusion node tells about its pairing, and which parameter would help."""

from __future__ import annotations

from bifuse_core.streams.pairing import PairingState
from bifuse_core.streams.pairing.state import LARGEST_MISFIT, LARGEST_RESIDUAL

REJECTED = 0.05
"""Share of the pairs beyond `sync.slop` that is worth a warning."""


def pairing_values(state: PairingState, offset: float) -> dict[str, str]:
    """Return mode, residuals, misfit and the best offset, by name; what is not known is left out.

    Args:
        state: of the pairing.
        offset: the parameter `sync.offset`, seconds.
    """
    values: dict[str, str] = {"pairing mode": state.mode}
    for camera, residual in zip(("thermal", "rgb"), state.residuals, strict=True):
        if residual is not None:
            values[f"{camera} residual (periods)"] = f"{residual:.3f}"
    if state.misfit is not None and state.lag is not None:
        values["pairing misfit (periods)"] = f"{state.misfit:.3f}"
        values["best sync.offset (s)"] = f"{offset - state.lag / 1e9:.4f}"
    return values


def pairing_advice(
    state: PairingState, *, slop: float, offset: float, paired: int, over_slop: int
) -> str | None:
    """Return what is wrong with the stamps and which parameter to set, None if nothing is.

    Args:
        state: of the pairing.
        slop: the parameter `sync.slop`, seconds.
        offset: the parameter `sync.offset`, seconds.
        paired: pairs lately.
        over_slop: messages lately whose partner lies beyond the slop.
    """
    lag = state.lag / 1e9 if state.lag is not None else 0.0
    later = (
        f"thermal stamps are {lag:+.4f} s from those of their partners; "
        f"if that is a delay, set sync.offset to {offset - lag:.4f}"
    )
    if state.misfit is not None and abs(state.misfit) > LARGEST_MISFIT:
        return f"pairs are nearly half a period apart and may be of neighbours: {later}"
    for camera, residual, period in zip(
        ("thermal", "rgb"), state.residuals, state.periods, strict=True
    ):
        if residual is not None and period is not None and residual > LARGEST_RESIDUAL:
            return (
                f"{camera} stamps vary by {residual:.2f} periods about their cadence, so pairs may "
                f"be of neighbours; let its driver stamp at exposure, or set sync.slop to "
                f"{period / 4e9:.4f} to keep the sure ones"
            )
    if over_slop > REJECTED * (over_slop + 2 * paired):
        share = f"{over_slop / (over_slop + 2 * paired):.0%} of the pairs exceed sync.slop {slop:g}"
        if abs(lag) > slop / 2:
            return f"{share}: {later}"
        return f"{share}: set sync.slop to {_sufficient_slop(state):.4f}"
    return None


def _sufficient_slop(state: PairingState) -> float:
    """Return seconds that hold all pairs, if the jitter is uniform."""
    peaks = (
        1.75 * residual * period
        for residual, period in zip(state.residuals, state.periods, strict=True)
        if residual is not None and period is not None
    )
    return (abs(state.lag or 0) + sum(peaks)) / 1e9
