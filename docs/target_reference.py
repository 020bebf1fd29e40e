"""Write docs/target.md from the models of the target file: ``python docs/target_reference.py``.

Keys, types, defaults and meanings stand in ``shipworthy/target/`` and nowhere else;
``tests/house`` fails where the page is not what this script writes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from shipworthy.target import inference, sections

PAGE = Path(__file__).with_name("target.md")
MODULES = (inference, sections)
REPEATED = {"Mix", "Waiver"}
KINDS = {
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "Path": "path",
    "Url": "web address",
    "Secret": "secret",
    "Seconds": "seconds",
    "Milliseconds": "milliseconds",
    "Tokens": "whole number ≥ 1",
    "Feature": ", ".join(f'`"{name}"`' for name in get_args(inference.Feature)),
    "Share": "0 to 1",
    "Names": "list of text, at least one",
    "UUID": "UUID",
    "dt.date": "date",
}
HEAD = """# The target file

One TOML file describes one deployment. This page is generated from the models that parse it
(`python docs/target_reference.py`), so it is complete: a key that is not here is refused.

- `"${NAME}"` in any text is replaced by the variable NAME, from the environment or from the file
  that `env_file` names. A variable that is not set is a problem of the target file; all problems are
  reported together, before anything runs.
- A *secret* is never printed and is removed from everything that a run stores. Every other key may
  appear in reports.
- A section that is not there declares that the deployment has no such part; its checks are then *not
  applicable*. A section that is there must be reachable: a part that is declared and cannot be
  observed makes its checks *unverified*, which blocks.
- Relative paths start from the folder that holds `targets/`.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one section, as the models state it."""

    name: str
    annotation: str
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Model:
    """One section of the target file."""

    name: str
    meaning: str
    keys: tuple[Key, ...]


def page() -> str:
    """Give the page as the models are now."""
    models: dict[str, Model] = {}
    for module in MODULES:
        models |= read_models(Path(module.__file__).read_text(encoding="utf-8"))
    return render(models)


def read_models(source: str) -> dict[str, Model]:
    """Read the section classes of a module, with the text that follows each key."""
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {
        node.name: Model(node.name, ast.get_docstring(node) or "", tuple(_keys(node))) for node in classes
    }


def _keys(node: ast.ClassDef) -> Iterator[Key]:
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = ast.unparse(statement.value) if statement.value else None
            yield Key(statement.target.id, ast.unparse(statement.annotation), default, _text(following))


def _text(node: ast.stmt | None) -> str:
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return " ".join(node.value.value.split())
    return ""


def render(models: dict[str, Model]) -> str:
    """Give the page: the top level first, then every section in the order of the file."""
    return "\n".join([HEAD, *_section("Target", "", models, {})])


def _section(name: str, path: str, models: dict[str, Model], shown: dict[str, str]) -> Iterator[str]:
    model = models[name]
    plain = [key for key in model.keys if not _model_of(key, models)]
    title = f"[[{path}]]" if name in REPEATED else f"[{path}]"
    yield f"## `{title}`\n" if path else "## Top level\n"
    if name in shown:
        yield f"The keys of `[{shown[name]}]`.\n"
        return
    shown[name] = path
    yield f"{' '.join(model.meaning.replace('``', '`').split())}\n"
    if plain:
        yield "| key | value | default | meaning |\n|---|---|---|---|"
        yield from (_row(key) for key in plain)
        yield ""
    for key in model.keys:
        if section := _model_of(key, models):
            yield from _section(section, f"{path}.{key.name}".lstrip("."), models, shown)


def _row(key: Key) -> str:
    default = _default(key.default)
    return f"| `{key.name}` | {_kind(key.annotation)} | {default} | {key.meaning.replace('``', '`')} |"


def _model_of(key: Key, models: dict[str, Model]) -> str | None:
    return next((word for word in re.findall(r"\w+", key.annotation) if word in models), None)


def _kind(annotation: str) -> str:
    text = annotation.removesuffix(" | None")
    if match := re.fullmatch(r"Annotated\[(\w+), (.*)\]", text):
        return f"{_kind(match[1])}{_limits(match[2])}"
    if match := re.fullmatch(r"Literal\[(.*)\]", text):
        return ", ".join(f'`"{value}"`' for value in ast.literal_eval(f"[{match[1]}]"))
    if match := re.fullmatch(r"list\[(.*)\]", text):
        return f"list of {_kind(match[1])}"
    if match := re.fullmatch(r"tuple\[(.*)\]", text):
        return f"list of {', '.join(_kind(item) for item in match[1].split(', '))}"
    if match := re.fullmatch(r"dict\[str, (.*)\]", text):
        return f"table of name to {_kind(match[1])}"
    return KINDS.get(text, text)


def _limits(field: str) -> str:
    words = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [f"{words[name]} {number}" for name, number in re.findall(r"(ge|gt|le|lt)=([\d_.]+)", field)]
    return f" {', '.join(limits).replace('_', '')}" if limits else ""


def _default(default: str | None) -> str:
    if default is None:
        return "required"
    if default == "None":
        return "optional"
    if match := re.search(r"default_factory=(list|dict)", default):
        return "`[]`" if match[1] == "list" else "`{}`"
    value = re.sub(r"^(Path|Secret)\((.*)\)$", r"\2", default).replace("'", '"')
    return f"`{value.lower() if value in {'True', 'False'} else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
