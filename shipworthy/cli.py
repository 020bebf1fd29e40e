"""The ``shipworthy`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from shipworthy import __version__, access_command, commands, judge_command
from shipworthy.errors import RunError

EXIT_CODES = "exit codes: 0 GO, 1 NO-GO, 2 the gate could not run (bad target file, bad usage)"
DESCRIPTION = """\
Decides whether one version of a Supabase-first system may ship.

  shipworthy demo                      see it work: a GO, then a planted fault and its NO-GO
  shipworthy run staging               judge targets/staging.toml, stage by stage
  shipworthy run --project supabase    judge what a project folder alone can show
  shipworthy access supabase           who reaches what in a project, and the contract about it
  shipworthy explain CHECK             what a check claims, why, and how to fix or waive it
  shipworthy verify staging            in the deploy job: is the evidence whole, and is it GO?
  shipworthy judge staging             what its latest run would be under other limits, without running again
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except RunError as error:
        print(f"shipworthy: {error}", file=sys.stderr)  # noqa: T201  the command's own voice
        return 2
    except KeyboardInterrupt:
        print("\nshipworthy: interrupted", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "shipworthy",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"shipworthy {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _judging(verbs)
    _reading(verbs)
    _measuring(verbs)
    _deploying(verbs)
    return parser


Verbs = argparse._SubParsersAction  # noqa: SLF001  argparse has no public name for it


def _judging(verbs: Verbs[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="judge a target: GO or NO-GO, with evidence", epilog=EXIT_CODES)
    _target(run, or_project=True)
    _selection(run)
    run.add_argument("--failed", action="store_true", help="only the checks that blocked the last run")
    run.add_argument(
        "-n", "--workers", type=int, metavar="N", help="checks at once within a stage (default: by cores)"
    )
    run.add_argument(
        "--plant", action="append", default=[], metavar="FAULT",
        help="start the reference deployment with this planted fault (repeatable; `--plant list` names them)",
    )  # fmt: skip
    run.add_argument(
        "--load-profile", choices=("gate", "nightly", "soak"), help="instead of the target's own load profile"
    )
    run.set_defaults(command=commands.run)

    demo = verbs.add_parser(
        "demo", help="the reference deployment to GO, then one planted fault and the NO-GO that it earns"
    )
    demo.add_argument("--reports", default="reports", metavar="DIR", help=argparse.SUPPRESS)
    demo.set_defaults(command=commands.demo)

    verify = verbs.add_parser(
        "verify",
        help="check a run's evidence and derive its verdict again",
        description="Exit 0 only if the evidence is whole, the verdict is GO and the run was not limited.",
    )
    verify.add_argument(
        "run", metavar="RUN", help="a run's folder, its id, or a target's name (its latest run)"
    )
    verify.add_argument("--revision", metavar="COMMIT", help="the commit that is to be shipped")
    verify.add_argument("--target", metavar="NAME", help="the target whose evidence is asked for")
    verify.add_argument("--reports", default="reports", metavar="DIR", help="where runs are kept")
    verify.set_defaults(command=commands.verify)
    _rejudging(verbs)


def _rejudging(verbs: Verbs[argparse.ArgumentParser]) -> None:
    judge = verbs.add_parser(
        "judge",
        help="judge what a run measured again, with other limits; measures nothing, changes nothing",
        description=judge_command.DESCRIPTION,
        epilog=judge_command.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    judge.add_argument(
        "run", metavar="RUN", help="a run's folder, its id, or a target's name (its latest run)"
    )
    judge.add_argument(
        "--target", metavar="TARGET", help="whose limits, where not those of the run's own target"
    )
    judge.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="a limit in place of the file's, as in inference.instant.ttft_p95_ms=300 (repeatable)",
    )  # fmt: skip
    judge.add_argument(
        "--check", action="append", default=[], metavar="ID", help="only this check (repeatable)"
    )
    judge.add_argument("--env-file", metavar="FILE", help="variables of the target, where a limit is one")
    judge.add_argument("--reports", default="reports", metavar="DIR", help="where runs are kept")
    judge.set_defaults(command=judge_command.judge)


def _reading(verbs: Verbs[argparse.ArgumentParser]) -> None:
    plan = verbs.add_parser("plan", help="what a run would owe, and what does not apply")
    _target(plan, or_project=True)
    _selection(plan)
    plan.set_defaults(command=commands.plan)

    checks = verbs.add_parser("checks", help="the catalogue: every check and its claim")
    checks.add_argument("--stage", action="append", default=[], metavar="STAGE", help="only this stage")
    checks.set_defaults(command=commands.checks)

    explain = verbs.add_parser("explain", help="a check's claim, reason, fix, and the TOML that waives it")
    explain.add_argument("check", metavar="CHECK", help="its id, as `shipworthy checks` prints it")
    explain.set_defaults(command=commands.explain)


def _measuring(verbs: Verbs[argparse.ArgumentParser]) -> None:
    access = verbs.add_parser(
        "access",
        help="who reaches what in a project; drafts and compares its access contract",
        description=access_command.DESCRIPTION,
        epilog=access_command.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    access.add_argument(
        "target", metavar="PROJECT", help="a project folder (the one with migrations/), or a target"
    )
    access.add_argument("--write", action="store_true", help="write access.toml as it was measured")
    access.add_argument(
        "--scratch", metavar="KIND", help="container, embedded, or the DSN of a disposable server"
    )
    access.add_argument("--image", metavar="IMAGE", help="Postgres image for the container")
    access.set_defaults(command=access_command.access)


def _deploying(verbs: Verbs[argparse.ArgumentParser]) -> None:
    up = verbs.add_parser("up", help="start the reference deployment and leave it running")
    up.add_argument("--plant", action="append", default=[], metavar="FAULT", help="with this planted fault")
    up.set_defaults(command=commands.up)
    down = verbs.add_parser("down", help="stop the reference deployment")
    down.set_defaults(command=commands.down)
    setup = verbs.add_parser("setup", help="install what pip cannot: npm packages, Deno's cache, a browser")
    setup.set_defaults(command=commands.setup)
    sweep = verbs.add_parser(
        "sweep", help="remove what killed runs left behind: rows, users, containers, servers"
    )
    _target(sweep)
    sweep.set_defaults(command=commands.sweep)


def _target(parser: argparse.ArgumentParser, *, or_project: bool = False) -> None:
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?" if or_project else None,
        help="a target file, or the name of one in targets/",
    )
    if or_project:
        _project(parser)
    parser.add_argument(
        "--env-file", metavar="FILE", help="variables of the target, instead of its own env_file"
    )
    parser.add_argument("--reports", default="reports", metavar="DIR", help="where runs are kept")


def _project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project", metavar="FOLDER", help="a Supabase project's folder alone, instead of a TARGET"
    )
    parser.add_argument(
        "--scratch", metavar="SERVER",
        help="with --project: container, embedded, or the DSN of a disposable server (default: what is here)",
    )  # fmt: skip
    parser.add_argument("--image", metavar="NAME", help="with --project: the container's image")


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", action="append", default=[], metavar="STAGE", help="only this stage (repeatable)"
    )
    parser.add_argument(
        "--check", action="append", default=[], metavar="ID", help="only this check (repeatable)"
    )


if __name__ == "__main__":
    sys.exit(main())
