"""Functions of Postgres and of the platform whose results say who calls, or pass a value on."""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.probes.postgres.access.comparisons import USER, Term
from shipworthy.probes.postgres.access.names import NOTHING

CLAIMS = {"auth.uid": USER, "auth.email": "email", "auth.role": "role", "auth.jwt": ""}
"""Functions of the platform that read the caller's token."""
SAME_VALUE = frozenset({
    "lower", "upper", "trim", "btrim", "unnest", "array_agg", "any_value", "min", "max", "to_jsonb",
    "string_to_array", "array_remove", "array_append", "text", "uuid",
})  # fmt: skip
"""Functions whose result is, as far as tenancy goes, their first argument or its elements."""
ELEMENTS = frozenset({"jsonb_array_elements_text", "jsonb_array_elements", "json_array_elements_text"})
INTO_JSON = frozenset({"jsonb_extract_path_text", "jsonb_extract_path", "json_extract_path_text"})
CLOCK = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"})
PATHS = frozenset({"foldername", "split_part", "filename"})


def read_known(schema: str | None, name: str, arguments: Sequence[Term]) -> Term | None:
    """Give what a call comes to; None where the function is none of these."""
    if (claim := CLAIMS.get(f"{schema}.{name}")) is not None:
        return Term(claims=frozenset({claim}))
    if name in PATHS and arguments:
        return _segments(name, arguments)
    if schema in {None, "pg_catalog"}:
        return Term(now=True) if name in CLOCK else _builtin(name, arguments)
    return None


def _builtin(name: str, arguments: Sequence[Term]) -> Term | None:
    if not arguments:
        return None
    if name == "current_setting":
        return _setting(arguments[0].literals)
    if name in INTO_JSON:
        return step_into(arguments[0], [key for keys in arguments[1:] for key in keys.literals])
    if name in ELEMENTS:
        return many(arguments[0])
    return arguments[0] if name in SAME_VALUE else None


def step_into(term: Term, keys: Sequence[str]) -> Term:
    """Follow keys into a token."""
    path = [part for key in keys for part in key.strip("{}").split(",")]
    return Term(claims=frozenset(".".join(filter(None, (claim, *path))) for claim in term.claims))


def many(term: Term) -> Term:
    """Mark claims as lists: ``app_metadata.orgs[]``."""
    claims = (claim if claim.endswith("[]") or not claim else f"{claim}[]" for claim in term.claims)
    return Term(term.refs, frozenset(claims), term.literals)


def _setting(names: Sequence[str]) -> Term:
    name = names[0] if names else ""
    if name == "request.jwt.claims":
        return Term(claims=frozenset({""}))
    prefix = "request.jwt.claim."
    return Term(claims=frozenset({name.removeprefix(prefix)})) if name.startswith(prefix) else NOTHING


def _segments(name: str, arguments: Sequence[Term]) -> Term:
    """Read what takes a path apart; ``name/1`` is the first folder of ``storage.objects.name``."""
    refs = [ref._replace(place=ref.place._replace(name=f"{ref.place.name}/")) for ref in arguments[0].refs]
    step = arguments[-1].literals[0] if name == "split_part" and arguments[-1].literals else ""
    step = "file" if name == "filename" else step
    return Term(tuple(ref._replace(place=ref.place._replace(name=ref.place.name + step)) for ref in refs))
