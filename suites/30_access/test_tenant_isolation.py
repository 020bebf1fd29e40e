"""Whether members of one tenant are kept from the rows of another, table by table, by trying.

Tables that the target does not declare public, shared or the service's are held to be a tenant's.
"""

from shipworthy import needs


@needs("database", "tenancy")
def test_members_see_their_own_rows(access_matrix, tenant_tables, findings, evidence):
    """Each of the two members sees at least one row of every tenant table.

    Why: where a member sees nothing, "sees nothing of others" proves nothing; and the member cannot work.
    Fix: seed a row for both tenants, or correct the table's SELECT policy or grant.
    """
    evidence.text("access-matrix.csv", access_matrix.as_csv())
    for table in findings.over(tenant_tables, "tenant tables"):
        for persona in access_matrix.members:
            if not access_matrix.rows(persona, table):
                refused = access_matrix.sights[persona.name, table.name].refused
                what = "may not read it" if refused else "sees no row of it"
                findings.add(
                    table.name,
                    saw=f"{persona.name} ({persona.user}) {what}",
                    want="a row of its own for each of the two members",
                    fix=f"seed a row of {table.name} for both tenants and let members select theirs; if no"
                    " user is to reach it, name it under tenancy.service_tables",
                )


@needs("database", "tenancy")
def test_members_see_no_row_of_another_tenant(access_matrix, tenant_tables, findings):
    """No row of a tenant table is visible to members of two tenants.

    Why: the Data API hands out whatever the policies let through.
    Fix: scope the table's SELECT policy to the caller's tenant, or declare it under `tenancy.shared_tables`.
    """
    first, second = access_matrix.members
    for table in findings.over(tenant_tables, "tenant tables"):
        both = access_matrix.rows(first, table) & access_matrix.rows(second, table)
        if both:
            findings.add(
                table.name,
                saw=f"{len(both)} rows are visible to members of two tenants: {first.user}, {second.user}",
                want="every row visible to members of one tenant only",
                fix=f"{_guard(table)}scope the SELECT policies of {table.name} to the caller's tenant; if its"
                " rows are for every user, name it under tenancy.shared_tables",
            )
    seen = sum(len(access_matrix.rows(p, t)) for p in (first, second) for t in tenant_tables)
    findings.looked_at(seen, "rows that members see")


@needs("database", "tenancy")
def test_members_change_no_row_of_another_tenant(access_matrix, tenancy, findings):
    """An update or delete by a member reaches no row but those that the member may see as its own.

    Why: a policy for SELECT does not protect from changes; each command has its own.
    Fix: give the UPDATE and DELETE policies a `using` clause that holds for the caller's tenant only.
    """
    first, second = access_matrix.members
    nobodys = {*tenancy.public_tables, *tenancy.shared_tables, *tenancy.service_tables}
    for table in findings.over(access_matrix.tables, "exposed tables"):
        reached = []
        for persona, other in ((first, second), (second, first)):
            own = access_matrix.rows(persona, table) - access_matrix.rows(other, table)
            for attempt in access_matrix.tried(persona, table):
                if attempt.command == "truncate" and attempt.allowed:
                    reached.append(f"truncate by {persona.name}: every row")
                elif attempt.command in {"update", "delete"} and table.name not in nobodys:
                    rows = len(attempt.rows - own)
                    reached += [f"{attempt.command} by {persona.name}: {rows} rows"] if rows else []
        if reached:
            findings.add(
                table.name,
                saw=f"rows of others were within reach: {'; '.join(reached)}",
                want="only rows of the caller's own tenant within reach",
                fix=f"{_guard(table)}scope the UPDATE and DELETE policies of {table.name} with using (…), and"
                f" revoke truncate on {table.name} from authenticated;",
            )
    control = sum(len(attempt.rows) for attempt in access_matrix.attempts if attempt.persona == "owner")
    findings.looked_at(control, "rows that the same statements reach as the owner")


@needs("database", "tenancy")
def test_members_write_nothing_into_another_tenant(access_matrix, tenant_tables, findings):
    """A member can neither insert a copy of another tenant's row nor move own rows into that tenant.

    Why: without `with check`, a member plants rows in a foreign tenant, or makes itself its member.
    Fix: give the INSERT and UPDATE policies a `with check` that holds for the caller's tenant only.
    """
    for table in tenant_tables:
        landed = []
        for persona in access_matrix.members:
            tried = (attempt for attempt in access_matrix.tried(persona, table) if attempt.foreign)
            landed += [
                f"{attempt.command} by {persona.name} {attempt.case}: {attempt.saw}"
                for attempt in findings.over(tried, "attempts to write into the other tenant")
                if attempt.allowed and (attempt.whole or attempt.rows)
            ]
        if landed:
            findings.add(
                table.name,
                saw=f"policies let rows through into a foreign tenant: {'; '.join(landed)}",
                want="rows of the caller's own tenant only",
                fix=f"{_guard(table)}give the INSERT and UPDATE policies of {table.name} a with check (…) on"
                " the caller's tenant",
            )


@needs("database", "tenancy")
def test_members_only_read_shared_tables(access_matrix, tenancy, findings):
    """Tables of no tenant can be read by members where they are shared, and written by none.

    Why: one member could change what all tenants rely on: prices, flags, the released model.
    Fix: `revoke insert, update, delete on … from authenticated`.
    """
    shared = {*tenancy.shared_tables, *tenancy.public_tables}
    for table in findings.over(access_matrix.tables, "exposed tables"):
        if table.name not in shared | set(tenancy.service_tables):
            continue
        for persona in access_matrix.members:
            if table.name in shared and not access_matrix.rows(persona, table):
                findings.add(
                    table.name,
                    saw=f"{persona.name} sees no row of it",
                    want="every member reads a shared table",
                    fix=f"grant select on {table.name} to authenticated; and a policy for select",
                )
            if table.name in tenancy.service_tables and access_matrix.rows(persona, table):
                findings.add(
                    table.name,
                    saw=f"{persona.name} sees {len(access_matrix.rows(persona, table))} rows of it",
                    want="no user reaches a service table",
                    fix=f"revoke all on {table.name} from authenticated;",
                )
            for attempt in access_matrix.tried(persona, table):
                if attempt.allowed and attempt.command != "truncate":
                    findings.add(
                        table.name,
                        saw=f"{persona.name} may {attempt.command}: {attempt.saw}",
                        want="only the service writes it",
                        fix=f"revoke {attempt.privilege} on {table.name} from authenticated;",
                    )


def _guard(table):
    return "" if table.row_security else f"alter table {table.name} enable row level security; "
