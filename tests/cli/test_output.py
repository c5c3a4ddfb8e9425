"""Tables as people and pipes get them."""

from __future__ import annotations

import uuid

import pytest

from imagestore.cli import output

IDS = str(uuid.uuid4()), str(uuid.uuid4())
MESSAGE = "The store does not answer: nobody knows why, and it is tried again in some seconds."


def shown(capsys: pytest.CaptureFixture[str], *rows: tuple[object, ...]) -> list[str]:
    output.print_table(("id", "image", "bytes", "message"), rows)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [20, 80, 120, 200])
def test_an_id_is_whole_in_a_terminal_of_any_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(output, "_terminal_width", lambda: columns)
    lines = shown(capsys, (*IDS, 5 << 30, MESSAGE))
    told = " ".join(" ".join(lines[1:]).split())
    if columns >= 120:
        assert told == f"{IDS[0]} {IDS[1]} 5.0 GiB {MESSAGE}"
        assert all(len(line) <= columns for line in lines)
    else:
        # A table would not fit: each cell has a line of its own.
        assert told == f"ID {IDS[0]} IMAGE {IDS[1]} BYTES 5.0 GiB MESSAGE {MESSAGE}"


def test_a_pipe_gets_a_line_for_each_row_without_borders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, (*IDS, 5 << 30, MESSAGE), ("日本", None, 0, ""), ("a",))
    assert [line.split("  ")[0].strip() for line in lines] == ["ID", IDS[0], "日本", "a"]
    assert lines[1].split(maxsplit=4) == [*IDS, "5.0", "GiB", MESSAGE]
    assert lines[2].split() == ["日本", "-", "0", "B", "-"]
    assert lines[3].split() == ["a", "-", "-", "-"]


@pytest.mark.parametrize(
    ("value", "name", "told"),
    [
        (3_435_973_837, "size", "3.2 GiB"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes_done", "1.0 KiB"),
        (7 << 50, "bytes", "7,168.0 TiB"),
        (12, "attempts", "12"),
        (True, "pinned", "yes"),
        ("2026-11-30T22:11:20.123456Z", "found_at", "2026-11-30 22:11:20Z"),
        ("[bold]x[/bold]", "name", "[bold]x[/bold]"),
        ("a\nb\x1b[2K", "name", "a\\nb\\x1b[2K"),
        ({"a": 1}, "payload", '{"a": 1}'),
    ],
)
def test_values_as_people_read_them(value: object, name: str, told: str) -> None:
    assert output.readable(value, name) == told
