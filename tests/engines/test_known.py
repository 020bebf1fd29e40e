"""What is known of a real engine is compared with what a run found, and its page is current."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from shipworthy.catalogue import read_catalogue
from shipworthy.house import HOUSE
from tests.engines.known import Deviation, Known, Seen, Unseen, compare, read_known, seen_in
from tests.engines.page import PAGE, page

SUBJECT = "inference.instant, streamed"
NO_DONE = Deviation(
    check="inference.stream.done_ends_the_stream",
    subjects=(SUBJECT,),
    shows='no [DONE]; the last event was \'*"usage"',
    bytes='data: {"usage": {}}',
    why="a stream ends with [DONE]",
)
NOT_SEEN = Unseen(check="inference.stream.usage_comes_last", says="reset by peer", why="it hangs up")
KNOWN = Known(versions={"engine": "1"}, offers=(), deviation=(NO_DONE,), unseen=(NOT_SEEN,))
PLACES = ((NO_DONE, SUBJECT), (NOT_SEEN, ""))
SAW_NO_DONE = 'no [DONE]; the last event was \'{"id": "7f", "usage": {}}\''


def record(check, outcome, *findings, message=""):
    found = [{"subject": subject, "saw": saw, "want": "w", "fix": "f"} for subject, saw in findings]
    return {"check": check, "outcome": outcome, "message": message, "findings": found}


def compared(*records):
    return compare(list(seen_in(records)), KNOWN)


def test_what_is_known_is_met_again_whatever_changes_between_runs():
    failed = record(NO_DONE.check, "failed", (SUBJECT, SAW_NO_DONE))
    unseen = record(NOT_SEEN.check, "unverified", message="[Errno 104] Connection reset by peer")

    comparison = compared(failed, unseen)

    assert comparison.new == ()
    assert comparison.met == PLACES
    assert comparison.gone == ()


@pytest.mark.parametrize(
    ("check", "subject", "saw"),
    [
        ("inference.stream.usage_comes_last", SUBJECT, SAW_NO_DONE),
        (NO_DONE.check, f"{SUBJECT} twice", SAW_NO_DONE),
        (NO_DONE.check, SUBJECT, "[DONE] as event 3, 4 of 4"),
    ],
    ids=["another check", "another subject", "something else seen"],
)
def test_a_finding_that_is_not_known_is_new(check, subject, saw):
    comparison = compared(record(check, "failed", (subject, saw)))

    assert [(one.check, one.subject, one.said) for one in comparison.new] == [(check, subject, saw)]
    assert comparison.gone == PLACES


@pytest.mark.parametrize("outcome", ["unverified", "error", "withheld", "failed"])
def test_a_check_that_could_not_look_is_no_silence(outcome):
    comparison = compared(record(NO_DONE.check, outcome, message="nothing was looked at"))

    assert [one.said for one in comparison.new] == ["nothing was looked at"]


def test_a_check_that_passed_says_nothing_and_what_it_showed_before_is_gone():
    comparison = compared(record(NO_DONE.check, "passed"))

    assert comparison.new == ()
    assert comparison.gone == PLACES


def test_what_does_not_show_in_every_run_is_not_gone():
    rare = NO_DONE.model_copy(update={"sometimes": "only across a second"})

    assert compare([], KNOWN.model_copy(update={"deviation": (rare,), "unseen": ()})).gone == ()


def test_each_subject_of_an_entry_is_missed_by_itself():
    both = NO_DONE.model_copy(update={"subjects": (SUBJECT, f"{SUBJECT}, twice")})
    failed = record(NO_DONE.check, "failed", (SUBJECT, SAW_NO_DONE))

    comparison = compare(list(seen_in([failed])), KNOWN.model_copy(update={"deviation": (both,)}))

    assert comparison.gone == ((both, f"{SUBJECT}, twice"), (NOT_SEEN, ""))


def test_a_check_that_found_nothing_to_look_at_has_seen_nothing():
    (seen,) = seen_in([record(NO_DONE.check, "failed", (NO_DONE.check, "the check found no tokens"))])

    assert seen.kind == "unseen"


@pytest.mark.parametrize(
    "seen",
    [
        Seen(
            "deviation",
            NO_DONE.check,
            'the subject\'s "name"',
            "b'\\x00' and '''quotes'''\nover \ufffd lines",
        ),
        Seen("unseen", NO_DONE.check, "", 'it said "nothing"\\'),
    ],
    ids=lambda seen: seen.kind,
)
def test_what_is_printed_for_a_new_finding_can_be_pasted_and_then_fits(seen):
    stanza = seen.stanza.replace('why = ""', 'why = "so"').replace('bytes = ""', 'bytes = "b"')
    whole = {"versions": {}, "offers": [], "deviation": [], **tomllib.loads(stanza)}

    assert compare([seen], Known.model_validate(whole)).new == ()


def test_an_entry_without_a_reason_is_refused():
    with pytest.raises(ValidationError, match="why"):
        Deviation(check="a.b.c", subjects=("s",), shows="s", bytes="b", why="")


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(read_known()), "run `python -m tests.engines --page`"


def test_every_known_entry_names_a_check_of_the_house():
    known, checks = read_known(), {check.id for check in read_catalogue([HOUSE / "suites"])}

    assert known.deviation
    assert [entry.check for entry in (*known.deviation, *known.unseen) if entry.check not in checks] == []
