# SPDX-License-Identifier: Apache-2.0
"""Compiled networks on disk: compiling takes seconds to minutes, and is done once."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

KEPT = 8
"""Files of one network that are kept; those not used for longest go first."""

FOLDER_VARIABLE = "BIFUSE_CACHE"
"""Environment variable that names the folder."""

_LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where compiled networks are kept: `$BIFUSE_CACHE`, else in the user's own cache."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE])
    own = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # A relative path is to be ignored, says the XDG specification.
    return (own if own.is_absolute() else Path(os.path.expanduser("~/.cache"))) / "bifuse"


class CompiledCache:
    """Keeps what was compiled in a folder, each under the facts that it depends on.

    A file is written aside and renamed, so that whoever reads it finds all of it; it begins with
    the SHA-256 of the rest. What cannot be read or written is a warning: compiling is slow, but
    goes on.

    Args:
        folder: is made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, network: str, facts: Mapping[str, str]) -> Path:
        """Return the file of a network: its name, the facts in short, and their checksum."""
        digest = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()
        short = "-".join(facts[name] for name in ("size", "precision", "library") if name in facts)
        return self._folder / f"{network}-{short}-{digest[:16]}.compiled"

    def get(self, network: str, facts: Mapping[str, str]) -> bytes | None:
        """Return what was kept of a network under these facts; None: nothing that is whole."""
        file = self.file(network, facts)
        try:
            checksum, _, content = file.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning("%s cannot be read; compiled anew: %s", file, error)
            return None
        if checksum != _checksum(content):
            _LOG.warning("%s is damaged; compiled anew", file)
            return None
        with suppress(OSError):
            os.utime(file)
        return content

    def put(self, network: str, facts: Mapping[str, str], content: bytes) -> None:
        """Keep what was compiled, and remove the oldest files of that network beyond `KEPT`."""
        file = self.file(network, facts)
        aside = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile(
                dir=self._folder, prefix=f"{network}-", delete=False
            ) as temporary:
                aside = Path(temporary.name)
                temporary.write(_checksum(content) + b"\n" + content)
            aside.replace(file)
            self._prune(network, file)
        except OSError as error:
            if aside is not None:
                aside.unlink(missing_ok=True)
            _LOG.warning(
                "compiled networks cannot be kept in %s (%s names another folder), so each start "
                "compiles again: %s",
                self._folder,
                FOLDER_VARIABLE,
                error,
            )

    def _prune(self, network: str, new: Path) -> None:
        ages = []
        for other in self._folder.glob(f"{network}-*"):
            # Another process prunes as well.
            with suppress(FileNotFoundError):
                ages.append((other == new, other.stat().st_mtime, other))
        for _, _, other in sorted(ages)[:-KEPT]:
            other.unlink(missing_ok=True)


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
