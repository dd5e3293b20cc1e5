# SPDX-License-Identifier: Apache-2.0
"""Options of what is chosen by name, as configuration files give them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from inspect import Parameter, signature


def require_options(
    name: str, takes: Callable[..., object], options: Collection[str], given: Collection[str]
) -> None:
    """Check options before a call, so that a typing error is answered with the choices.

    Args:
        name: what the user chose; the message names it.
        takes: the function or class that will be called with the options.
        options: names of the options.
        given: parameters of `takes` that the caller fills in; they are no options.

    Raises:
        ValueError: an option is unknown or missing; the message lists the options there are.
    """
    parameters = {k: p for k, p in signature(takes).parameters.items() if k not in given}
    choices = f"its options are: {', '.join(parameters) or 'none'}"
    for option in options:
        if option not in parameters:
            raise ValueError(f"{name} has no option {option!r}; {choices}")
    for option, parameter in parameters.items():
        if parameter.default is Parameter.empty and option not in options:
            raise ValueError(f"{name} needs the option {option!r}; {choices}")
