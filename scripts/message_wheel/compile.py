# SPDX-License-Identifier: Apache-2.0
"""Compiles generated message sources into the libraries that rclpy loads."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

from message_wheel.generate import (
    C_GENERATOR,
    FASTRTPS,
    INTROSPECTION,
    PREFIX,
    PYTHON,
    TYPESUPPORT,
    Generated,
)

# Messages are copied, not computed: -O1 compiles in half the time of -O2 and runs as fast.
FLAGS = ["-O1", "-DNDEBUG", "-fPIC", "-w"]

# The extension module, beside the libraries that are named after their generators.
MODULE = "module"


class CompilerError(RuntimeError):
    """The compiler or the linker failed; the message holds what it said."""


def compile_libraries(generated: Generated) -> tuple[list[Path], Path]:
    """Compile and link everything.

    Returns:
        The shared libraries (for `lib/` of the environment) and the Python extension module.

    Raises:
        CompilerError: the compiler or the linker failed.
    """
    units = _units(generated)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        built = {
            library: [pool.submit(_compile, generated, unit) for unit in sources]
            for library, sources in units.items()
        }
        objects = {library: [job.result() for job in jobs] for library, jobs in built.items()}

    package, folder = generated.package.name, generated.root / "lib"
    folder.mkdir()
    extension = folder / f"{package}_s__{TYPESUPPORT}{sysconfig.get_config_var('EXT_SUFFIX')}"

    def own(part: str) -> Path:
        return folder / f"lib{package}__{part}.so"

    def theirs(part: str) -> list[str]:
        found = (f"{name}__{part}" for name in generated.package.dependencies)
        return [f"-l{name}" for name in found if (PREFIX / "lib" / f"lib{name}.so").exists()]

    structures, fastrtps, introspection, support, python = map(
        own, (C_GENERATOR, FASTRTPS, INTROSPECTION, TYPESUPPORT, PYTHON)
    )
    runtime = ["-lrosidl_runtime_c", "-lrcutils"]
    cdr = ["-lrosidl_typesupport_fastrtps_c", "-lrosidl_typesupport_fastrtps_cpp", "-lfastcdr"]
    _link(structures, objects[C_GENERATOR], [*theirs(C_GENERATOR), *runtime])
    _link(
        fastrtps, objects[FASTRTPS], [str(structures), *theirs(FASTRTPS), *cdr, "-lrmw", *runtime]
    )
    described = [*theirs(INTROSPECTION), "-lrosidl_typesupport_introspection_c"]
    _link(introspection, objects[INTROSPECTION], [str(structures), *described, *runtime])
    supports = [str(fastrtps), str(introspection), "-lrosidl_typesupport_c"]
    _link(support, objects[TYPESUPPORT], [*supports, *runtime])
    generators = [*theirs(PYTHON), *theirs(C_GENERATOR)]
    _link(python, objects[PYTHON], [str(structures), str(support), *generators, *runtime])
    _link(extension, objects[MODULE], [str(python), str(support), str(structures), *runtime])
    return [structures, fastrtps, introspection, support, python], extension


def _units(generated: Generated) -> dict[str, list[Path]]:
    """Say which sources make which library, slowest first.

    Most of the time goes into parsing the same headers again, so a library's sources are compiled
    as one, by a source that includes them all: a fifth of the time. The C structures alone do not
    bear it (their sources define equal static names).
    """
    fastrtps, python = generated.sources(FASTRTPS), generated.sources(PYTHON)
    binding = [path for path in python if path.name.endswith("_s.c")]
    module = [path for path in python if path not in binding]
    folder = generated.root / "units"
    folder.mkdir()

    def joined(name: str, sources: list[Path]) -> Path:
        unit = folder / name
        unit.write_text("".join(f'#include "{path}"\n' for path in sources))
        return unit

    return {
        FASTRTPS: [
            joined("fastrtps_even.cpp", fastrtps[::2]),
            joined("fastrtps_odd.cpp", fastrtps[1::2]),
        ],
        INTROSPECTION: [joined("introspection.c", generated.sources(INTROSPECTION))],
        TYPESUPPORT: [joined("typesupport.cpp", generated.sources(TYPESUPPORT))],
        PYTHON: [joined("python.c", binding)],
        MODULE: module,
        C_GENERATOR: generated.sources(C_GENERATOR),
    }


def _compile(generated: Generated, unit: Path) -> Path:
    compiler = ["g++", "-std=c++17"] if unit.suffix == ".cpp" else ["gcc", "-std=gnu11"]
    parts = (C_GENERATOR, FASTRTPS, INTROSPECTION, TYPESUPPORT, PYTHON)
    headers = [generated.root / part for part in parts]
    headers += [PREFIX / "include", *(PREFIX / "include").iterdir()]
    headers += [Path(sysconfig.get_path("include")), Path(numpy.get_include())]
    built = generated.root / "units" / f"{unit.name}.o"
    includes = [f"-I{path}" for path in headers]
    _run([*compiler, *FLAGS, *includes, "-c", str(unit), "-o", str(built)], unit)
    return built


def _link(output: Path, objects: list[Path], libraries: list[str]) -> None:
    # The extension module lies in lib/pythonX.Y/site-packages/PACKAGE, all others in lib.
    origin = "$ORIGIN" if output.name.startswith("lib") else "$ORIGIN/../../.."
    # Without a soname others would remember the path of the build folder.
    command = ["g++", "-shared", "-s", "-Wl,--as-needed", f"-Wl,-soname,{output.name}"]
    search = [f"-L{PREFIX}/lib", f"-Wl,-rpath-link,{PREFIX}/lib", f"-Wl,-rpath,{origin}"]
    _run([*command, "-o", str(output), *map(str, objects), *libraries, *search], output)


def _run(command: list[str], what: Path) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise CompilerError(f"{command[0]} failed on {what.name}:\n{result.stderr[:2000]}")
