"""The filter beside that of the real Glance 33, with the same options and the same names."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from imagestore.backends.errors import InvalidLocation
from imagestore.backends.http import AddressRules
from imagestore.backends.http.guard import Guard

from ...hostile_urls import ANYWHERE
from ...services import glance

PROGRAM = """\
import json, socket, sys
from oslo_config import cfg
from glance.common import utils

def names(host, *rest, **more):
    if host.endswith("example.org."):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]
    raise socket.gaierror(socket.EAI_NONAME, "no such name")

socket.getaddrinfo = names
answers = []
for rules, urls in json.load(sys.stdin):
    for name, value in rules.items():
        cfg.CONF.set_override(name, value, group="import_filtering_opts")
    answers.append([utils.validate_uri(url) for url in urls])
    for name in rules:
        cfg.CONF.clear_override(name, group="import_filtering_opts")
json.dump(answers, sys.stdout)
"""
ORDINARY = (
    "http://example.org/",
    "HTTP://EXAMPLE.org/",
    "http://a.example.org/",
    "https://example.org:443/x",
    "http://example.org:80/",
    "http://example.org:8080/",
    "ftp://example.org/",
    "http://8.8.8.8/",
    "http://[2606:4700::1]/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://169.254.169.254/",
)
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"allowed_schemes": ["https"]},
    {"disallowed_schemes": ["http"]},
    {"allowed_schemes": [], "disallowed_schemes": ["http"]},
    {"allowed_hosts": ["example.org"]},
    {"allowed_hosts": ["127.0.0.1", "::1"]},
    {"allowed_hosts": ["example.org"], "disallowed_hosts": ["example.org"]},
    {"disallowed_hosts": ["example.org", "8.8.8.8"]},
    {"allowed_ports": [8080]},
    {"allowed_ports": []},
    {"allowed_ports": [], "disallowed_ports": [8080]},
    {"allowed_ports": [], "disallowed_ports": [80]},
)


def of_peer(cases: list[tuple[dict[str, Any], list[str]]]) -> list[list[bool]]:
    done = subprocess.run(
        [glance.venv() / "bin/python", "-c", PROGRAM],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[bool]] = json.loads(done.stdout)
    return answers


def passes(rules: dict[str, Any], url: str) -> bool:
    try:
        Guard(AddressRules(**{name: tuple(value) for name, value in rules.items()})).check(url)
    except InvalidLocation:
        return False
    return True


def test_the_options_mean_the_same() -> None:
    different = {
        (json.dumps(rules), url)
        for rules, answers in zip(
            RULES, of_peer([(rules, list(ORDINARY)) for rules in RULES]), strict=True
        )
        for url, answer in zip(ORDINARY, answers, strict=True)
        # A name is denied by its address only once it is looked up.
        if passes(rules, url) is not answer and "8.8.8.8" not in rules.get("disallowed_hosts", ())
    }
    no_list = json.dumps({"allowed_schemes": [], "disallowed_schemes": ["http"]})
    port_80 = json.dumps({"allowed_ports": [], "disallowed_ports": [80]})
    assert different == {
        (no_list, "ftp://example.org/"),  # it would let pass what it cannot fetch
        # With it, a denied port is only denied where the URL spells it out.
        (port_80, "http://example.org/"),
        (port_80, "HTTP://EXAMPLE.org/"),
        (port_80, "http://a.example.org/"),
        (port_80, "http://8.8.8.8/"),
        (port_80, "http://[2606:4700::1]/"),
    }


def test_nothing_passes_that_the_peer_refuses() -> None:
    urls = [url for url in ANYWHERE if url.isprintable()]
    (answers,) = of_peer([({}, urls)])
    refused = [url for url, answer in zip(urls, answers, strict=True) if not answer]
    assert len(refused) > 60
    assert not any(passes({}, url) for url in refused)
