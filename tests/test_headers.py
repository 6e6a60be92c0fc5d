"""Does each public header compile alone, as C and as C++, and is it part of the whole?

Run as `test_headers.py INCLUDE_FOLDER COMPILER...`, a C and a C++ compiler; speaks TAP.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tap import report

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]


def compile_alone(compiler: str, language: str, folder: Path, header: str) -> list[str]:
    """What the compiler says of a file with nothing but this header, twice."""
    standard = {"c": "c11", "c++": "c++11"}[language]
    run = subprocess.run(
        [compiler, "-x", language, f"-std={standard}", *STRICT, "-I", str(folder), "-"],
        input=f"#include <{header}>\n#include <{header}>\nextern int some_declaration;\n",
        capture_output=True,
        text=True,
    )
    return [] if run.returncode == 0 else [run.stderr or f"{compiler} failed"]


def main() -> int:
    folder = Path(sys.argv[1])
    headers = sorted(path.relative_to(folder).as_posix() for path in folder.glob("framewire/*.h"))
    results = [
        (f"{header} compiles alone as {language}", compile_alone(compiler, language, folder, header))
        for compiler, language in zip(sys.argv[2:4], ("c", "c++"), strict=True)
        for header in headers
    ]
    whole = (folder / "framewire/framewire.h").read_text()
    missing = [
        header
        for header in headers
        if header not in ("framewire/framewire.h", "framewire/export.h") and f"#include <{header}>" not in whole
    ]
    results.append(("framewire.h has all of them", missing))
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
