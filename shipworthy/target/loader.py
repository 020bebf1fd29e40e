"""Reading a target file: variables resolved, every problem reported at once."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError

from shipworthy.errors import Problem, TargetError
from shipworthy.target.sections import Target

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_NAME = re.compile(
    r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|DSN|DB_URL|DATABASE_URL)$", re.IGNORECASE
)
"""What a variable with a secret in it is called; whole words, so that ``KEYBOARD_LAYOUT`` is none."""
SHORTEST_SECRET = 6
UNSET = ".unset.invalid"
"""Ends what stands in for a variable without a value, where only promises are read."""
SCRATCH_KINDS = ("container", "embedded")


@dataclass(frozen=True, slots=True)
class LoadedTarget:
    """A target with what it was made from: its file, its variables, its secrets."""

    target: Target
    path: Path
    variables: Mapping[str, str]
    """Process environment over env file: what ``${NAME}`` is resolved from."""
    own_variables: Mapping[str, str]
    """Those of the env file alone, and those that the file's ``${NAME}`` took from the environment."""
    secrets: frozenset[str]
    """Every value that must never be printed or stored."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the file start from."""
        return base_folder(self.path)

    @property
    def made_for(self) -> Path | None:
        """The project folder that ``--project`` named; None where somebody wrote the target file."""
        database = self.target.database
        made = self.path.parent.parent.name == ".shipworthy"
        return database.project if made and database else None

    @property
    def judged_folder(self) -> Path:
        """The folder whose version is judged."""
        return self.made_for or self.folder

    @property
    def named(self) -> str:
        """How a command names the target; a server's DSN stays out of it."""
        database = self.target.database
        if not (self.made_for and database):
            return self.target.name
        kind = database.scratch.get_secret_value()
        image = ["--image", database.image] if "image" in database.model_fields_set else []
        scratch = ["--scratch", kind] if kind in SCRATCH_KINDS and not image else []
        return shlex.join(["--project", str(self.made_for), *scratch, *image])


def base_folder(path: Path) -> Path:
    """Give the folder that a target file's paths are relative to: the one that holds ``targets/``."""
    folder = path.resolve().parent
    while folder.name in {"targets", "examples", ".shipworthy"}:
        folder = folder.parent
    return folder


def load_target(path: Path, *, env_file: Path | None = None, load_profile: str | None = None) -> LoadedTarget:
    """Parse one target file.

    Args:
        path: the TOML file.
        env_file: read instead of the file's own ``env_file``.
        load_profile: runs the load stage with this profile, for as long as that profile takes.

    Raises:
        TargetError: with every problem of the file.

    """
    raw = _read(path)
    if load_profile and isinstance(raw.get("load"), dict):
        raw["load"] = {**raw["load"], "profile": load_profile}
        raw["load"].pop("duration_s", None)
    problems: list[Problem] = []
    filed = _env_file(path, raw, env_file, problems)
    variables = {**os.environ, **filed} if env_file else {**filed, **os.environ}
    resolved = _resolve(raw, "", variables, problems)
    unset = {problem.key for problem in problems}
    target = None
    try:
        target = Target.model_validate(resolved)
    except ValidationError as error:
        problems += [problem for problem in _problems_of(error) if problem.key not in unset]
    if target is None or problems:
        raise TargetError(str(path), problems, hint=_where(raw, env_file) if unset else "")
    own = {name: variables[name] for name in {*filed, *VARIABLE.findall(json.dumps(raw, default=str))}}
    return LoadedTarget(target, path.resolve(), variables, own, frozenset(_secrets(target, variables)))


def load_promises(path: Path, changes: Mapping[str, Any], *, env_file: Path | None = None) -> Target:
    """Parse what a target promises, to judge by it and not to reach it: no variable needs to be set.

    A table that cannot be read without its variables is left out: it promises nothing that is known here.

    Args:
        path: the TOML file.
        changes: dotted keys to values that stand in place of the file's own.
        env_file: read instead of the file's own ``env_file``.

    Raises:
        TargetError: with every problem of the file as it is after the changes.

    """
    raw, problems = _read(path), list[Problem]()
    for key, value in changes.items():
        problems += _put(raw, key, value)
    filed = _env_file(path, raw, env_file, problems)
    unset = {name: f"http://{name}{UNSET}" for name in VARIABLE.findall(json.dumps(raw, default=str))}
    resolved = _resolve(raw, "", {**unset, **filed, **os.environ}, problems)
    stood_in = set(_stood_in(resolved, ""))
    for table in {p.key.partition(".")[0] for p in _problems(resolved) if p.key in stood_in}:
        del resolved[table]
    problems += _problems(resolved)
    if problems:
        raise TargetError(str(path), problems)
    return Target.model_validate(resolved)


def _stood_in(node: Any, key: str) -> Iterator[str]:
    """Give the keys, as problems name them, of what a variable without a value would have filled."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _stood_in(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _stood_in(value, f"{key}[{index}]")
    elif isinstance(node, str) and UNSET in node:
        yield key


def _problems(resolved: Mapping[str, Any]) -> list[Problem]:
    try:
        Target.model_validate(resolved)
    except ValidationError as error:
        return list(_problems_of(error))
    return []


def _put(raw: dict[str, Any], key: str, value: Any) -> Iterator[Problem]:
    """Put a value at a dotted key, with the tables that lead to it."""
    *tables, last = key.split(".")
    node: Any = raw
    for table in tables:
        node = node.setdefault(table, {})
        if not isinstance(node, dict):
            yield Problem(key, f"{table} is no table", "name a key of the target file, as in docs/target.md")
            return
    node[last] = value


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = sorted(file.name for file in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        want = f"one of {', '.join(beside)}" if beside else "a TOML file; see targets/examples"
        raise TargetError(str(path), [Problem("file", "it does not exist", want)]) from None
    except tomllib.TOMLDecodeError as error:
        problem = Problem("file", f"not valid TOML: {error}", "mend the syntax")
        raise TargetError(str(path), [problem]) from None
    except UnicodeDecodeError:
        raise TargetError(str(path), [Problem("file", "not UTF-8", "save it as UTF-8")]) from None


def _where(raw: Mapping[str, Any], env_file: Path | None) -> str:
    named = env_file or raw.get("env_file")
    return "variables are read from the environment" + (f" and from {named}" if named else "")


def _env_file(
    path: Path, raw: Mapping[str, Any], env_file: Path | None, problems: list[Problem]
) -> dict[str, str]:
    named = raw.get("env_file")
    file = env_file or (base_folder(path) / named if isinstance(named, str) else None)
    if file and file.is_file():
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    if env_file:
        problems.append(Problem("env_file", f"{env_file} does not exist", "name an existing file"))
    return {}


def _resolve(node: Any, key: str, variables: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(node, dict):
        return {
            name: _resolve(value, f"{key}.{name}".lstrip("."), variables, problems)
            for name, value in node.items()
        }
    if isinstance(node, list):
        return [_resolve(value, f"{key}[{index}]", variables, problems) for index, value in enumerate(node)]
    if isinstance(node, str):
        for name in VARIABLE.findall(node):
            if not variables.get(name):
                problems += [Problem(key, f"variable {name} is not set", "set it")]
        return VARIABLE.sub(lambda match: variables.get(match[1], ""), node)
    return node


def _problems_of(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        key = ""
        for step in detail["loc"]:
            key += f"[{step}]" if isinstance(step, int) else f".{step}"
        key = key.lstrip(".") or "file"
        if detail["type"] == "extra_forbidden":
            yield Problem(key, "unknown key", _nearest(detail["loc"]))
        elif detail["type"] == "missing":
            yield Problem(key, "missing", "add it")
        else:
            yield Problem(key, "not valid", detail["msg"].removeprefix("Value error, "))


def _nearest(location: tuple[int | str, ...]) -> str:
    import difflib

    model: Any = Target
    for step in location[:-1]:
        if isinstance(step, str):
            model = _section_of(model, step)
    known = list(getattr(model, "model_fields", {}))
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _section_of(model: Any, name: str) -> Any:
    annotation = model.model_fields[name].annotation
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), model)


def _secrets(node: Any, variables: Mapping[str, str]) -> Iterator[str]:
    for value in {*_secret_values(node), *(v for n, v in variables.items() if SECRET_NAME.search(n))}:
        if len(value) >= SHORTEST_SECRET and value not in SCRATCH_KINDS:
            yield value
        password = urlsplit(value).password if "://" in value else None
        if password and len(password) >= SHORTEST_SECRET:
            yield from {password, unquote(password)}


def _secret_values(node: Any) -> Iterator[str]:
    if isinstance(node, SecretStr):
        yield node.get_secret_value()
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _secret_values(getattr(node, name))
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _secret_values(value)
    elif isinstance(node, dict):
        for value in node.values():
            yield from _secret_values(value)
