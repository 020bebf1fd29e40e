"""Migrations are applied as the Supabase CLI applies them, and a failure says where."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import read_stand_ins
from shipworthy.probes.postgres.migrate import MigrationError, apply_migrations, apply_seed, read_history
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import connect_scratch
from shipworthy.probes.postgres.statements import split_statements


def refused(connection, project) -> MigrationError:
    with pytest.raises(MigrationError) as caught:
        apply_migrations(connection, project)
    return caught.value


def exists(connection, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return row[0]


def test_a_syntax_error_names_file_and_line(empty, make_project):
    sql = "-- größer\ncreate table a (id int);\n\ncreate table b (\n  id int,\n  name txet text\n);\n"
    error = refused(empty, make_project(**{"migrations/20260101_broken.sql": sql}))
    assert (error.file, error.line, error.sqlstate) == ("20260101_broken.sql", 6, "42601")
    assert "syntax error" in error.message
    assert str(error).startswith("20260101_broken.sql:6: ")


def test_an_unfinished_string_names_file_and_line(empty, make_project):
    error = refused(empty, make_project(**{"migrations/1_broken.sql": "select 1;\nselect 'never ends;\n"}))
    assert (error.file, error.line, error.sqlstate) == ("1_broken.sql", 2, "42601")


def test_an_error_of_the_server_carries_its_statement_its_code_and_its_hint(empty, make_project):
    sql = "select 1;\n\n-- about the next\nselect\n  lenght('x');\n"
    error = refused(empty, make_project(**{"migrations/1_broken.sql": sql}))
    assert (error.line, error.sqlstate) == (5, "42883")
    assert error.statement.startswith("select\n")
    assert error.hint


def test_an_error_inside_a_block_names_the_line_of_the_block(empty, make_project):
    sql = "select 1;\n\ndo $$\nbegin\n  raise exception 'no';\nend\n$$;\n"
    error = refused(empty, make_project(**{"migrations/1_broken.sql": sql}))
    assert (error.line, error.sqlstate, error.message) == (3, "P0001", "no")


def test_a_failed_file_leaves_nothing_of_itself(empty, make_project):
    project = make_project(
        **{
            "migrations/1_good.sql": "create table good (id int)",
            "migrations/2_bad.sql": "create table half (id int); select 1 / 0",
            "migrations/3_never.sql": "create table never (id int)",
        }
    )
    error = refused(empty, project)
    assert error.file == "2_bad.sql"
    assert exists(empty, "public.good")
    assert not exists(empty, "public.half")
    assert not exists(empty, "public.never")
    assert [version for version, _, _ in read_history(empty)] == ["1"]


def test_what_cannot_run_in_a_transaction_runs_anyway(empty, make_project):
    project = make_project(
        **{
            "migrations/1_index.sql": "create table t (id int); create index concurrently t_id on t (id)",
            "migrations/2_own.sql": "begin;\ncreate table u (id int);\ncommit;",
        }
    )
    assert apply_migrations(empty, project) == ("1", "2")
    assert exists(empty, "public.t_id")
    assert exists(empty, "public.u")


def test_history_is_recorded_as_the_cli_records_it(empty, make_project):
    sql = "-- first\ncreate table a (id int);\nselect ';';\n"
    apply_migrations(empty, make_project(**{"migrations/20260101120000_make_a.sql": sql}))
    assert read_history(empty) == [
        ("20260101120000", "make_a", ["-- first\ncreate table a (id int)", "select ';'"])
    ]


def test_a_database_without_history_has_none(empty):
    assert read_history(empty) == []


def test_what_is_applied_is_not_applied_again(empty, make_project):
    project = make_project(**{"migrations/1_a.sql": "create table a (id int)"})
    assert apply_migrations(empty, project) == ("1",)
    assert apply_migrations(empty, project) == ()


def test_settings_of_one_file_do_not_reach_the_next(empty, make_project):
    project = make_project(
        **{
            "migrations/1_path.sql": "create schema elsewhere; set search_path = elsewhere",
            "migrations/2_table.sql": "create table here (id int)",
        }
    )
    apply_migrations(empty, project)
    assert exists(empty, "public.here")


def test_an_extension_is_taken_in_the_version_that_the_server_has(empty, make_project):
    sql = """
    create extension vector with schema extensions version '0.0.1';
    alter extension vector update to '0.0.2';
    create table t (v extensions.vector(3));
    """
    assert apply_migrations(empty, make_project(**{"migrations/1_a.sql": sql})) == ("1",)


def test_an_extension_that_the_server_lacks_is_stood_in_for(empty, make_project):
    sql = """
    create extension if not exists "pg_cron" with schema pg_catalog;
    comment on extension pg_cron is 'jobs';
    alter extension pg_cron update;
    select cron.schedule('job', '* * * * *', 'select 1');
    """
    apply_migrations(empty, make_project(**{"migrations/1_cron.sql": sql}))
    assert empty.execute("select jobname from cron.job").fetchone() == ("job",)
    assert "pg_cron" in read_stand_ins(empty)


def test_an_extension_that_a_block_asks_for_is_stood_in_for(empty, make_project):
    sql = """
    do $$ begin
      if not exists (select from pg_extension where extname = 'pg_cron') then
        create extension if not exists pg_cron with schema extensions;
        execute 'create extension if not exists moddatetime';
      end if;
    end $$;
    select cron.schedule('tidy', '0 3 * * *', 'select 1');
    """
    apply_migrations(empty, make_project(**{"migrations/1_jobs.sql": sql}))
    assert {"pg_cron", "moddatetime"} <= set(read_stand_ins(empty))


def test_what_only_the_platform_has_is_not_blamed_on_the_migration(empty, make_project):
    project = make_project(**{"migrations/1_gis.sql": "select 1;\n\ncreate extension postgis"})
    with pytest.raises(ProbeError, match=r"1_gis\.sql:3: .*lacks the extension postgis.*supabase/postgres"):
        apply_migrations(empty, project)


@pytest.fixture
def without_a_platform_role(empty):
    """Roles are the whole server's: a test of a restored backup may have made this one before."""
    there = empty.execute("select 1 from pg_roles where rolname = 'supabase_etl_admin'").fetchone()
    if there:
        empty.execute("alter role supabase_etl_admin rename to put_aside")
    yield
    if there:
        empty.execute("alter role put_aside rename to supabase_etl_admin")


@pytest.mark.usefixtures("without_a_platform_role")
@pytest.mark.parametrize(
    "sql",
    [
        "alter table auth.nowhere add x int",
        "select vault.no_such_function()",
        "alter role supabase_etl_admin set search_path = ''",
        "select extensions.uuid_generate_v5(gen_random_uuid(), 'a')",
        "create extension pg_net; select net.no_such_function()",
        "create view v as select from auth.refresh_tokens where user_id = 1",
    ],
)
def test_each_thing_of_the_platform_is_known_as_such(empty, make_project, sql):
    with pytest.raises(ProbeError, match="this scratch server lacks"):
        apply_migrations(empty, make_project(**{"migrations/1_a.sql": sql}))


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("create extension postgiss", "0A000"),
        ("select cron.schedule('* * * * *', 'select 1')", "3F000"),
        ("alter table public.nowhere add x int", "42P01"),
        ("grant select on auth.users to nobody_at_all", "42704"),
        ("select public.auth()", "42883"),
    ],
)
def test_what_is_missing_there_too_is_the_migrations_own_fault(empty, make_project, sql, sqlstate):
    assert refused(empty, make_project(**{"migrations/1_a.sql": sql})).sqlstate == sqlstate


def test_names_that_no_tool_applies_are_told_apart(make_project):
    project = make_project(
        **{
            "migrations/20260101_a.sql": "select 1",
            "migrations/later.sql": "select 1",
            "migrations/20260102_b.sql": "select 1",
            "migrations/README.md": "no migration",
        }
    )
    assert [(m.version, m.name) for m in project.migrations] == [("20260101", "a"), ("20260102", "b")]
    assert [file.name for file in project.ignored] == ["later.sql"]


def test_a_folder_without_migrations_is_no_project(tmp_path):
    with pytest.raises(ProbeError, match="no project at"):
        read_project(tmp_path / "nowhere")
    with pytest.raises(ProbeError, match="no file named"):
        read_project(tmp_path)


def test_seeds_are_those_that_the_configuration_names(make_project):
    files = {"migrations/1_a.sql": "select 1", "seed.sql": "select 1", "seeds/b.sql": "", "seeds/a.sql": ""}
    assert [seed.path.name for seed in make_project(**files).seeds] == ["seed.sql"]
    named = make_project(**files, **{"config.toml": '[db.seed]\nsql_paths = ["./seeds/*.sql"]'})
    assert [seed.path.name for seed in named.seeds] == ["a.sql", "b.sql"]
    assert make_project(**{"config.toml": "[db.seed]\nenabled = false"}).seeds == ()


def test_a_broken_configuration_is_named(make_project):
    with pytest.raises(ProbeError, match=r"config\.toml is not valid TOML"):
        make_project(**{"migrations/1_a.sql": "select 1", "config.toml": "[db"})


def test_a_seed_that_fails_names_its_line_and_leaves_nothing(empty, make_project):
    project = make_project(
        **{
            "migrations/1_a.sql": "create table a (id int primary key)",
            "seed.sql": "insert into a values (1);\ninsert into a values (1);\n",
        }
    )
    apply_migrations(empty, project)
    with pytest.raises(MigrationError, match=r"seed\.sql:2: duplicate key") as caught:
        apply_seed(empty, project)
    assert "already exists" in caught.value.detail
    assert empty.execute("select from a").fetchall() == []


def test_a_lost_connection_is_not_blamed_on_the_migration(empty, make_project):
    project = make_project(**{"migrations/1_a.sql": "select pg_terminate_backend(pg_backend_pid())"})
    with pytest.raises(ProbeError, match=r"the server went away during 1_a\.sql"):
        apply_migrations(empty, project)


def test_statements_keep_their_text_and_their_lines():
    function = "/* x */ create function f() returns int language sql as $$\nselect 1; $$"
    sql = f"-- ä\nselect 'ü';\n\n{function};\n;;\nselect 3"
    assert [(s.line, s.sql.partition(" ")[0], s.sql[-1]) for s in split_statements(sql)] == [
        (2, "--", "'"),
        (4, "/*", "$"),
        (7, "select", "3"),
    ]


@pytest.mark.parametrize("sql", ["", "-- nothing yet\n", " ;; \n", "/* nor /* here */ */"])
def test_a_file_without_a_statement_is_applied_and_recorded(empty, make_project, sql):
    assert apply_migrations(empty, make_project(**{"migrations/1_a.sql": sql})) == ("1",)


ROLES = """
create role {0} nologin;
do $$ begin
  if not exists (select from pg_roles where rolname = '{0}_two') then create role {0}_two; end if;
end $$;
grant {0} to {0}_two;
alter role {0}_two set statement_timeout = '1s';
"""


def test_rehearsals_of_one_project_share_its_roles(scratch, make_project):
    """Roles belong to the server: each clone is migrated on the same one, also at once."""
    role = f"app_{scratch.run}"
    files = {
        "roles.sql": ROLES.format(role),
        "migrations/1_a.sql": f"create table a (); grant all on a to {role}",
    }
    project = make_project(**files)
    dsns = [scratch.clone(scratch.platform()) for _ in range(4)]

    def rehearse(dsn: str) -> tuple[str, ...]:
        with connect_scratch(dsn) as connection:
            return apply_migrations(connection, project)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rehearse, dsns)) == [("1",)] * 4
    for dsn in dsns:
        scratch.drop(dsn)
    with connect_scratch(scratch.admin) as connection:
        connection.execute(f"drop role {role}, {role}_two")


def test_a_role_that_is_made_twice_is_an_error(empty, make_project, scratch):
    role = f"twice_{scratch.run}"
    project = make_project(
        **{"migrations/1_a.sql": f"create role {role}", "migrations/2_b.sql": f"create role {role}"}
    )
    error = refused(empty, project)
    assert (error.file, error.sqlstate) == ("2_b.sql", "42710")
    assert [version for version, _, _ in read_history(empty)] == ["1"]
    empty.execute(f"drop role {role}")


def test_what_is_deferred_to_the_end_of_a_file_fails_with_its_last_line(empty, make_project):
    deferred = "create table t (id int primary key, of int references t deferrable initially deferred)"
    project = make_project(
        **{
            "migrations/1_a.sql": deferred,
            "migrations/2_b.sql": "insert into t values (1, 2);\nselect 1;\n",
            "seed.sql": "insert into t values (3, 4);\n\n-- done\nselect 1;\n",
        }
    )
    error = refused(empty, project)
    assert (error.file, error.line, error.sqlstate) == ("2_b.sql", 2, "23503")
    with pytest.raises(MigrationError, match=r"seed\.sql:4: .*foreign key"):
        apply_seed(empty, project)
    assert empty.execute("select from t").fetchall() == []


def test_a_seed_that_only_the_platform_can_load_is_not_blamed(empty, make_project):
    project = make_project(
        **{"migrations/1_a.sql": "", "seed.sql": "select 1;\nselect uuid_generate_v5(uuid_ns_dns(), 'a');\n"}
    )
    apply_migrations(empty, project)
    with pytest.raises(ProbeError, match=r"seed\.sql:2: this scratch server lacks uuid-ossp's"):
        apply_seed(empty, project)
    assert empty.execute("select 1").fetchone() == (1,)


def test_a_transaction_that_a_file_leaves_open_is_undone(empty, make_project):
    project = make_project(**{"migrations/1_a.sql": "begin;\ncreate table half (i int);\nselect 1 / 0;"})
    assert refused(empty, project).line == 3
    assert not exists(empty, "public.half")


def test_a_transaction_that_a_file_never_ends_is_refused(empty, make_project):
    error = refused(empty, make_project(**{"migrations/1_a.sql": "begin;\ncreate table half (i int);\n"}))
    assert (error.line, error.sqlstate) == (2, "25001")
    assert not exists(empty, "public.half")
