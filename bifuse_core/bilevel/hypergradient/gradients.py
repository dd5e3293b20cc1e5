# SPDX-License-Identifier: Apache-2.0
"""What all hypergradients are called with, and the gradients they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

Reduce = Callable[[list[Tensor]], list[Tensor]]
"""Averages a list of gradients over processes, and returns the same list in every one of them."""


class Hypergradient(Protocol):
    """Returns G, a tensor for each of omega: zeros where neither loss uses it.

    No `.grad` is read or written. The graphs are kept, so that tasks may share the forward pass of
    the fusion network. If both losses carry the factor of a gradient scaler, so does G.

    Args:
        upper: scalar Phi, on validation data.
        lower: scalar phi, on training data.
        omega: parameters of the fusion network, all with requires_grad.
        theta: parameters of the task network, all with requires_grad.
        reduce: applied to every list of gradients and of Hessian-vector products as soon as it is
            there, before any inner product; nothing by default. With losses that are means over
            the batch, and the mean over processes as `reduce`, G is that of the whole batch.

    Raises:
        ValueError: a loss is no scalar, or depends on nothing that has a gradient.
    """

    def __call__(
        self,
        upper: Tensor,
        lower: Tensor,
        omega: Sequence[Tensor],
        theta: Sequence[Tensor],
        *,
        reduce: Reduce = ...,
    ) -> list[Tensor]:
        """Return G."""
        ...


def alone(gradients: list[Tensor]) -> list[Tensor]:
    """Return the gradients as they are: the `Reduce` of a single process."""
    return gradients


def require_scalar(loss: Tensor, name: str) -> None:
    """Check that a loss can be differentiated.

    Raises:
        ValueError: it is no scalar, or depends on nothing that has a gradient; names the loss.
    """
    if loss.numel() != 1:
        raise ValueError(f"the {name} loss must be a scalar, not of shape {tuple(loss.shape)}")
    if not loss.requires_grad:
        raise ValueError(f"the {name} loss depends on nothing that has a gradient")


def gradients_of(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], weights: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """Return the gradient of sum <output, weight>, with zeros for the inputs that are not used.

    Args:
        outputs: scalars, or tensors of any shape with weights.
        inputs: tensors to differentiate for.
        weights: one of the shape of each output; ones by default.
    """
    # The gradient for a parameter in which a loss is linear (a last bias) has no graph.
    kept = [i for i, output in enumerate(outputs) if output.requires_grad]
    if not kept:
        return [torch.zeros_like(x) for x in inputs]
    return list(
        torch.autograd.grad(
            [outputs[i] for i in kept],
            inputs,
            grad_outputs=weights and [weights[i] for i in kept],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )


def gradients_by_network(
    loss: Tensor, omega: Sequence[Tensor], theta: Sequence[Tensor], reduce: Reduce
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradients of a loss for omega and for theta, from one backward pass."""
    gradients = reduce(gradients_of([loss], [*omega, *theta]))
    return gradients[: len(omega)], gradients[len(omega) :]


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all numbers in one vector, in double precision: long inner products need it."""
    return torch.cat([t.detach().flatten().double() for t in tensors])


def split(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return what `flat` joined, in the shapes and types of `like`."""
    parts = vector.split([t.numel() for t in like])
    return [part.view_as(t).to(t) for part, t in zip(parts, like, strict=True)]
