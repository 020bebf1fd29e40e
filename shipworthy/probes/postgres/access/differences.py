"""What is declared against what was measured: every difference, in both directions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shipworthy.probes.postgres.access.audience import Audience, covered, words
from shipworthy.probes.postgres.access.audiences import FunctionAccess, Measured, RelationAccess
from shipworthy.probes.postgres.access.contract import COMMANDS, Audiences, Contract
from shipworthy.probes.postgres.access.lines import access_line, audience_value, quoted
from shipworthy.probes.postgres.access.remedies import closing, opening
from shipworthy.probes.postgres.access.schema import Schema

WORD = {sql: word for word, sql in COMMANDS.items()}
UNDECLARED, OPEN, DENIED, GONE = "undeclared", "open", "denied", "gone"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the contract and what it says against what is so."""

    kind: str
    """``undeclared``: the contract does not name it. ``open``: more can be reached than declared.
    ``denied``: what is declared cannot be reached. ``gone``: there is no such thing."""
    subject: str
    saw: str
    want: str
    fix: str


def compare(
    contract: Contract, measured: Measured, exposed: Iterable[str], schema: Schema | None = None
) -> tuple[Difference, ...]:
    """Compare a contract with what was measured.

    Args:
        contract: what is meant.
        measured: what is so.
        exposed: the tables and views that have to be declared; partitions go with their table.
        schema: names the policies that are the cause; without it remedies say which kind they are.

    """
    return tuple(_Comparison(contract, measured, tuple(exposed), schema).differences())


@dataclass(frozen=True, slots=True)
class _Comparison:
    contract: Contract
    measured: Measured
    exposed: tuple[str, ...]
    schema: Schema | None

    def differences(self) -> Iterator[Difference]:
        for name in self.exposed:
            if name not in self.contract.tables:
                yield _undeclared(name, self.measured.relations.get(name))
        for name, access in self.contract.tables.items():
            relation = self.measured.relations.get(name)
            if relation:
                for command, meant in access.items():
                    yield from _of_command(relation, command, meant, self.schema)
            elif name not in self.exposed:
                yield _gone(name, "table or view", self.exposed)
        for name in self.contract.rows:
            if name not in {*self.exposed, *self.measured.relations, *self.contract.tables}:
                yield _gone(name, "table", self.exposed)
        yield from self._functions()

    def _functions(self) -> Iterator[Difference]:
        for name in self.contract.functions:
            if not self.measured.named(name):
                known = [function.name for function in self.measured.functions]
                yield _gone(name, "function that the Data API serves", known)
        for function in self.measured.functions:
            meant = self.contract.callers(function.name, function.signature)
            if meant is not None:
                yield from _of_function(function, meant)
            elif function.audiences:
                yield _undeclared_function(function)


def _undeclared(name: str, relation: RelationAccess | None) -> Difference:
    line = access_line(relation.access) if relation else "{}"
    doubt = f" ({'; '.join(relation.doubts)}: is that meant?)" if relation and relation.doubts else ""
    return Difference(
        UNDECLARED,
        name,
        saw=f"the Data API serves it and the contract does not name it; as it is: {line}{doubt}",
        want="every exposed table and view is declared",
        fix=f"in access.toml, under [tables], say who is meant to reach it: {quoted(name)} = {line}",
    )


def _of_command(
    relation: RelationAccess, command: str, meant: Audiences, schema: Schema | None
) -> Iterator[Difference]:
    found, word = relation.access[command], WORD[command]
    beyond = [audience for audience in found if not covered(audience, meant)]
    if beyond:
        yield Difference(
            OPEN,
            relation.relation,
            saw=f"{words(beyond)} may {_verb(command)}; declared is {words(meant)}",
            want=f"{word} for {words(meant)} only",
            fix=f"{closing(relation, command, beyond, meant, schema)}\nor, if it is meant, in access.toml:"
            f" {word} = {audience_value(found)}",
        )
    missing = [audience for audience in meant if not _reaches(relation, audience, found)]
    if missing and command not in relation.unproven:
        told = relation.told.get((command, _widest(missing).who))
        saw = f" ({told.saw})" if told and not told.reached else ""
        yield Difference(
            DENIED,
            relation.relation,
            saw=f"{words(missing)} cannot {_verb(command)}{saw}; declared is {words(meant)}",
            want=f"{word} for {words(meant)}",
            fix=f"{opening(relation, command, missing)}\nor, if it is not meant, in access.toml:"
            f" {word} = {audience_value(found)}",
        )


def _reaches(relation: RelationAccess, audience: Audience, found: Audiences) -> bool:
    """Tell whether a declared audience was let in; members pass as owners where nothing told them apart."""
    if covered(audience, found):
        return True
    alike = {"members", "owner"}
    indistinct = not relation.told_apart or relation.kind != "table"
    return audience.who in alike and indistinct and any(covered(Audience(who), found) for who in alike)


def _of_function(function: FunctionAccess, meant: Audiences) -> Iterator[Difference]:
    name, found = function.signature, function.audiences
    if any(not covered(audience, meant) for audience in found):
        roles = "public, anon" if meant else "public, anon, authenticated"
        definer = ", and it runs with its owner's rights" if function.security_definer else ""
        yield Difference(
            OPEN,
            name,
            saw=f"{words(found)} may execute it, declared is {words(meant)}{definer}",
            want=f"permission denied for everyone but {words(meant) if meant else 'the service role'}",
            fix=f"revoke execute on function {name} from {roles};\nor, if it is meant, in access.toml:"
            f" {quoted(name)} = {audience_value(found)}",
        )
    if any(not covered(audience, found) for audience in meant):
        roles = "anon, authenticated" if Audience("everyone") in meant else "authenticated"
        yield Difference(
            DENIED,
            name,
            saw=f"declared is {words(meant)}, but {words(found)} may execute it",
            want=f"it works for {words(meant)}",
            fix=f"grant execute on function {name} to {roles};",
        )
    if not function.service:
        yield Difference(
            DENIED,
            name,
            saw="the service role may not execute it",
            want="it works for the service role",
            fix=f"grant execute on function {name} to service_role;",
        )


def _undeclared_function(function: FunctionAccess) -> Difference:
    definer = ", with its owner's rights, past every policy" if function.security_definer else ""
    return Difference(
        UNDECLARED,
        function.signature,
        saw=f"{words(function.audiences)} may execute it{definer}, and the contract does not name it",
        want="every function that users may execute is declared",
        fix=f"revoke execute on function {function.signature} from public, anon, authenticated;\nor, if it is"
        f" meant, in access.toml, under [functions]: {quoted(function.name)} ="
        f" {audience_value(function.audiences)}",
    )


def _gone(name: str, what: str, known: Iterable[str]) -> Difference:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return Difference(
        GONE,
        name,
        saw=f"declared, but no {what} has that name" + (f"; {close[0]} has a name like it" if close else ""),
        want="the contract names what exists",
        fix="correct the name in access.toml, or remove the line",
    )


def _widest(audiences: Iterable[Audience]) -> Audience:
    return min(audiences, key=lambda one: one.order)


def _verb(command: str) -> str:
    return {"select": "read it"}.get(command, f"{command} rows")
