# SPDX-License-Identifier: Apache-2.0
"""The gradient of a task's upper loss through the training of the task (paper, eq. 4 and 5).

omega are the parameters of the fusion network, theta those of a task network. The task is trained
on the lower loss phi(omega, theta); the fusion network is to lower the upper loss
Phi(omega, theta*(omega)), where theta* minimises phi. By the implicit function theorem

    G = dPhi/domega - phi_omega_theta [phi_theta_theta]^-1 dPhi/dtheta,

and the functions of this package differ in what they make of the second term.
"""

from bifuse_core.bilevel.hypergradient.conjugate_gradient import conjugate_gradient
from bifuse_core.bilevel.hypergradient.first_order import direct, gauss_newton
from bifuse_core.bilevel.hypergradient.gradients import Hypergradient, Reduce
from bifuse_core.bilevel.hypergradient.zoo import HYPERGRADIENTS, hypergradient_by_name

__all__ = [
    "HYPERGRADIENTS",
    "Hypergradient",
    "Reduce",
    "conjugate_gradient",
    "direct",
    "gauss_newton",
    "hypergradient_by_name",
]
