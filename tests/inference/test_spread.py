"""How an answer's arrival is compared with the time that making it takes."""

from __future__ import annotations

import pytest

from fixtures.reference.services.inference.app import make_app
from fixtures.reference.services.inference.changes import each_token
from fixtures.reference.services.inference.seam import Seam
from shipworthy.errors import ProbeError
from shipworthy.probes.inference import ChatEndpoint, measure_spread
from tests.inference.conftest import KEY, settings
from tests.serving import serving

FIRST_HELD_BACK = Seam(chunks=each_token(lambda number, chunk: [] if number == 1 else [chunk]))
ALL_HELD_BACK = Seam(chunks=each_token(lambda number, chunk: [] if number else [chunk]))


def spread_of(seam: Seam):
    with serving(make_app(settings(gap_ms=2), seam)) as url:
        return measure_spread(ChatEndpoint("inference.instant", f"{url}/v1", "instant-1", KEY), "Ships?")


def test_a_first_token_that_is_part_of_a_character_has_no_text_and_can_be_timed():
    assert spread_of(FIRST_HELD_BACK).comparable


def test_a_long_answer_without_text_cannot_be_timed():
    with pytest.raises(ProbeError, match="no text"):
        spread_of(ALL_HELD_BACK)
