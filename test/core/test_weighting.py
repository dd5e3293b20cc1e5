# SPDX-License-Identifier: Apache-2.0
"""Weightings: the property that defines each, and that a run resumes to the bit."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from bifuse_core.bilevel.weighting import WEIGHTINGS, Weighting, weighting_by_name

OPTIONS: dict[str, dict[str, Any]] = {
    "manual": {"weights": [0.5, 2.0, 0.0]},
    "dwa": {"window": 2},
    "gradnorm": {"learning_rate": 0.1},
}


def gradients(*rows: Sequence[float]) -> list[list[Tensor]]:
    """Return gradients of two parameters, of shapes (1, 2) and (), from three numbers a task."""
    return [[torch.tensor([row[:2]]), torch.tensor(row[2])] for row in rows]


UNIT = gradients((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Three tasks whose weights can be read off the sum."""


def read_off(result: list[Tensor]) -> list[float]:
    return [*result[0][0].tolist(), result[1].item()]


def drawn(length: int) -> list[tuple[list[list[Tensor]], list[float]]]:
    return [
        (gradients(*torch.randn(3, 3).tolist()), torch.rand(3).add(0.1).tolist())
        for _ in range(length)
    ]


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_the_result_is_the_sum_by_its_weights_in_the_shapes_of_the_parameters(name: str) -> None:
    weighting = weighting_by_name(name, 3, seed=0, **OPTIONS.get(name, {}))
    for rows, losses in drawn(5):
        result = weighting(rows, losses)
        assert weighting.weights is not None
        for number, part in enumerate(result):
            expected = sum(w * row[number] for w, row in zip(weighting.weights, rows, strict=True))
            torch.testing.assert_close(part, expected)


def saved_and_read(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def assert_resumes(name: str, options: dict[str, Any]) -> None:
    steps = drawn(11)
    whole = weighting_by_name(name, 3, seed=5, **options)
    expected = [whole(*step) for step in steps]
    for stop in (0, 1, 4, 5):
        first = weighting_by_name(name, 3, seed=5, **options)
        for step in steps[:stop]:
            first(*step)
        state = saved_and_read(first.state_dict())
        # What goes on must not reach into the state that was saved.
        first(*steps[stop])
        second = weighting_by_name(name, 3, seed=77, **options)
        second.load_state_dict(state)
        rest = [second(*step) for step in steps[stop:]]
        torch.testing.assert_close(rest, expected[stop:], rtol=0, atol=0)
        assert second.weights == whole.weights


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_run_resumes_to_the_bit(name: str) -> None:
    assert_resumes(name, OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_state_of_another_number_of_tasks_is_refused(name: str) -> None:
    options = OPTIONS.get(name, {})
    state = weighting_by_name(name, 3, seed=0, **options).state_dict()
    other = weighting_by_name(name, 2, seed=0, **{**options, **two_weights(name)})
    with pytest.raises(ValueError, match="3 weights for 2 tasks"):
        other.load_state_dict(state)


def two_weights(name: str) -> dict[str, Any]:
    return {"weights": [1, 1]} if name == "manual" else {}


def sequence(seed: int, length: int) -> list[list[float]]:
    weighting = weighting_by_name("rlw", 3, seed=seed)
    return [read_off(weighting(UNIT, [1.0, 1.0, 1.0])) for _ in range(length)]


def test_rlw_is_a_softmax_of_normal_numbers_that_sums_to_the_number_of_tasks() -> None:
    weights = torch.tensor(sequence(0, 4000), dtype=torch.float64)
    torch.testing.assert_close(weights.sum(1), torch.full((4000,), 3.0, dtype=torch.float64))
    assert weights.min() > 0
    torch.testing.assert_close(
        weights.mean(0), torch.ones(3, dtype=torch.float64), rtol=0, atol=0.05
    )
    # The logarithm of the ratio of two weights is the difference of two standard normal numbers.
    logarithms = (weights[:, 0] / weights[:, 1]).log()
    assert logarithms.std().item() == pytest.approx(math.sqrt(2), rel=0.05)


def test_rlw_follows_its_seed_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first = sequence(3, 5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert sequence(3, 5) == first
    assert sequence(4, 5) != first


def test_equal_and_manual_weights_are_used_as_they_are() -> None:
    assert read_off(weighting_by_name("equal", 3, seed=0)(UNIT, [5.0, -1.0, 0.0])) == [1, 1, 1]
    manual = weighting_by_name("manual", 3, seed=0, weights=[2, 0, 0.5])
    assert read_off(manual(UNIT, [5.0, -1.0, 0.0])) == [2, 0, 0.5]


@pytest.mark.parametrize("weights", [[1, -1], [0, 0], [1, math.nan], [1, math.inf]])
def test_manual_weights_that_cannot_be_used_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="finite, at least 0 and not all 0"):
        weighting_by_name("manual", 2, seed=0, weights=weights)


def test_manual_weights_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="3 weights for 2 tasks"):
        weighting_by_name("manual", 2, seed=0, weights=[1, 1, 1])


def weights_after(weighting: Weighting, *losses: Sequence[float]) -> list[float]:
    """Return the weights of one more step after steps with these losses."""
    rows = [[torch.ones(1)] for _ in losses[0]]
    for step in (*losses, losses[-1]):
        weighting(rows, step)
    assert weighting.weights is not None
    return weighting.weights


def test_dwa_is_the_softmax_of_the_ratios_of_the_last_two_losses() -> None:
    dwa = weighting_by_name("dwa", 2, seed=0, window=1)
    assert weights_after(dwa, (8.0, 2.0)) == [1, 1]
    slow, fast = weights_after(
        weighting_by_name("dwa", 2, seed=0, window=1), (8.0, 2.0), (6.0, 0.5)
    )
    # Ratios 3/4 and 1/4, temperature 2.
    expected = 2 / (1 + math.exp((0.25 - 0.75) / 2))
    assert (slow, fast) == pytest.approx((expected, 2 - expected))
    sharp = weighting_by_name("dwa", 2, seed=0, window=1, temperature=0.5)
    expected = 2 / (1 + math.exp((0.25 - 0.75) / 0.5))
    assert weights_after(sharp, (8.0, 2.0), (6.0, 0.5))[0] == pytest.approx(expected)


def test_dwa_compares_means_over_windows() -> None:
    dwa = weighting_by_name("dwa", 2, seed=0, window=3)
    steps = [(9, 1), (6, 2), (9, 3), (1, 1), (2, 1), (3, 1)]
    rows = [[torch.ones(1)], [torch.ones(1)]]
    seen = []
    for step in (*steps, *steps):
        dwa(rows, step)
        seen.append(dwa.weights)
    assert seen[:6] == [[1.0, 1.0]] * 6
    # Means 8, 2 and then 2, 1.
    expected = 2 / (1 + math.exp((0.5 - 0.25) / 2))
    assert seen[6] == pytest.approx([expected, 2 - expected])
    assert seen[6] == seen[7] == seen[8] != seen[9]


@pytest.mark.parametrize(
    ("before", "last", "ratio"),
    [
        (-1.0, -1.5, 0.5),
        (-1.0, -0.5, 1.5),
        (1.0, -5.0, 0.0),
        (-1.0, 5.0, 2.0),
        (0.0, 0.0, 1.0),
        (0.0, -1e-9, 0.0),
        (0.0, 3.0, 2.0),
        (2.0, 0.0, 0.0),
        (1e-300, 1e300, 2.0),
    ],
)
def test_dwa_takes_a_falling_loss_of_any_sign_for_falling(
    before: float, last: float, ratio: float
) -> None:
    dwa = weighting_by_name("dwa", 2, seed=0, window=1)
    weights = weights_after(dwa, (before, 1.0), (last, 1.0))
    first = 2 / (1 + math.exp((1 - ratio) / 2))
    assert weights == pytest.approx([first, 2 - first])


def with_lengths(*lengths: float) -> list[list[Tensor]]:
    """Return gradients of these lengths, in two tensors of each task."""
    return [[torch.tensor([0.6 * n]), torch.tensor([[0.8 * n]])] for n in lengths]


def gradnorm_after(
    steps: int,
    lengths: Sequence[float],
    first: Sequence[float],
    then: Sequence[float],
    **options: float,
) -> list[float]:
    weighting = weighting_by_name("gradnorm", len(lengths), seed=0, **options)
    weighting(with_lengths(*[1.0] * len(lengths)), first)
    for _ in range(steps):
        weighting(with_lengths(*lengths), then)
    assert weighting.weights is not None
    assert sum(weighting.weights) == pytest.approx(len(lengths))
    assert min(weighting.weights) > 0
    return weighting.weights


@pytest.mark.parametrize("tasks", [1, 2, 3, 4])
def test_gradnorm_leaves_equal_tasks_equal(tasks: int) -> None:
    assert gradnorm_after(30, [3.0] * tasks, [2.0] * tasks, [0.7] * tasks) == [1.0] * tasks


def test_gradnorm_first_step_is_that_of_its_objective() -> None:
    lengths, losses, rate, alpha = torch.tensor([3.0, 1.0]), torch.tensor([0.5, 0.9]), 0.05, 1.5
    logarithms = torch.zeros(2, requires_grad=True)
    weighted = logarithms.exp() * lengths
    mean = weighted.mean().detach()
    lags = losses**alpha
    objective = (weighted - mean * lags / lags.mean()).abs().sum() / mean
    (slope,) = torch.autograd.grad(objective, logarithms)
    expected = 2 * torch.softmax(-rate * slope, 0)
    measured = gradnorm_after(
        1, lengths.tolist(), (1, 1), losses.tolist(), learning_rate=rate, alpha=alpha
    )
    assert measured == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("ratio", [3.0, 1000.0])
def test_gradnorm_makes_the_weighted_gradients_of_one_length(ratio: float) -> None:
    strong, weak = gradnorm_after(600, (ratio, 1.0), (1.0, 1.0), (1.0, 1.0))
    assert strong * ratio == pytest.approx(weak, rel=0.1)


def test_gradnorm_gives_the_task_that_trains_slower_the_longer_gradient() -> None:
    fast, slow = gradnorm_after(600, (1.0, 1.0), (4.0, 4.0), (1.0, 3.0))
    # 1/4 and 3/4 of the first loss, to the power 1.5.
    assert slow / fast == pytest.approx(3**1.5, rel=0.1)


@pytest.mark.parametrize(("first", "then"), [(-1.0, -9.0), (0.0, 3.0), (1.0, -3.0), (-1.0, 2.0)])
def test_gradnorm_balances_only_lengths_where_losses_have_no_ratio(
    first: float, then: float
) -> None:
    critic, other = gradnorm_after(600, (5.0, 1.0), (first, 1.0), (then, 0.2))
    assert critic * 5 == pytest.approx(other, rel=0.1)


@pytest.mark.parametrize("length", [0.0, math.nan, math.inf])
def test_gradnorm_survives_a_broken_gradient(length: float) -> None:
    weighting = weighting_by_name("gradnorm", 2, seed=0)
    weighting(with_lengths(3.0, 1.0), (1.0, 1.0))
    before = weighting.weights
    weighting(with_lengths(length, 0.0), (1.0, 1.0))
    assert weighting.weights == before


def test_gradnorm_forgets_a_loss_that_is_not_finite() -> None:
    rest = [(with_lengths(2.0, 1.0), (0.5, 1.0))] * 5
    expected, broken = (weighting_by_name("gradnorm", 2, seed=0) for _ in range(2))
    for weighting in (expected, broken):
        weighting(with_lengths(1.0, 1.0), (1.0, 1.0))
    broken(with_lengths(1.0, 1.0), (math.nan, 1.0))
    for weighting in (expected, broken):
        for step in rest:
            weighting(*step)
    assert broken.weights == expected.weights


@pytest.mark.parametrize("tasks", [2, 3])
def test_upgrad_conflicts_with_no_task(tasks: int) -> None:
    pytest.importorskip("torchjd")
    weighting = weighting_by_name("torchjd.UPGrad", tasks, seed=0)
    conflicts = 0
    for _ in range(50):
        rows = torch.randn(tasks, 3)
        result = torch.tensor(read_off(weighting(gradients(*rows.tolist()), [1.0] * tasks)))
        # TorchJD adds 1e-4 to the diagonal of the normalised products.
        least = -1e-3 * rows.square().sum()
        assert (rows @ result).min() > least
        conflicts += int((rows @ rows.mean(0)).min() < 10 * least)
    assert conflicts > 5
    assert weighting.weights is None


def test_torchjd_gets_the_whole_gradient_of_a_task_as_a_row() -> None:
    aggregation = pytest.importorskip("torchjd").aggregation
    rows = torch.randn(3, 3)
    result = weighting_by_name("torchjd.MGDA", 3, seed=0)(gradients(*rows.tolist()), [1.0] * 3)
    expected = aggregation.MGDA()(rows.double())
    torch.testing.assert_close(read_off(result), expected.float().tolist())
    assert [part.dtype for part in result] == [torch.float32] * 2
    constant = weighting_by_name("torchjd.Constant", 3, seed=0, weights=[2.0, 0.0, 0.5])
    assert read_off(constant(UNIT, [1.0] * 3)) == [2.0, 0.0, 0.5]


@pytest.mark.parametrize("name", ["UPGrad", "PCGrad", "GradDrop", "Random"])
def test_a_run_with_torchjd_resumes_to_the_bit(name: str) -> None:
    pytest.importorskip("torchjd")
    before = torch.random.initial_seed()
    assert_resumes(f"torchjd.{name}", {})
    assert torch.random.initial_seed() == before


def test_torchjd_draws_from_a_generator_of_its_own() -> None:
    pytest.importorskip("torchjd")
    before = torch.get_rng_state()
    first = weighting_by_name("torchjd.Random", 3, seed=1)(UNIT, [1.0] * 3)
    assert torch.equal(torch.get_rng_state(), before)
    second = weighting_by_name("torchjd.Random", 3, seed=2)(UNIT, [1.0] * 3)
    assert read_off(first) != read_off(second)


def test_unknown_aggregators_and_options_are_answered_with_the_choices() -> None:
    pytest.importorskip("torchjd")
    # GradVac keeps a state between calls that TorchJD cannot save.
    for name in ("UpGrad", "Aggregator", "GradVac", "UPGradWeighting"):
        with pytest.raises(ValueError, match=f"'{name}'.* MGDA, .* UPGrad"):
            weighting_by_name(f"torchjd.{name}", 2, seed=0)
    with pytest.raises(ValueError, match="torchjd.MGDA has no option 'c'.*epsilon, max_iters"):
        weighting_by_name("torchjd.MGDA", 2, seed=0, c=1)
    with pytest.raises(ValueError, match="torchjd.Krum needs the option 'n_byzantine'"):
        weighting_by_name("torchjd.Krum", 2, seed=0)


def test_without_torchjd_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(ImportError, match=r"pip install torchjd\[quadprog-projector\]"):
        weighting_by_name("torchjd.UPGrad", 2, seed=0)


def test_unknown_names_and_options_are_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match="'random'.* rlw, equal, manual, dwa, gradnorm, torchjd"):
        weighting_by_name("random", 2, seed=0)
    with pytest.raises(ValueError, match="dwa has no option 'alpha'.*: temperature, window$"):
        weighting_by_name("dwa", 2, seed=0, alpha=1)
    with pytest.raises(ValueError, match="rlw has no option 'alpha'.*: none$"):
        weighting_by_name("rlw", 2, seed=0, alpha=1)
    with pytest.raises(ValueError, match="manual needs the option 'weights'"):
        weighting_by_name("manual", 2, seed=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dwa", {"temperature": 0.0}),
        ("dwa", {"window": 0}),
        ("gradnorm", {"alpha": -1.0}),
        ("gradnorm", {"learning_rate": 0.0}),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        weighting_by_name(name, 2, seed=0, **options)


@pytest.mark.parametrize("name", ["rlw", "torchjd.Mean"])
def test_another_number_of_tasks_is_refused(name: str) -> None:
    if name.startswith("torchjd"):
        pytest.importorskip("torchjd")
    with pytest.raises(ValueError, match="3 gradients for 2 tasks"):
        weighting_by_name(name, 2, seed=0)(UNIT, [1.0, 1.0])
    if name == "rlw":
        with pytest.raises(ValueError, match="3 losses for 2 tasks"):
            weighting_by_name(name, 2, seed=0)(UNIT[:2], [1.0] * 3)
        with pytest.raises(ValueError, match="at least 1 task"):
            weighting_by_name(name, 0, seed=0)
