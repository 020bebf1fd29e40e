"""How the tests read a report: as a browser, as a CI system; and a picture to put into one."""

from __future__ import annotations

import re
import struct
import zlib
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

REFERRING = {"src", "href", "action", "srcset", "data"}


class Page(HTMLParser):
    """The text of a page, its scripts, and everything that it refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.scripts, self.references, self.headings, self._inside = "", [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        self.references += [
            value for name, value in attrs if name in {"src", "href", "action", "srcset", "data"}
        ]
        if tag == "script":
            self.scripts.append(dict(attrs))

    def handle_data(self, data):
        if self._inside not in {"style", "script"}:
            self.text += data
        if re.fullmatch("h[1-6]", self._inside):
            self.headings.append(self._inside)

    def handle_endtag(self, _tag):
        self._inside = ""


def page_of(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def red(folder):
    """What a CI system counts as red in the JUnit file."""
    root = ET.fromstring((folder / "junit.xml").read_text(encoding="utf-8"))
    return [
        case.get("name")
        for case in root.iter("testcase")
        if {child.tag for child in case} & {"failure", "error"}
    ]


def png(width=2, height=2, padding=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x20\x80\x40" * width for _ in range(height)))
    filling = chunk(b"teSt", b"\0" * padding)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + filling + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
