"""The shape of a load run is decided before it starts."""

from __future__ import annotations

import pytest

from shipworthy.probes.load import LoadPlan, Traffic


def plan(*kinds, **changes):
    traffic = tuple(Traffic(kind=kind, name=kind, url="http://127.0.0.1", headers={}) for kind in kinds)
    return LoadPlan.model_validate(
        {"profile": "gate", "users": 8, "duration_s": 10, "traffic": traffic, **changes}
    )


def test_every_kind_gets_its_samples_in_ten_seconds():
    gate = plan("chat", "read", "search", "function")

    per_kind = gate.requests_per_user_s * gate.users * 10 / 4
    assert gate.samples < per_kind < 1.3 * gate.samples


@pytest.mark.parametrize("changes", [{"users": 1000}, {"duration_s": 3000, "users": 200}])
def test_a_user_sends_once_a_second_at_least(changes):
    assert plan("read", **changes).requests_per_user_s == 1.0


def test_a_long_run_is_no_slower_than_a_short_one():
    assert plan("read", duration_s=80).requests_per_user_s == plan("read").requests_per_user_s


@pytest.mark.parametrize(("profile", "longest_s"), [("gate", 30), ("nightly", 10), ("soak", 10)])
def test_only_the_gate_waits_for_samples_and_not_for_long(profile, longest_s):
    assert plan("read", profile=profile).longest_s == longest_s


def test_a_kind_that_is_asked_twice_gets_two_shares_of_the_users():
    both = plan("read", "read", "chat")

    assert (both.share("read"), both.share("chat"), both.share("search")) == (2, 1, 0)
