"""Does every file know only what is below it? Reads the includes of src/ and cmd/, and the package's imports.

Run as `test_layers.py ROOT`; speaks TAP.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tap import report

# Bottom up: a folder may include from those before it, and from itself.
FOLDERS = ["base", "wire", "memory", "image", "source", "net", "delivery", "pipeline"]

# Who may include an outside library's headers: files, or folders with a slash at the end.
LIBRARIES = {
    r"msgpack(\.h|/.*)": ["src/wire/"],
    r"(jpeglib|jerror|turbojpeg)\.h": ["src/image/jpeg.c"],
    r"spng\.h": ["src/image/png.c"],
    r"tiff(io)?\.h": ["src/image/tiff.c"],
    r"microhttpd\.h": ["src/net/http.c"],
    r"c?zmq(_\w+)?\.h": ["src/net/", "src/delivery/"],
}

# Bottom up: no module of a row reaches one of a later row, by however many steps. Others only stay free of cycles.
MODULES = [["errors"], ["header"], ["frame"], ["shm", "plain", "lease"], ["receiver"], ["worker"], ["cli"]]

PLAIN_IMPORT = re.compile(r"(from|import)\s(?!.*\bcimport\b)")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def includes(file: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1], found[2]


def c_faults(root: Path) -> Iterator[str]:
    """One line a fault: FILE:LINE: what it may not include."""
    for file in sorted([*root.glob("src/**/*.[ch]"), *root.glob("cmd/**/*.[ch]")]):
        name = file.relative_to(root).as_posix()
        for number, mark, what in includes(file):
            fault = library_fault(name, what) or folder_fault(root, file, name, mark, what)
            if fault:
                yield f"{name}:{number}: {fault}"


def library_fault(name: str, what: str) -> str | None:
    for pattern, allowed in LIBRARIES.items():
        at_home = any(name == place or (place.endswith("/") and name.startswith(place)) for place in allowed)
        if re.fullmatch(pattern, what) and not at_home:
            return f"<{what}> belongs to {' and '.join(allowed)} alone"
    return None


def folder_fault(root: Path, file: Path, name: str, mark: str, what: str) -> str | None:
    public = what.startswith("framewire/")
    if name.startswith("cmd/"):
        if mark == '"' and not (file.parent / what).is_file():
            return f'"{what}": a command knows only <framewire/...> and its own folder'
        return f"<{what}>: a command knows only the public headers" if is_inner(root, what) else None
    if name.startswith("src/include/"):
        return f'"{what}": a public header includes only public ones' if mark == '"' or is_inner(root, what) else None
    if public or not is_inner(root, what):
        return f'"{what}" is neither FOLDER/FILE.h of src/ nor a public header' if mark == '"' else None
    here, there = name.split("/")[1], what.split("/")[0]
    if there not in FOLDERS or here not in FOLDERS:
        return f"{there if here in FOLDERS else here}/ has no floor in {Path(__file__).name}"
    if FOLDERS.index(there) > FOLDERS.index(here):
        return f'"{what}": {here}/ stands below {there}/'
    return None


def is_inner(root: Path, what: str) -> bool:
    return "/" in what and not what.startswith("framewire/") and (root / "src" / what.split("/")[0]).is_dir()


def module_name(package: Path, file: Path) -> str:
    parts = file.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"


def imports(package: Path, file: Path) -> Iterator[tuple[int, str]]:
    """Each import of the package's own modules, wherever it stands in the file."""
    folder = file.relative_to(package.parent).parent.parts
    text = file.read_text()
    if file.suffix == ".pyx":  # Cython is no Python; its imports of Python modules are, a line each
        text = "\n".join(line if PLAIN_IMPORT.match(line) else "" for line in text.splitlines())
    for node in ast.walk(ast.parse(text, str(file))):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) - node.level + 1] if node.level else ()
            start += tuple(node.module.split(".")) if node.module else ()
            names = [(*start, alias.name) for alias in node.names]
        for name in names:
            if name[0] == package.name:
                yield node.lineno, module_of(package, name[1:])


def module_of(package: Path, name: tuple[str, ...]) -> str:
    """The module that has this name, or has it in it."""
    while name and not (package.joinpath(*name).is_dir() or is_module(package.joinpath(*name))):
        name = name[:-1]
    return ".".join(name) or "__init__"


def is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or path.with_suffix(".pyx").is_file()


def python_faults(root: Path) -> Iterator[str]:
    package = root / "python/framewire"
    edges: dict[str, dict[str, str]] = {}
    for file in sorted([*package.rglob("*.py"), *package.rglob("*.pyx")]):
        name = module_name(package, file)
        for line, target in imports(package, file):
            if target != name:
                edges.setdefault(name, {}).setdefault(target, f"{file.relative_to(root).as_posix()}:{line}")
    rank = {module: row for row, modules in enumerate(MODULES) for module in modules}
    for name, targets in edges.items():
        for target, place in targets.items():
            below = reachable(edges, target)
            if name in below and not name.startswith("cli"):
                yield f"{place}: {name} imports {target}, which needs {name} itself"
            for other in below:
                if rank.get(name.split(".")[0], 99) < rank.get(other.split(".")[0], -1):
                    yield f"{place}: {name} imports {target}, and so reaches {other}, which stands above it"


def reachable(edges: dict[str, dict[str, str]], start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += edges.get(name, {})
    return seen


BASE, NET = '#include "base/b.h"\n', '#include "net/b.h"\n'

# What the checks must find: files, and where the first fault in them is (None: there is none).
CASES: list[tuple[str, dict[str, str], str | None]] = [
    ("a floor below may be included", {"src/net/a.c": BASE}, None),
    ("a floor above may not", {"src/base/a.c": "\n" + NET}, "src/base/a.c:2"),
    ("public headers stand alone", {"src/include/framewire/a.h": BASE}, "src/include/framewire/a.h:1"),
    ("a new folder needs a floor", {"src/new/a.c": BASE}, "src/new/a.c:1"),
    ("an include names its folder", {"src/base/a.c": '#include "b.h"\n'}, "src/base/a.c:1"),
    ("a command uses the public API", {"cmd/a.c": "#include <framewire/framewire.h>\n"}, None),
    ("a command has headers of its own", {"cmd/a.c": '#include "a.h"\n', "cmd/a.h": ""}, None),
    ("a command knows nothing inside", {"cmd/a.c": BASE}, "cmd/a.c:1"),
    ("not by angle brackets either", {"cmd/a.c": "#include <base/b.h>\n"}, "cmd/a.c:1"),
    ("a library has one file", {"src/image/png.c": "#include <spng.h>\n"}, None),
    ("a second file is found", {"src/image/tiff.c": "# include <spng.h>\n"}, "src/image/tiff.c:1"),
    ("a command uses no library of ours", {"cmd/a.c": "#include <zmq.h>\n"}, "cmd/a.c:1"),
    ("msgpack stays on its floor", {"src/net/a.c": "#include <msgpack/pack.h>\n"}, "src/net/a.c:1"),
    ("a module may import those below", {"frame.py": "from .header import x", "header.py": ""}, None),
    ("and none above", {"frame.py": "import framewire.cli", "cli/__init__.py": ""}, "frame.py:1"),
    (
        "nor by way of another",
        {"header.py": "from .x import y", "x.py": "def f():\n    from . import receiver", "receiver.py": ""},
        "header.py:1",
    ),
    (
        "modules do not need each other",
        {"a.py": "from .b import x", "b.py": "from framewire.c import y", "c.py": ""},
        None,
    ),
    (
        "nor does one that is compiled",
        {"frame.py": "from .x import y", "x.pyx": "cdef int f():\n    pass\nfrom .lease import z", "lease.py": ""},
        "frame.py:1",
    ),
    ("a folder of modules counts as one", {"cli/a.py": "from . import b", "cli/b.py": "from ..header import x"}, None),
]


def tree(root: Path, files: dict[str, str]) -> Path:
    for folder in FOLDERS:
        (root / "src" / folder).mkdir(parents=True)
    for name, text in files.items():
        file = root / "python/framewire" / name if name.endswith((".py", ".pyx")) else root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def main() -> int:
    root = Path(sys.argv[1])
    results: list[tuple[str, list[str]]] = []
    for name, files, wanted in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = [*c_faults(tree(Path(folder), files)), *python_faults(Path(folder))]
        good = bool(found) and wanted in found[0] if wanted else not found
        results.append((name, [] if good else [f"wanted {wanted}", *found]))
    results.append(("no file of src/ or cmd/ reaches above itself", list(c_faults(root))))
    results.append(("no module of the package reaches above itself", list(python_faults(root))))
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
