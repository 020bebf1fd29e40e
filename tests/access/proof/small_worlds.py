"""Two worlds of a small schema, put together by hand: what is known about every row stands in its values."""

from __future__ import annotations

from uuid import UUID

from shipworthy.probes.postgres.access.model import A, B, People, Row, Variant, Worlds
from shipworthy.probes.postgres.access.schema import read_schema
from shipworthy.probes.postgres.personas import ANONYMOUS, SERVICE, Persona, member

ORG_A, ORG_B = (f"00000000-0000-4000-8000-0000000000{n}" for n in ("aa", "bb"))
ANN, ADA, BEN, BEA, BOTH, FORMER, STRANGER, GUEST = (
    f"00000000-0000-4000-8000-0000000000{n}" for n in ("a1", "a2", "b1", "b2", "c1", "d1", "e1", "e2")
)
WORLD = {ORG_A: A, ANN: A, ADA: A, FORMER: A, ORG_B: B, BEN: B, BEA: B}
PERSONS = (ANN, ADA, BEN, BEA, BOTH, FORMER, STRANGER, GUEST)

PEOPLE = People(
    anon=ANONYMOUS,
    anonymous=Persona("anonymous", "authenticated", UUID(GUEST), is_anonymous=True),
    stranger=member("stranger", UUID(STRANGER)),
    member=member("member", UUID(ANN)),
    admin=member("admin", UUID(ADA)),
    both=member("both", UUID(BOTH)),
    former=member("former", UUID(FORMER)),
    service=SERVICE,
)

ORGANIZATIONS = f"""
create table public.organizations (id uuid primary key, name text not null);
create table public.members (
  org_id uuid references public.organizations, user_id uuid references auth.users, role text default 'member',
  primary key (org_id, user_id), check (role in ('member', 'owner'))
);
create schema private;
grant usage on schema private to anon, authenticated, service_role;
create function private.is_member(org uuid) returns boolean language sql stable security definer
set search_path = '' as
'select exists (select from public.members m where m.org_id = org and m.user_id = (select auth.uid()))';
alter table public.organizations enable row level security;
alter table public.members enable row level security;
create policy sees on public.organizations for select to authenticated using (private.is_member(id));
create policy sees on public.members for select to authenticated using (private.is_member(org_id));
insert into auth.users (id, email) select u::uuid, u || '@x.example' from unnest(array{list(PERSONS)}) u;
insert into public.organizations values ('{ORG_A}', 'name-A'), ('{ORG_B}', 'name-B');
insert into public.members values
  ('{ORG_A}', '{ANN}', 'member'), ('{ORG_A}', '{ADA}', 'owner'), ('{ORG_A}', '{BOTH}', 'member'),
  ('{ORG_B}', '{BEN}', 'member'), ('{ORG_B}', '{BEA}', 'owner'), ('{ORG_B}', '{BOTH}', 'member');
"""
NOTES = f"""
create table public.notes (
  id uuid primary key default gen_random_uuid(), org_id uuid not null references public.organizations,
  title text not null, is_public boolean not null default false
);
alter table public.notes enable row level security;
create policy sees on public.notes for select to authenticated using (private.is_member(org_id));
create policy adds on public.notes for insert to authenticated with check (private.is_member(org_id));
create policy changes on public.notes for update to authenticated using (private.is_member(org_id));
create policy removes on public.notes for delete to authenticated using (private.is_member(org_id));
insert into public.notes (org_id, title, is_public) values
  ('{ORG_A}', 'note-A1', false), ('{ORG_A}', 'note-A2', true),
  ('{ORG_B}', 'note-B1', false), ('{ORG_B}', 'note-B2', true);
"""


def read_worlds(connection, *, flags=("is_public",)):
    """Read every row of the project as one of the two worlds, by the ids that stand in it."""
    schema = read_schema(connection, ["public"])
    tables = [table for table in schema.project.values() if not table.partition_key]
    tables += [schema.tables["storage.objects"]]
    known = dict(WORLD)
    for _ in tables:  # a row that names another is of its world
        rows = [row for table in tables for row in _rows(connection, table, flags, known)]
        known |= {
            row.values["id"]: row.world for row in rows if row.world and len(row.values.get("id", "")) == 36
        }
    owned = frozenset(row.table for row in rows if row.world)
    worlds = Worlds(
        PEOPLE, tuple(rows), owned, frozenset({"public.members"}), frozenset({"public.organizations"})
    )
    return schema, worlds


def _rows(connection, table, flags, known):
    columns = ", ".join(f"{c.name}::text" for c in table.columns) or "null"
    query = f"select tableoid::text || ctid::text, {columns} from only {table.name}"
    for key, *texts in connection.execute(query).fetchall():
        row = dict(zip((c.name for c in table.columns), texts, strict=True))
        world = next((known[text] for text in texts if text in known), "")
        person = next((text for text in texts if text in PERSONS), None)
        variants = tuple(Variant(c, row[c]) for c in flags if c in row)
        token = next((text for text in texts if text and text.startswith(("note-", "name-"))), "")
        yield Row(table.name, key, world, person, variants, row, token)
