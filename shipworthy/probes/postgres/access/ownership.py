"""Which tables belong to someone: what leads from a row to its user or its tenant.

A user's id stands in columns that refer to ``auth.users`` (also through profiles) and in those that
policies compare with the caller. A tenant is what policies of other tables look up by the caller: the
rows that memberships point to, or that a claim of the token names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from shipworthy.probes.postgres.access.comparisons import USER, Comparison, Comparisons, Place, Ref
from shipworthy.probes.postgres.access.forms import LOOKUP, has_one_row, ties
from shipworthy.probes.postgres.access.schema import Reference, Schema, Table

USERS, OBJECTS = "auth.users", "storage.objects"
EMAIL = "email"
STANDARD_CLAIMS = frozenset(
    {USER, EMAIL, "role", "aal", "is_anonymous", "session_id", "phone", "aud", "iss", "exp"}
)
"""Claims that Supabase Auth itself puts into a token, so that none of them names a tenant."""
USUAL_USER_COLUMNS = frozenset({"user_id", "owner_id", "created_by", "author_id", "profile_id"})
"""Taken for a user's where they are a ``uuid`` without a key and without a policy."""

IDS = frozenset({"uuid", "text", "varchar", "int2", "int4", "int8", "citext"})
"""Types of what can name a tenant."""

Alias = tuple[int, str]
"""One mention of a table in one query: block and alias."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A table by which policies of other tables learn who the caller is."""

    table: str
    user: str
    """Its column with the user's id."""
    tenants: tuple[str, ...]
    """Its columns with the tenant's; none where it says what someone is everywhere (``is_admin``)."""


@dataclass(frozen=True)
class Ownership:
    """What leads from rows to those whom they belong to."""

    user_columns: Mapping[str, tuple[str, ...]]
    """Table to its columns with the id of a user."""
    email_columns: Mapping[str, tuple[str, ...]]
    """Table to its columns that policies compare with the caller's address."""
    memberships: Mapping[str, Membership]
    standings: Mapping[str, Membership]
    """Tables that tell what a user may do in all tenants."""
    roots: frozenset[str]
    """Tables of tenants."""
    soft: Mapping[Place, Place]
    """Columns without a foreign key to the column of another table that policies find equal."""
    tenant_keys: Mapping[Place, Place]
    """Columns with the id of a tenant that no table holds to the one of them that stands for all."""
    claims: Mapping[str, Place]
    """Claims of a project's own to a column that they are compared with."""
    owned: frozenset[str]
    callers: frozenset[Comparison] = field(default=frozenset())
    """Comparisons that ask for the caller's membership or standing, not for the row."""
    operators: frozenset[Comparison] = field(default=frozenset())
    """Those of them that ask what the caller is whatever the tenant."""


def find_ownership(
    schema: Schema, found: Comparisons, declared: Mapping[str, str] | None = None
) -> Ownership:
    """Tell which tables belong to someone, and by what.

    Args:
        schema: as it is.
        found: what its policies compare.
        declared: claims whose meaning no policy shows: dotted path to ``schema.table.column``.

    """
    return _Search(schema, found, declared or {}).ownership()


class _Search:
    def __init__(self, schema: Schema, found: Comparisons, declared: Mapping[str, str]) -> None:
        self.schema, self.found, self.declared = schema, found, declared
        self.tables = {name: table for name, table in schema.tables.items() if not table.bounds}
        self.classes = found.classes()
        self.users = self._user_columns()
        self.references = {
            Place(table.name, column): Place(reference.target, target)
            for table in self.tables.values()
            for reference in table.references
            for column, target in zip(reference.columns, reference.target_columns, strict=True)
            if reference.target in self.tables
        }

    def ownership(self) -> Ownership:
        asked = dict(self._asked())
        memberships = _merged(m for m in asked.values() if m.tenants)
        standings = _merged(m for m in asked.values() if not m.tenants)
        claims = self._claims()
        soft, keys, roots = self._tenancy(memberships, claims)
        memberships |= _merged(self._by_form(self._owned(roots, soft, keys) | {*standings}))
        soft, keys, roots = self._tenancy(memberships, claims)
        return Ownership(
            user_columns=_by_table(self.users),
            email_columns=_by_table(
                ref.place
                for ref, claim in self.found.tied
                if claim == EMAIL and ref.place.name in self._columns(ref.place.owner)
            ),
            memberships=memberships,
            standings={name: m for name, m in standings.items() if name not in memberships},
            roots=roots,
            soft=soft,
            tenant_keys=keys,
            claims=claims,
            owned=self._owned(roots, soft, keys),
            callers=frozenset(c for c in self.found.compared if (c.ref.block, c.ref.alias) in asked),
            operators=frozenset(
                comparison
                for comparison in self.found.compared
                if (how := asked.get((comparison.ref.block, comparison.ref.alias))) and not how.tenants
            ),
        )

    def _columns(self, table: str) -> Mapping[str, object]:
        return self.tables[table].by_name if table in self.tables else {}

    def _user_columns(self) -> frozenset[Place]:
        """Find the columns with the id of a user: by keys, by policies, by name."""
        users = {Place(USERS, "id")}
        users |= {ref.place for ref, claim in self.found.tied if claim == USER and self._is_id(ref.place)}
        grown = True
        while grown:
            new = {
                Place(table.name, column)
                for table in self.tables.values()
                for reference in table.references
                for column, target in zip(reference.columns, reference.target_columns, strict=True)
                if Place(reference.target, target) in users
            }
            grown = bool(new - users)
            users |= new
        keyed = {Place(t.name, c) for t in self.tables.values() for r in t.references for c in r.columns}
        named = USUAL_USER_COLUMNS & ({place.name for place in users} | {"user_id"})
        users |= {
            Place(table.name, column.name)
            for table in self.tables.values()
            for column in table.columns
            if column.name in named and column.type.base == "uuid"
            if Place(table.name, column.name) not in keyed and table.name in self.schema.project
        }
        return frozenset(users - {Place(USERS, "id")})

    def _is_id(self, place: Place) -> bool:
        column = self.tables[place.owner].by_name.get(place.name) if place.owner in self.tables else None
        kind = column.type.element or column.type if column else None
        return bool(kind and kind.base in {"uuid", "text", "varchar"})

    def _asked(self) -> Iterator[tuple[Alias, Membership]]:
        """Find the mentions of tables that policies of other tables look up by the caller."""
        askers = self._askers()
        tied: dict[Alias, set[str]] = defaultdict(set)
        of_caller = self._of_caller()
        for ref in of_caller:
            tied[ref.block, ref.alias].add(ref.place.name)
        entries = self._entries(frozenset(tied))
        tables = {(ref.block, ref.alias): ref.place.owner for ref in of_caller}
        for alias, columns in tied.items():
            block, table = self.found.blocks[alias[0]], self.tables[tables[alias]]
            if block.outer or block.negated or not askers[block.source] - {table.name}:
                continue
            user = min(columns)
            direct, selected = entries.get(alias, ((), ()))
            own = self._own_key(table)
            if own and own in direct and own not in columns:
                continue  # a row that its child looks up, not a membership
            tenants = self._tenants(table, direct) or self._tenants(table, selected)
            yield alias, Membership(table.name, user, tenants)

    def _of_caller(self) -> tuple[Ref, ...]:
        """Give the mentions of columns that must hold the caller's id: compared with it, or joined."""
        found = [ref for ref, claim in self.found.tied if claim == USER and ref.place in self.users]
        joined = [
            right
            for one, other in self.found.links
            for left, right in ((one, other), (other, one))
            if left in found
            and left.block == right.block
            and right.place in self.users - {Place(USERS, "id")}
        ]
        return tuple(dict.fromkeys((*found, *joined)))

    def _askers(self) -> Mapping[str, frozenset[str]]:
        """Give, for each table, view or function that is read, the tables whose policies lead there."""
        askers: dict[str, set[str]] = defaultdict(set)
        for name in self.schema.relations:
            askers[name].add(name)
            for function in self.found.callees(name):
                askers[function].add(name)
        return defaultdict(frozenset, {name: frozenset(found) for name, found in askers.items()})

    def _own_key(self, table: Table) -> str | None:
        key = table.primary_key
        return key[0] if len(key) == 1 else None

    def _entries(self, wanted: frozenset[Alias]) -> dict[Alias, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Give the columns by which a mention is reached from outside its query: compared, selected."""
        within: dict[int, list[tuple[Ref, Ref]]] = defaultdict(list)
        outside: dict[int, list[tuple[Ref, bool]]] = defaultdict(list)
        for left, right in self.found.links:
            if left.block == right.block and left.block:
                within[left.block] += [(left, right), (right, left)]
                continue
            for ref, other in ((left, right), (right, left)):
                deeper = ref.block and self.found.blocks[other.block].within(ref.block)
                if ref.block and not (deeper and other.block):
                    outside[ref.block].append((ref, (other, ref) in self.found.given))
        return {
            alias: (
                _reached(alias, within[alias[0]], [ref for ref, output in outside[alias[0]] if not output]),
                _reached(alias, within[alias[0]], [ref for ref, output in outside[alias[0]] if output]),
            )
            for alias in wanted
        }

    def _tenants(self, table: Table, columns: Iterable[str]) -> tuple[str, ...]:
        """Keep the columns that name a row of another table, or at least stand in another table too."""
        places = [Place(table.name, c) for c in columns if Place(table.name, c) not in self.users]
        places = [p for p in places if p.name != self._own_key(table) and p.name in table.by_name]
        places = [p for p in places if not LOOKUP.search(p.name)]
        keyed = [place for place in places if place in self.references]
        shared = [p for p in places if any(q.owner != p.owner for q in self.classes.get(p, ()))]
        shared = [p for p in shared if table.by_name[p.name].type.base in IDS]
        return tuple(dict.fromkeys(place.name for place in keyed or shared))

    def _claims(self) -> dict[str, Place]:
        claims = {
            claim: ref.place
            for ref, claim in self.found.tied
            if claim not in STANDARD_CLAIMS and ref.place.name in self._columns(ref.place.owner)
        }
        for claim, text in self.declared.items():
            table, _, column = text.rpartition(".")
            claims[claim] = Place(table, column)
        return claims

    def _by_form(self, owned: frozenset[str]) -> Iterator[Membership]:
        """Find tables that no policy asks and that look like memberships all the same.

        Where policies are off, let everyone in, or read what triggers make of a membership, nothing else
        shows whose the rows are.
        """
        for table in self.tables.values():
            users = [c for c in table.by_name if Place(table.name, c) in self.users]
            for reference in table.references if users else ():
                strange = reference.target not in owned and reference.target in self.schema.project
                if strange and users[0] not in reference.columns and ties(table, users[0], reference):
                    yield Membership(table.name, users[0], reference.columns)

    def _tenancy(
        self, memberships: Mapping[str, Membership], claims: Mapping[str, Place]
    ) -> tuple[dict[Place, Place], dict[Place, Place], frozenset[str]]:
        """Find what tenant columns point to, and which columns do the same without a foreign key."""
        soft, keys, roots = self._soft(), {}, set()
        tenants = [Place(m.table, column) for m in memberships.values() for column in m.tenants]
        for place in (*tenants, *claims.values()):
            target = self._target(place, soft)
            if target:
                roots.add(target.owner)
                soft.update((p, target) for p in self._namesakes(place, target))
                continue
            group = [p for p in self.classes.get(place, (place,)) if p.owner in self.tables]
            keys.update(dict.fromkeys([*group, *self._namesakes(place, None)], min(group, default=place)))
        return soft, keys, frozenset(roots)

    def _target(self, place: Place, soft: Mapping[Place, Place]) -> Place | None:
        if place in self.references:
            return self.references[place]
        if self._own_key(self.tables[place.owner]) == place.name and place not in self.users:
            return place
        return soft.get(place)

    def _soft(self) -> dict[Place, Place]:
        """Find columns that policies compare with another table's primary key, without a foreign key."""
        soft: dict[Place, Place] = {}
        for place, group in self.classes.items():
            keys = [
                p for p in group if p.owner in self.tables and self._own_key(self.tables[p.owner]) == p.name
            ]
            keys = [key for key in keys if key not in self.references and key not in self.users]
            if not keys or place in self.references or place in self.users or place in keys:
                continue
            fitting = [k for k in keys if k.owner != place.owner and self._can_hold(place, k)]
            if fitting:
                soft[place] = fitting[0]
        return soft

    def _can_hold(self, place: Place, key: Place) -> bool:
        """Tell whether a column can have a key's values: functions compare what is not the same, too."""
        column = self.tables[place.owner].by_name.get(place.name) if place.owner in self.tables else None
        kind = column.type.element or column.type if column else None
        same = kind and kind.base == self.tables[key.owner].by_name[key.name].type.base
        return bool(same or (kind and kind.base in {"text", "varchar"}))

    def _namesakes(self, place: Place, target: Place | None) -> Iterator[Place]:
        """Find columns of the same name and type that nothing else is known of: no key, no policy."""
        kind = self.tables[place.owner].by_name[place.name].type.base
        for table in self.tables.values():
            column = table.by_name.get(place.name)
            other = Place(table.name, place.name)
            known = (
                other in self.references or other == target or other in self.users or other in self.classes
            )
            if column and column.type.base == kind and not known and self._own_key(table) != place.name:
                yield other

    def _owned(
        self, roots: frozenset[str], soft: Mapping[Place, Place], keys: Mapping[Place, Place]
    ) -> frozenset[str]:
        owned = {OBJECTS, *roots, *(p.owner for p in self.users), *(p.owner for p in keys)}
        owned |= {ref.place.owner for ref, claim in self.found.tied if claim == EMAIL}
        alone = {table.name for table in self.tables.values() if has_one_row(table)}
        owned -= alone
        parents = [(place.owner, target.owner) for place, target in (*self.references.items(), *soft.items())]
        grown = True
        while grown:
            new = {child for child, parent in parents if parent in owned} - owned - alone
            grown = bool(new)
            owned |= new
        return frozenset(owned & ({OBJECTS} | set(self.schema.project)) & set(self.tables))


def _reached(alias: Alias, within: Iterable[tuple[Ref, Ref]], entries: Iterable[Ref]) -> tuple[str, ...]:
    """Follow equalities from where a query is entered to one of its tables; gives that table's columns."""
    pairs = [(a, b) for a, b in within if a.alias != b.alias]
    columns = [ref.place.name for ref in entries if ref.alias == alias[1]]
    seen = {ref.alias for ref in entries}
    while not columns and seen:
        reached = [(a, b) for a, b in pairs if a.alias in seen and b.alias not in seen]
        columns = [b.place.name for _, b in reached if b.alias == alias[1]]
        new = {b.alias for _, b in reached}
        if not new:
            break
        seen |= new
    return tuple(dict.fromkeys(columns))


def _merged(memberships: Iterable[Membership]) -> dict[str, Membership]:
    found: dict[str, Membership] = {}
    for membership in memberships:
        known = found.get(membership.table)
        tenants = dict.fromkeys((*(known.tenants if known else ()), *membership.tenants))
        found[membership.table] = Membership(membership.table, membership.user, tuple(tenants))
    return found


def _by_table(places: Iterable[Place]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for place in sorted(places):
        found[place.owner][place.name] = None
    return {table: tuple(columns) for table, columns in found.items()}


def key_of(reference: Reference) -> tuple[tuple[str, str], ...]:
    """Give the pairs of columns of a foreign key."""
    return tuple(zip(reference.columns, reference.target_columns, strict=True))
