# SPDX-License-Identifier: Apache-2.0
"""Files that have their name only once they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """Yield a place to write a file at, which is moved to its own when all went well.

    After an error or Ctrl-C nothing is left; a process that is killed leaves a hidden folder.

    Args:
        file: its folder is made if it is not there.

    Raises:
        OSError: it cannot be written; the message names the file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, since only within one file system is moving a matter of a moment. A folder, since
    # some writers choose the format by the suffix.
    try:
        with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
            place = Path(folder) / file.name
            yield place
            place.replace(file)
    except OSError as error:
        # That of a full disk names no file.
        if error.filename or not error.strerror:
            raise
        raise OSError(f"{file}: {error.strerror}") from error
