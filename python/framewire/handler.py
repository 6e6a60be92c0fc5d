"""Handlers: found by name, since each worker process loads its own."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import Error
from .frame import Frame
from .intake import describe


class UsageError(Error):
    """Something that was asked for makes no sense: exit code 2."""


def name_of(handler: Any) -> str:
    """FILE.py:NAME or MODULE:NAME of a function or class. Raises UsageError where it has no such name."""
    name = getattr(handler, "__qualname__", "")
    module = getattr(handler, "__module__", None)
    if not name or not module or "<" in name or "." in name or inspect.ismethod(handler):
        raise UsageError(f"{handler!r}: a handler is a function or a class at the top level of a file")
    if module != "__main__":
        return f"{module}:{name}"
    try:
        file = inspect.getsourcefile(handler)
    except TypeError:
        file = None
    if file is None or not os.path.exists(file):
        raise UsageError(f"{name}: the processes find a handler by its file; this one was not read from any")
    return f"{os.path.abspath(file)}:{name}"


def load_handler(name: str) -> Callable[[Frame], Any]:
    """The handler of that name: FILE.py, FILE.py:NAME or MODULE:NAME; a class's instance is made.

    Raises UsageError, with the place where it went wrong.
    """
    source, _, attribute = name.rpartition(":") if ":" in name else (name, "", "handle")
    is_file = source.endswith(".py") or os.sep in source
    if not is_file and ":" not in name:
        raise UsageError(f"{name}: a handler is FILE.py, FILE.py:NAME or MODULE:NAME")
    module = _import(source, is_file)
    found = getattr(module, attribute, None)
    if found is None:
        callables = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        has = f"; it has {', '.join(callables[:8])}" if callables else ""
        raise UsageError(f"{source} has no {attribute}{has}")
    if inspect.isclass(found):
        try:
            found = found()
        except Exception as error:
            raise Error(f"{name}: its instance could not be made: {where(error)}") from error
    if not callable(found):
        raise UsageError(f"{name}: no handler, but of type {type(found).__name__}; a function or a class is one")
    return found  # type: ignore[no-any-return]


def _import(source: str, is_file: bool) -> Any:
    try:
        if not is_file:
            return importlib.import_module(source)
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"{source}: there is no such file")
        sys.path.insert(0, str(path.resolve().parent))  # as for a script: its neighbours can be imported
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{source} cannot be imported: {where(error)}") from error


def where(error: BaseException) -> str:
    """An exception from the user's code, with the last line of it that the user wrote."""
    if isinstance(error, SyntaxError):
        return f"{describe(error)}"
    frames = [entry for entry in traceback.extract_tb(error.__traceback__) if not entry.filename.startswith("<frozen")]
    own = [entry for entry in frames if os.path.dirname(entry.filename) != os.path.dirname(__file__)]
    return f"{describe(error)} ({own[-1].filename}, line {own[-1].lineno})" if own else describe(error)
