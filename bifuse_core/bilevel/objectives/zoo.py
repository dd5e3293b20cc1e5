# SPDX-License-Identifier: Apache-2.0
"""The content terms by name."""

from __future__ import annotations

from collections.abc import Callable

from bifuse_core.bilevel.objectives.choice import Choice
from bifuse_core.bilevel.objectives.contents import Content, mended, paper_eq7, vsm
from bifuse_core.bilevel.objectives.goal import Goal
from bifuse_core.bilevel.options import require_options

CONTENTS: dict[str, Callable[..., Content]] = {
    "vsm": lambda: vsm,
    "paper_eq7": lambda: paper_eq7,
    "mended": lambda: mended,
    "choice": Choice,
    "goal": Goal,
}


def content_by_name(name: str, **options: float | list[float]) -> Content:
    """Return a content term with its options set.

    Args:
        name: a name in `CONTENTS`.
        options: the attributes of the class of that name, as `similarity` of `choice`.

    Raises:
        ValueError: unknown name or option; the message lists the choices.
    """
    if name not in CONTENTS:
        raise ValueError(f"no content {name!r}; choose from {', '.join(CONTENTS)}")
    require_options(name, CONTENTS[name], options, ())
    return CONTENTS[name](**options)
