# SPDX-License-Identifier: Apache-2.0
"""The loss of masks: against loops over pixels, PyTorch's own, and where nothing is known."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.data.classes import MASK_SETS, SEGMENTATION_CLASSES, SOME_STUFF
from bifuse_core.metrics.unlabelled import UNLABELLED
from bifuse_core.nets.segmentation import loss as module
from bifuse_core.nets.segmentation.loss import segmentation_loss

K, SIZE = 5, (7, 9)
SETS = {254: (0, 2, 4), 253: (1, 2)}
CLASS_WEIGHTS = [1.0, 2.0, 0.5, 4.0, 1.5]
PICTURE_WEIGHTS = [1.0, 0.25, 0.5]


def some_logits(batch: int = 3) -> Tensor:
    return (4 * torch.randn(batch, K, 2, 3)).requires_grad_()


def some_masks(values: tuple[int, ...], batch: int = 3) -> list[Tensor]:
    chosen = torch.randint(len(values), (batch, *SIZE))
    return list(torch.tensor(values, dtype=torch.uint8)[chosen])


def looped(logits: Tensor, masks: list[Tensor | None]) -> float:
    """Return the loss with all weights and `SETS` by its definition, a pixel after the other."""
    cost = divisor = 0.0
    for picture, mask, share in zip(logits, masks, PICTURE_WEIGHTS, strict=True):
        if mask is None:
            continue
        large = F.interpolate(picture[None], size=SIZE, mode="bilinear")[0].tolist()
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                value = int(mask[y, x])
                if value == 255:
                    continue
                members = SETS.get(value, (value,))
                powers = [math.exp(large[k][y][x]) for k in range(K)]
                weight = sum(CLASS_WEIGHTS[k] for k in members) / len(members)
                p = sum(powers[k] for k in members) / sum(powers)
                cost -= share * weight * math.log(p)
                divisor += weight
    return cost / divisor


def test_the_loss_is_that_of_loops_over_pixels() -> None:
    logits, masks = some_logits(), some_masks((0, 1, 2, 3, 4, 253, 254, 255))
    for given in (masks, [masks[0], None, masks[2]]):
        loss = segmentation_loss(
            logits,
            given,
            sets=SETS,
            class_weights=CLASS_WEIGHTS,
            picture_weights=PICTURE_WEIGHTS,
        )
        assert loss.item() == pytest.approx(looped(logits, given), rel=1e-5)


@pytest.mark.parametrize("weights", [None, CLASS_WEIGHTS])
def test_without_sets_it_is_the_cross_entropy_of_pytorch(weights: list[float] | None) -> None:
    logits, masks = some_logits(), some_masks((0, 1, 2, 3, 4, 255))
    large = F.interpolate(logits, size=SIZE, mode="bilinear", align_corners=False)
    expected = F.cross_entropy(
        large,
        torch.stack(masks).long(),
        None if weights is None else torch.tensor(weights),
        ignore_index=255,
    )
    loss = segmentation_loss(logits, masks, class_weights=weights)
    torch.testing.assert_close(loss, expected)
    gradients = [torch.autograd.grad(value, logits)[0] for value in (loss, expected)]
    torch.testing.assert_close(*gradients)


def test_a_set_speaks_against_the_others_and_not_for_one_of_its_own() -> None:
    logits = some_logits(1)
    mask = torch.full(SIZE, 254)
    (gradient,) = torch.autograd.grad(segmentation_loss(logits, [mask], sets=SETS), logits)
    inside, outside = gradient[:, [0, 2, 4]], gradient[:, [1, 3]]
    assert (outside > 0).all()
    assert (inside < 0).all()
    # Shares within the set stay as they are: the gradient is in proportion to them.
    even = torch.zeros(1, K, 2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(segmentation_loss(even, [mask], sets=SETS), even)
    torch.testing.assert_close(gradient[:, 0], gradient[:, 2])
    torch.testing.assert_close(gradient[:, 0], gradient[:, 4])


def test_a_set_of_all_classes_says_nothing() -> None:
    logits = some_logits(1)
    loss = segmentation_loss(logits, [torch.full(SIZE, 254)], sets={254: range(K)})
    assert loss.item() == pytest.approx(0, abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() < 1e-6


def test_unlabelled_pixels_and_pictures_have_no_gradient_at_all() -> None:
    # As large as the mask, so that a pixel has its own logits.
    logits = torch.randn(2, K, *SIZE, requires_grad=True)
    (mask,) = some_masks((0, 3, 254, 255), 1)
    loss = segmentation_loss(logits, [mask, None], sets=SETS)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[0, :, mask == 255] == 0).all()
    assert (gradient[0, :, mask != 255].abs().sum(0) > 0).all()
    assert (gradient[1] == 0).all()


@pytest.mark.parametrize("masks", [[None, None], [torch.full(SIZE, 255), None]])
def test_a_batch_without_labels_costs_nothing_and_moves_nothing(masks: list[Tensor | None]) -> None:
    logits = some_logits(2)
    loss = segmentation_loss(logits, masks, sets=SETS, class_weights=CLASS_WEIGHTS)
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient == 0).all()


def test_logits_that_are_sure_and_wrong_stay_finite() -> None:
    logits = torch.zeros(1, K, 2, 3)
    logits[:, 1] = 1e4
    logits.requires_grad_()
    loss = segmentation_loss(logits, [torch.full(SIZE, 254)], sets=SETS)
    assert loss.item() == pytest.approx(1e4 - math.log(3), rel=1e-6)
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


def test_half_precision_is_summed_in_full() -> None:
    logits, masks = some_logits(), some_masks((0, 1, 2, 3, 4))
    loss = segmentation_loss(logits.half(), masks)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, segmentation_loss(logits.half().float(), masks))


@pytest.mark.parametrize(
    ("value", "sets", "says"),
    [
        (5, SETS, r"holds 5, which is no class \(0 to 4\), no set \(254, 253\), and not 255"),
        (254, {}, r"holds 254, .* no set \(none\)"),
        (-1, SETS, "holds -1"),
    ],
)
def test_a_value_that_means_nothing_is_refused(
    value: int, sets: dict[int, tuple[int, ...]], says: str
) -> None:
    mask = torch.zeros(SIZE, dtype=torch.long)
    mask[2, 3] = value
    with pytest.raises(ValueError, match=says):
        segmentation_loss(some_logits(1), [mask], sets=sets)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"masks": [None] * 2}, "2 masks, but logits"),
        ({"class_weights": [1.0] * 4}, "4 class weights, but logits"),
        ({"picture_weights": [1.0] * 4}, "4 picture weights, but logits"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(given: dict[str, list[float]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        segmentation_loss(some_logits(), **{"masks": [None] * 3, **given})


def test_the_numbers_are_those_of_the_data() -> None:
    assert module.UNLABELLED == UNLABELLED
    names = [SEGMENTATION_CLASSES[number] for number in MASK_SETS[SOME_STUFF]]
    assert names == ["road", "sidewalk", "building", "vegetation", "sky", "sign"]
