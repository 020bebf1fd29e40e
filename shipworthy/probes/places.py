"""Where addresses, DSNs and keys lead: to which host, and to which Supabase project."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shipworthy.probes.jwt import read_key

PROJECT_HOST = re.compile(r"^(?:db\.)?([a-z0-9]+)\.(?:functions\.)?supabase\.(?:co|in|red)$")
POOLER_HOST = re.compile(r"\.pooler\.supabase\.(?:com|co)$")


@dataclass(frozen=True, slots=True)
class Place:
    """What one value of a target points to."""

    key: str
    """Where the value stands: ``gateway.url``."""
    host: str | None = None
    ref: str | None = None
    """The Supabase project, where the value names one."""

    @property
    def loopback(self) -> bool:
        """The host is this machine."""
        if self.host in {None, ""}:
            return False
        if self.host == "localhost" or str(self.host).endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(str(self.host)).is_loopback
        except ValueError:
            return False

    def belongs_to(self, name: str) -> bool:
        """Tell whether this is the host or the project ``name``, or a host below it."""
        return name in {self.host, self.ref} or bool(self.host and self.host.endswith(f".{name}"))


def place_of(key: str, address: str) -> Place:
    """Read host and project from a web address or a DSN."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return Place(key)
    named = PROJECT_HOST.match(host or "")
    ref = named[1] if named else None
    if host and POOLER_HOST.search(host) and parts.username and "." in parts.username:
        ref = parts.username.partition(".")[2]
    return Place(key, host, ref)


def place_of_key(key: str, api_key: str) -> Place:
    """Read the project from an API key's claims."""
    return Place(key, ref=read_key(api_key).ref)
