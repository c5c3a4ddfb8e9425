"""``make conformance``: run tempest's image tests, and compare with what the real Glance passes.

``python -m tests.tempest [--profile main] [--tests REGEX] [--server glance --record]``. Ends
with 1 when a test fails or skips here that passes on Glance 33, and is not in ``differences``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.services import process, venvs
from tests.tempest import pictures, profiles
from tests.tempest.cloud import cloud
from tests.tempest.differences import DIFFERENCES

REQUIREMENTS = ("tempest==47.0.0", "glance-tempest-plugin==0.17.0")
ALL = r"^(tempest\.api\.image|glance_tempest_plugin)\."
RECORDED = Path(__file__).parent / "recorded"

Results = dict[str, tuple[str, str]]
"""Test → status and, where it did not pass, the reason."""


def venv() -> Path:
    """The environment that holds tempest; made on first use."""
    path = process.KEPT / "tempest-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        if not (path / "bin" / "tempest").exists():
            venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
    return path


def ask(server: str, name: str, tests: str, directory: Path) -> Results:
    """Start the cloud of one profile, run the tests against it, stop it."""
    profile = profiles.PROFILES[name]
    manifest = pictures.manifest(directory / "images")
    with cloud(server, profile, directory, directory / "web") as around:  # type: ignore[arg-type]
        sections = profiles.tempest(
            profile,
            directory=str(directory),
            keystone=around.keystone.url,
            region=around.region,
            web=around.web,
            manifest=str(manifest),
        )
        (directory / "lock").mkdir(exist_ok=True)
        (directory / "tempest.conf").write_text(profiles.written(sections))
        return _run(profile, tests, directory)


def _run(profile: profiles.Profile, tests: str, directory: Path) -> Results:
    programs = venv() / "bin"
    python = programs / "python"
    packages = next((venv() / "lib").glob("python*/site-packages"))
    (directory / ".stestr.conf").write_text(
        f"[DEFAULT]\ntest_path={packages}/tempest/test_discover\ntop_dir={packages}\n"
        "group_regex=([^\\.]*\\.)*\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
        "TEMPEST_CONFIG_DIR": str(directory),
        "TEMPEST_CONFIG": "tempest.conf",
        "OS_TEST_TIMEOUT": "300",
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    command: list[str | Path] = [programs / "stestr", "run", "--concurrency", "2", "--subunit"]
    if profile.excluded:
        command += ["--exclude-regex", profile.excluded]
    stream = directory / "run.subunit"
    with stream.open("wb") as output, (directory / "stestr.err").open("wb") as errors:
        subprocess.run(
            [programs / "stestr", "init"], cwd=directory, env=environment, stderr=errors, check=True
        )
        subprocess.run(
            [*command, tests], cwd=directory, env=environment, stdout=output, stderr=errors
        )
    reader = Path(__file__).parent / "read_subunit.py"
    told = subprocess.run([python, reader, stream], capture_output=True, check=True).stdout
    return {test: (status, reason) for test, status, reason in json.loads(told)}


def recorded(name: str) -> Results:
    """What the real Glance 33 answered in a profile."""
    known = json.loads((RECORDED / f"{name}.json").read_text())
    passed: Results = dict.fromkeys(known["passed"], ("passed", ""))
    others = {test: (status, why) for test, (status, why) in known["others"].items()}
    return passed | others


def record(name: str, results: Results) -> None:
    text = {
        "passed": sorted(test for test, (status, _) in results.items() if status == "passed"),
        "others": {test: told for test, told in sorted(results.items()) if told[0] != "passed"},
    }
    (RECORDED / f"{name}.json").write_text(json.dumps(text, indent=1) + "\n")


def compare(theirs: Results, ours: Results, *, subset: bool) -> tuple[list[str], list[str]]:
    """What passes there and not here; and what only differs."""
    worse, other = [], []
    for test in sorted(set(ours) if subset else set(theirs) | set(ours)):
        there, _ = theirs.get(test, ("absent", ""))
        here, reason = ours.get(test, ("absent", ""))
        if there == here:
            continue
        line = f"{test}: {there} on Glance 33, {here} here  {reason}"
        (worse if there == "passed" else other).append(line)
    return worse, other


def same_skips(theirs: Results, ours: Results) -> tuple[int, int, int]:
    """Skips that are the same, of those on Glance and of those here."""
    there, here = (
        {test for test, (status, _) in results.items() if status == "skipped"}
        for results in (theirs, ours)
    )
    return len(there & here), len(there), len(here)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tempest", description=__doc__)
    parser.add_argument("--profile", action="append", choices=list(profiles.PROFILES))
    parser.add_argument("--tests", default=ALL, help="a regular expression")
    parser.add_argument("--server", choices=["imagestore", "glance"], default="imagestore")
    parser.add_argument("--record", action="store_true", help="keep the results (of glance)")
    parser.add_argument("--keep", type=Path, help="a directory for all files, which are kept")
    given = parser.parse_args()
    venv()
    lost = 0
    for name in given.profile or profiles.PROFILES:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tempest-") as temporary:
            place = (given.keep or Path(temporary)) / name
            place.mkdir(parents=True, exist_ok=True)
            results = ask(given.server, name, given.tests, place.resolve())
        if given.record:
            record(name, results)
        counted = Counter(status for status, _ in results.values())
        worse, other = compare(recorded(name), results, subset=given.tests != ALL)
        unlisted = [line for line in worse if not line.startswith(tuple(DIFFERENCES))]
        for line in worse:
            print(f"{'WORSE  ' if line in unlisted else 'LISTED '}  {line}")
        for line in other:
            print(f"DIFFERS  {line}")
        print(
            f"{name}: {counted['passed']} passed, {counted['failed']} failed, "
            f"{counted['skipped']} skipped; {len(worse)} pass on Glance 33 and not here, "
            f"{len(unlisted)} of these not listed ({time.monotonic() - begun:.0f} s)",
            flush=True,
        )
        same, there, here = same_skips(recorded(name), results)
        print(f"{name}: skips: {there} on Glance 33, {here} here, {same} the same", flush=True)
        lost += len(unlisted) or not results
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
