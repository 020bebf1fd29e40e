"""Dependence goes one way, and the house keeps the shape that CONTRIBUTING.md describes."""

from __future__ import annotations

import ast
import re

ENGINE_KNOWS_NOTHING_OF = {"supabase", "playwright", "locust", "testcontainers", "psycopg", "pglast"}
HEAVY = {"supabase", "playwright", "locust", "testcontainers"}
ENGINE = {
    "barrier",
    "catalogue",
    "cli",
    "ledger",
    "plan",
    "plugin",
    "recording",
    "run",
    "scheduling",
    "verdict",
    "waivers",
}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:work|farm)/|/tmp/(?:dev|bash_jobs)|(?<![\w.])/root/|(?<![\w.])/(?:home|Users)/[a-z]\w*/"
    r"|registry\.npmjs|pypi\.org/simple|deb\.debian\.org"
)
READS_THE_ENVIRONMENT = re.compile(
    r"shipworthy/(target/loader|run|setup/\w+)\.py"
    r"|fixtures/reference/(__main__|services/[\w/]+)\.py"
    r"|tests/.*|bench/.*|load/.*"
)


def named(sources, *folders, beside=()):
    """Give the sources below some folders, without those below the folders named ``beside``."""
    return [
        source for source in sources if source.name.startswith(folders) and not source.name.startswith(beside)
    ]


def imports_of(sources, forbidden):
    return [
        f"{source.name}:{line} imports {module}"
        for source in sources
        for module, line, _ in source.imports()
        if forbidden(module)
    ]


def below(*packages):
    return lambda module: any(module == name or module.startswith(f"{name}.") for name in packages)


def test_the_gate_imports_neither_its_suites_nor_their_fixtures(sources):
    gate = named(sources, "shipworthy/")

    assert gate
    assert not imports_of(gate, below("suites", "fixtures", "load", "tests", "bench"))


def test_the_engine_knows_nothing_of_supabase_browsers_or_databases(sources):
    engine = named(sources, "shipworthy/", beside="shipworthy/probes/")

    assert engine
    assert not imports_of(engine, below(*ENGINE_KNOWS_NOTHING_OF))


def test_probes_know_neither_the_engine_nor_pytest(sources):
    probes = named(sources, "shipworthy/probes/")

    assert probes
    assert not imports_of(probes, below("pytest", *(f"shipworthy.{name}" for name in ENGINE)))


def test_fixtures_import_no_suite_and_not_the_engine(sources):
    fixtures = named(sources, "fixtures/")

    assert fixtures
    assert not imports_of(fixtures, below("suites", "tests", *(f"shipworthy.{name}" for name in ENGINE)))


def test_suites_know_only_fixtures_and_facts(sources):
    suites = named(sources, "suites/")
    inside = below("shipworthy.evidence", "shipworthy.target", *(f"shipworthy.{name}" for name in ENGINE))

    assert suites
    assert not imports_of(suites, lambda module: inside(module) or below("suites", "tests", "load")(module))


def test_neither_suites_nor_fixtures_know_that_the_deployment_is_the_reference(sources):
    users = named(sources, "suites/", "fixtures/", beside="fixtures/reference/")

    assert users
    assert not imports_of(users, below("fixtures.reference"))


def test_a_stage_that_does_not_run_costs_no_import(sources):
    loaded = named(
        sources, "suites/", "fixtures/", "shipworthy/", "conftest.py", beside="fixtures/reference/"
    )

    assert not [
        f"{source.name}:{line} imports {module} when it is loaded"
        for source in loaded
        for module, line, at_once in source.imports()
        if at_once and module.partition(".")[0] in HEAVY
    ]


def test_the_environment_is_read_where_the_target_is_loaded_and_services_begin(sources):
    assert not [
        f"{source.name}:{node.lineno} {ast.unparse(node)}"
        for source in sources
        if not READS_THE_ENVIRONMENT.fullmatch(source.name)
        for node in ast.walk(source.tree)
        if reads_a_variable(node)
    ]


def reads_a_variable(node):
    """Tell ``os.environ["NAME"]`` from handing the whole environment to a child or setting a name in it."""
    match node:
        case ast.Attribute(attr="getenv"):
            return True
        case ast.Subscript(value=ast.Attribute(attr="environ"), ctx=ast.Load()):
            return True
        case ast.Attribute(value=ast.Attribute(attr="environ"), attr="get" | "items" | "copy"):
            return True
    return False


def test_no_module_is_two_modules(sources):
    lengths = {source.name: len(source.path.read_text(encoding="utf-8").splitlines()) for source in sources}

    assert not {name: length for name, length in lengths.items() if length > LONGEST_MODULE}


def test_no_function_needs_a_map(sources):
    assert not [
        f"{source.name}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]


def test_every_module_is_named_for_what_it_holds(sources):
    assert not [source.name for source in sources if source.path.stem in NAMES_THAT_SAY_NOTHING]


def test_no_file_names_the_machine_it_was_written_on(files, house):
    told = {
        str(file.relative_to(house)): match[0]
        for file in files
        if file != house / "tests/house/test_architecture.py"
        and (text := _text(file)) is not None
        and (match := MACHINE_PATHS.search(text))
    }

    assert not told


def _text(file):
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
