# SPDX-License-Identifier: Apache-2.0
"""What was compiled comes back as it was, or not at all."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bifuse_core.engine.compiled_cache import KEPT, CompiledCache, cache_folder

FACTS = {"weights": "abc", "size": "64x48", "precision": "float32", "library": "some"}
CONTENT = b"\x00lines\nand bytes\xff"


@pytest.fixture
def cache(tmp_path: Path) -> CompiledCache:
    return CompiledCache(tmp_path / "cache")


def test_what_is_kept_comes_back(cache: CompiledCache) -> None:
    assert cache.get("net", FACTS) is None
    cache.put("net", FACTS, CONTENT)
    assert cache.get("net", FACTS) == CONTENT


def test_the_file_says_what_it_holds(cache: CompiledCache) -> None:
    assert cache.file("net", FACTS).name.startswith("net-64x48-float32-some-")


def test_nothing_comes_back_under_other_facts(cache: CompiledCache) -> None:
    cache.put("net", FACTS, CONTENT)
    assert cache.get("other", FACTS) is None
    for name in FACTS:
        assert cache.get("net", FACTS | {name: "other"}) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-1],
        lambda whole: whole[10:],
        lambda whole: whole[:-1] + b"\x00",
    ],
    ids=["empty", "cut short", "without its beginning", "one byte changed"],
)
def test_a_damaged_file_is_noticed_in_one_line(
    cache: CompiledCache, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    cache.put("net", FACTS, CONTENT)
    file = cache.file("net", FACTS)
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert cache.get("net", FACTS) is None
    assert caplog.messages == [f"{file} is damaged; compiled anew"]
    cache.put("net", FACTS, CONTENT)
    assert cache.get("net", FACTS) == CONTENT


def test_a_folder_that_cannot_be_written_is_a_warning_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "cache"
    cache = CompiledCache(folder)
    with caplog.at_level(logging.WARNING):
        cache.put("net", FACTS, CONTENT)
        assert cache.get("net", FACTS) is None
    assert f"{folder} (BIFUSE_CACHE names another folder)" in caplog.messages[0]


def test_the_oldest_files_of_a_network_go_and_those_of_others_stay(cache: CompiledCache) -> None:
    cache.put("other", FACTS, CONTENT)
    kinds = [FACTS | {"weights": str(number)} for number in range(KEPT + 2)]
    for second, facts in enumerate(kinds):
        cache.put("net", facts, CONTENT)
        os.utime(cache.file("net", facts), (second, second))
    assert [cache.get("net", facts) for facts in kinds] == [None, None] + [CONTENT] * KEPT
    assert cache.get("other", FACTS) == CONTENT
    assert len(list(cache.file("net", FACTS).parent.iterdir())) == KEPT + 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/bifuse"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/bifuse"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "x"}, "/h/.cache/bifuse"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x", "BIFUSE_CACHE": "/b"}, "/b"),
    ],
)
def test_the_folder_is_the_users_own_unless_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("XDG_CACHE_HOME", "BIFUSE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)
