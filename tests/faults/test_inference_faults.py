"""Faults of the inference endpoints, met by a target that is nothing but these endpoints.

The server with the fault in it runs in a thread, so that a fault costs seconds and there can be many.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import tomlkit

from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from fixtures.reference.services.inference import MODELS, PACING
from fixtures.reference.services.inference.app import make_app
from fixtures.reference.services.inference.seam import chosen
from fixtures.reference.services.inference.settings import Settings
from fixtures.reference.settings import endpoint_variables
from shipworthy.house import HOUSE
from tests.faults.judging import CHECKS, assert_caught, judge
from tests.serving import serving

KEY = "sk-of-the-tests"
NO_FORMS: Mapping[str, str] = {}


def of_inference(fault: Fault) -> bool:
    """Tell whether nothing but the endpoints is needed to plant and to catch a fault."""
    check = CHECKS[fault.caught_by]
    endpoints = set(fault.switches) <= set(PACING)
    return check.stage == "inference" and endpoints and all(p.startswith("inference") for p in check.needs)


FAULTS = [fault for fault in all_faults().values() if of_inference(fault)]


@contextmanager
def deployed(folder: Path, fault: Fault | None, forms: Mapping[str, str] = NO_FORMS) -> Iterator[str]:
    """Serve all endpoints, one with a fault or any in a form, and name their target: it promises what
    local does."""
    values = {"OPENAI_API_KEY": KEY}
    with ExitStack() as servers:
        for name, pacing in PACING.items():
            switches = dict(fault.switches.get(name, {})) if fault else {}
            switches |= {"FORM": forms[name]} if name in forms else {}
            seam = chosen(switches)
            settings = {"PORT": "0", "MODEL": MODELS[name], "API_KEY": KEY, **pacing, **switches}
            app = make_app(Settings.from_environment(settings), seam)
            url = servers.enter_context(serving(app, seam.protocol))
            values |= endpoint_variables(name, url)
        promises = tomllib.loads((HOUSE / "targets" / "local.toml").read_text(encoding="utf-8"))
        target = folder / "targets" / "endpoints.toml"
        target.parent.mkdir()
        said = {"name": target.stem, "env_file": ".env", "inference": promises["inference"]}
        target.write_text(tomlkit.dumps(said), encoding="utf-8")
        (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        yield target.stem


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_is_caught_by_its_check(fault: Fault, tmp_path: Path) -> None:
    with deployed(tmp_path, fault) as target:
        judgement = judge(tmp_path, target, "-n", "0", "--check", fault.caught_by)
    assert_caught(fault, judgement, "shipworthy run endpoints")


def test_endpoints_without_faults_give_no_finding(tmp_path: Path) -> None:
    with deployed(tmp_path, None) as target:
        judgement = judge(tmp_path, target, "--stage", "inference")
    assert judgement.verdict["verdict"] == "GO", judgement.said
    assert [record["check"] for record in judgement.records if record["findings"]] == []
