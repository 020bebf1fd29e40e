"""What a run needs beside Python packages, found or fetched once: npm packages, Deno, a browser, the CLI."""

from __future__ import annotations

from collections.abc import Callable

from shipworthy.setup.browser import find_browser, set_up_browser
from shipworthy.setup.cache import cache_folder
from shipworthy.setup.deno import deno_cache, deno_program, set_up_deno
from shipworthy.setup.node import node_packages, node_program, node_script, set_up_node
from shipworthy.setup.supabase_cli import set_up_supabase_cli, supabase_command

__all__ = [
    "cache_folder",
    "deno_cache",
    "deno_program",
    "find_browser",
    "node_packages",
    "node_program",
    "node_script",
    "set_up",
    "supabase_command",
]

Say = Callable[[str], None]


def set_up(say: Say) -> bool:
    """Make this machine ready for the reference deployment and the UI stage; safe to repeat.

    Args:
        say: takes one line per step.

    Returns:
        Whether everything is there. Without a browser it is not; the UI stage is then unverified.

    Raises:
        ProbeError: Node packages or Deno cannot be had; nothing would start.

    """
    say(f"cache: {cache_folder()}")
    set_up_node(say)
    set_up_deno(say)
    set_up_supabase_cli(say)
    return set_up_browser(say)
