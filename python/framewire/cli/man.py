"""Manual pages in man(7), from the same parsers as the help."""

from __future__ import annotations

import argparse

from .. import __version__


def page(parser: argparse.ArgumentParser, summary: str) -> str:
    """The page of a verb whose parser this is; its summary in one line."""
    name = parser.prog.replace(" ", "-")
    usage = (parser.usage or "").removeprefix(parser.prog)
    lines = [
        f'.TH {name} 1 "" "Framewire {__version__}" "Framewire"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(summary)}",
        ".SH SYNOPSIS",
        f".B {_roff(parser.prog)}",
        _roff(usage.strip()),
        ".SH DESCRIPTION",
        _roff(parser.description or ""),
        ".PP",
        _roff(parser.epilog or ""),
        ".SH OPTIONS",
    ]
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            lines += _option(action)
    lines += [".SH SEE ALSO", ".BR framewire (1)"]
    return "\n".join(lines)


def _option(action: argparse.Action) -> list[str]:
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
    value = f" \\fI{_roff(str(action.metavar))}\\fR" if action.metavar else ""
    return [".TP", names + value, f"{_roff(action.help or '')}."]


def _roff(text: str) -> str:
    """Text as roff takes it: one line, which is no request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
