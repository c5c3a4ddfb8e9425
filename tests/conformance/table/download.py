"""Downloading data: whole, in ranges, and when there is none."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import IMAGES, JSON, download, get, image, raw_image, share, upload

FILE = f"{IMAGES}/<a>/file"
DATA = bytes(range(100))

RANGES = {
    "first-byte": "bytes=0-0",
    "last-byte": "bytes=99-99",
    "middle": "bytes=10-19",
    "whole": "bytes=0-99",
    "open": "bytes=90-",
    "open-whole": "bytes=0-",
    "suffix": "bytes=-10",
    "suffix-whole": "bytes=-100",
    "suffix-longer": "bytes=-1000",
    "suffix-zero": "bytes=-0",
    "end-clipped": "bytes=90-1000",
    "end-huge": "bytes=0-99999999999999999999",
    "start-at-size": "bytes=100-",
    "start-beyond": "bytes=1000-1001",
    "start-huge": "bytes=99999999999999999999-",
    "reversed": "bytes=20-10",
    "several": "bytes=0-1,5-6",
    "several-overlapping": "bytes=0-50,20-70",
    "several-with-space": "bytes=0-1, 5-6",
    "other-unit": "lines=1-2",
    "upper-unit": "Bytes=0-1",
    "no-unit": "0-1",
    "no-numbers": "bytes=-",
    "empty-set": "bytes=",
    "empty": "",
    "text": "bytes=a-b",
    "spaces": "bytes = 0 - 1",
    "float": "bytes=0.5-1",
    "negative": "bytes=-1-2",
}
CONTENT_RANGES = {
    "star": "bytes 10-19/*",
    "length": "bytes 10-19/100",
    "wrong-length": "bytes 10-19/50",
    "whole": "bytes 0-99/100",
    "one-byte": "bytes 5-5/*",
    "stop-beyond": "bytes 90-100/*",
    "start-beyond": "bytes 100-110/*",
    "unsatisfied": "bytes */100",
    "all-stars": "bytes */*",
    "bad": "bytes x-y/z",
    "empty": "",
    "reversed": "bytes 20-10/*",
}


def scenes() -> Iterator[Scene]:
    cases: dict[str, Request] = {
        f"download/range-{name}": download(headers={"Range": value})
        for name, value in RANGES.items()
    }
    for name, value in CONTENT_RANGES.items():
        cases[f"download/content-range-{name}"] = download(headers={"Content-Range": value})
    cases |= {
        "download/whole": download(),
        "download/both-ranges": download(
            headers={"Range": "bytes=0-1", "Content-Range": "bytes 10-19/*"}
        ),
        "download/accept-json": download(headers=JSON),
        "download/accept-text": download(headers={"Accept": "text/plain"}),
        "download/accept-nothing": download(headers={"Accept": ""}),
        "download/if-none-match": download(headers={"If-None-Match": '"x"'}),
        "download/if-none-match-any": download(headers={"If-None-Match": "*"}),
        "download/if-match": download(headers={"If-Match": '"x"'}),
        "download/if-modified-since": download(
            headers={"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"}
        ),
        "download/if-range": download(headers={"If-Range": '"x"', "Range": "bytes=0-1"}),
        "download/if-range-date": download(
            headers={"If-Range": "Thu, 01 Jan 2099 00:00:00 GMT", "Range": "bytes=0-1"}
        ),
        "download/accept-gzip": download(headers={"Accept-Encoding": "gzip"}),
        "download/head": Request("HEAD", FILE),
        "download/head-missing": Request("HEAD", f"{IMAGES}/<never>/file"),
        "download/prefer-first": get(f"{FILE}?prefer=file1"),
        "download/prefer-other": get(f"{FILE}?prefer=file2"),
        "download/prefer-both": get(f"{FILE}?prefer=file2,file1"),
        "download/prefer-unknown": get(f"{FILE}?prefer=file9"),
        "download/prefer-one-unknown": get(f"{FILE}?prefer=file1,file9"),
        "download/prefer-empty": get(f"{FILE}?prefer="),
        "download/query-unknown": get(f"{FILE}?colour=red"),
        "download/body": Request("GET", FILE, json={}),
        "download/body-text": Request("GET", FILE, body=b"x"),
        "download/trailing-slash": get(f"{FILE}/"),
        "download/missing": download("never"),
        "download/no-uuid": get(f"{IMAGES}/x/file"),
        "download/as-invited": download(caller="invited"),
        "download/as-reader": download(caller="reader"),
        "download/as-writer": download(caller="writer"),
        "download/as-other": download(caller="other"),
        "download/as-other-reader": download(caller="other-reader"),
        "download/as-invited-reader": download(caller="invited-reader"),
        "download/as-admin": download(caller="admin"),
        "download/as-service": download(caller="service"),
        "download/as-anonymous": download(caller="anonymous"),
        "download/range-as-reader": download(caller="reader", headers={"Range": "bytes=0-1"}),
    }
    yield scene((raw_image(), share("invited"), upload(data=DATA)), cases)
    yield scene(
        (raw_image(), upload(data=b"")),
        {
            "download/zero-bytes": download(),
            "download/zero-bytes-range": download(headers={"Range": "bytes=0-0"}),
            "download/zero-bytes-suffix": download(headers={"Range": "bytes=-1"}),
            "download/zero-bytes-open": download(headers={"Range": "bytes=0-"}),
            "download/zero-bytes-content-range": download(headers={"Content-Range": "bytes 0-0/*"}),
        },
    )
    yield scene(
        (image(),),
        {
            "download/queued": download(),
            "download/queued-range": download(headers={"Range": "bytes=0-1"}),
            "download/queued-as-other": download(caller="other"),
            "download/queued-as-admin": download(caller="admin"),
            "download/queued-as-reader": download(caller="reader"),
            "download/queued-prefer-unknown": get(f"{FILE}?prefer=file9"),
        },
    )
    yield from each(
        (raw_image(), upload(headers={"X-Image-Meta-Store": "file2"})),
        {"download/from-second-store": [download(), get(f"{FILE}?prefer=file1")]},
    )
