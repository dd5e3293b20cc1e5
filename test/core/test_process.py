# SPDX-License-Identifier: Apache-2.0
"""Memory that is freed stays with the process, for the next picture."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from bifuse_core.process import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
def pictures(count):
    for _ in range(count):
        [np.ones(1_000_000, np.uint8) for _ in range(4)]
pictures(3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
pictures(100)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_pictures_after_the_first_ones_cause_no_page_faults_any_more() -> None:
    def faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    pages = 100 * 4 * 1_000_000 // 4096
    assert faults("as it is") > pages / 2
    assert faults("kept") < pages / 100
