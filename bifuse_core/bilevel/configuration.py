# SPDX-License-Identifier: Apache-2.0
"""Configurations: read from YAML, changed on the command line, refused with a reason."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bifuse_core.bilevel.sections import Section

Kind = TypeVar("Kind", bound=Section)


def read_configuration(kind: type[Kind], file: Path, changes: dict[str, Any] | None = None) -> Kind:
    """Read a configuration.

    Args:
        kind: what it configures.
        file: YAML.
        changes: values that replace those of the file, by dotted key, as `data.crop`.

    Raises:
        ValueError: the file is missing, is no YAML mapping, or has unknown keys, values out of
            their limits, or combinations that make no sense; the message names file and key.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(f"{file}: not a YAML file ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: expected keys and values, such as `network: edge`")
    return configured(kind, content, changes or {}, str(file))


def configured(
    kind: type[Kind], content: dict[str, Any], changes: dict[str, Any], where: str
) -> Kind:
    """Return a configuration.

    Args:
        kind: what it configures.
        content: its keys and values.
        changes: values that replace those, as for `read_configuration`.
        where: the content comes from, for messages.

    Raises:
        ValueError: see `read_configuration`; the message begins with `where`.
    """
    content = copy.deepcopy(content)
    for key, value in changes.items():
        _change(content, key.split("."), value, key)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = (_line(kind, fault) for fault in error.errors())
        raise ValueError(f"{where}: {'; '.join(lines)}") from error


def changes_of(pairs: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Return what an option of keys and values asks for, by dotted key.

    Args:
        pairs: KEY=VALUE each, the value in YAML.
        option: its name, for messages.

    Raises:
        ValueError: one is not of that form.
    """
    changes = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ValueError(f"{option} takes KEY=VALUE, not {pair!r}")
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"{option} {key}: {value!r} is no YAML value") from error
    return changes


def differences(stored: Any, settings: Section) -> list[str]:
    """Return the dotted keys in which settings are not those that were stored.

    Args:
        stored: what `model_dump(mode="json")` returned. A key that it lacks is of a later version,
            and had its default.
        settings: of now.
    """
    whole, changed = (
        settings.model_dump(mode="json", exclude_defaults=without) for without in (False, True)
    )
    return list(_differing(stored, whole, changed, ""))


def _differing(stored: Any, own: Any, changed: Any, key: str) -> Iterator[str]:
    """Yield the keys of different values; `changed` is `own` without what has its default."""
    if _are_sections(stored) and _are_sections(own) and len(stored) == len(own):
        stored, own, changed = (_numbered(values) for values in (stored, own, changed))
    if not (isinstance(stored, dict) and isinstance(own, dict)):
        if stored != own:
            yield key
        return
    for part in sorted(stored.keys() | changed.keys()):
        parts = stored.get(part), own.get(part), changed.get(part, {})
        yield from _differing(*parts, f"{key}.{part}".lstrip("."))


def _are_sections(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, dict) for value in values)


def _numbered(values: Sequence[Any]) -> dict[str, Any]:
    return {str(number): value for number, value in enumerate(values)}


def _change(content: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    for part in path[:-1]:
        content = content.setdefault(part, {})
        if not isinstance(content, dict):
            raise ValueError(f"{key}: {part!r} holds a value, no keys")
    content[path[-1]] = value


def _line(kind: type[BaseModel], fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        text = fault["msg"].removeprefix("Value error, ")
        given = "" if isinstance(fault["input"], dict) else f" (it is {fault['input']!r})"
        return f"{place}: {text}{given}" if place else text
    choices = _keys_at(kind, fault["loc"][:-1])
    near = difflib.get_close_matches(str(fault["loc"][-1]), choices, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{place}: no such key{meant} The keys there are: {', '.join(choices)}"


def _keys_at(section: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a place; numbers of list items lead no deeper."""
    for part in place:
        if isinstance(part, str):
            section = next(iter(_sections_in(section.model_fields[part].annotation)))
    return list(section.model_fields)


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _sections_in(part)]
