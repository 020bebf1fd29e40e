"""The reference endpoints alone, in threads of this process, with a fault or in a legal form."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import tomlkit

from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from fixtures.reference.services.inference import MODELS, PACING
from fixtures.reference.services.inference.app import make_app
from fixtures.reference.services.inference.seam import chosen
from fixtures.reference.services.inference.settings import Settings
from fixtures.reference.settings import endpoint_variables
from shipworthy.house import HOUSE
from tests.faults.judging import CHECKS
from tests.serving import serving

KEY, FORBIDDEN_KEY = "sk-of-the-tests", "sk-of-another-project"
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
    values = {"OPENAI_API_KEY": KEY, "FORBIDDEN_API_KEY": FORBIDDEN_KEY}
    keys = {"API_KEY": KEY, "FORBIDDEN_KEY": FORBIDDEN_KEY}
    with ExitStack() as servers:
        for name, pacing in PACING.items():
            switches = dict(fault.switches.get(name, {})) if fault else {}
            switches |= {"FORM": forms[name]} if name in forms else {}
            seam = chosen(switches)
            settings = {"PORT": "0", "MODEL": MODELS[name], **keys, **pacing, **switches}
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
