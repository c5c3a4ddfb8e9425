"""The sample file in the repository is the one that the code would write."""

from __future__ import annotations

import re
from pathlib import Path

from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.sample import render

SAMPLE = Path(__file__).parents[2] / "conf/imagestore.conf"


def test_it_is_up_to_date() -> None:
    assert SAMPLE.read_text() == render(), "run: imagestore config sample > conf/imagestore.conf"


def test_it_changes_nothing(tmp_path: Path) -> None:
    args = unparse([SAMPLE], data_dir=tmp_path)
    with_it, without = load(args, {}), load(unparse(data_dir=tmp_path), {})
    assert with_it.stores == without.stores
    assert with_it.server == without.server
    assert with_it.warnings == ()


def test_its_defaults_can_be_given_as_values(tmp_path: Path) -> None:
    text = re.sub(r"^#(\w+ = .+)$", r"\1", render(), flags=re.MULTILINE)
    path = tmp_path / "all.conf"
    path.write_text(text)
    settings = load(unparse([path], data_dir=tmp_path), {})
    assert settings.server == load(unparse(data_dir=tmp_path), {}).server
    assert settings.limits == load([], {}).limits
    assert settings.images == load([], {}).images
    assert not any("not known" in warning for warning in settings.warnings)
