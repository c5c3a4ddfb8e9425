from __future__ import annotations

import json
from pathlib import Path

import yaml

from imagestore.identity.rules import RULES, sample

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

OURS = {"get_events", "copy_from"}
"""Rules for what Glance 33 does not have."""


def test_names_and_defaults_are_those_of_glance_33() -> None:
    expected = json.loads((HERE / "glance-33-rules.json").read_text())

    assert {rule.name: rule.check for rule in RULES if rule.name not in OURS} == expected


def test_every_name_is_there_once() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_rules_of_calls_are_for_projects_and_the_building_blocks_for_all() -> None:
    assert {rule.name for rule in RULES if not rule.project_scoped} == {
        "default",
        "context_is_admin",
        "service_api",
        "metadef_default",
        "metadef_admin",
    }


def test_the_sample_changes_nothing_as_it_is() -> None:
    assert yaml.safe_load(sample()) is None


def test_the_sample_names_every_default_when_uncommented() -> None:
    lines = [line[1:] for line in sample().splitlines() if line.startswith('#"')]

    assert yaml.safe_load("\n".join(lines)) == {rule.name: rule.check for rule in RULES}


def test_the_sample_in_conf_is_the_one_that_the_code_makes() -> None:
    assert (ROOT / "conf" / "policy.yaml").read_text() == sample()
