"""Damaged and hostile files: named, kept, never obeyed; everything beside them is done."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Answerback
from tests.e2e.support import a_busy_day, assert_harmless, command, contents, run_process
from tests.fakes.replay_file import post, write

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 [bold red]x[/] [/nope] <script>alert(1)</script> \u202egnirts =cmd|' /C calc'!A0"
)


def test_a_truncated_gzip_gives_what_is_whole_and_says_where_it_breaks_off(
    home: Path, answerback: Answerback
) -> None:
    whole = gzip.compress(b"".join(json.dumps(p).encode() + b"\n" for p in a_busy_day(300)))
    (home / "day.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = answerback("replay", "day.jsonl.gz", "--db", "a.db", "--json")
    done.complains("1 records could not be read", "answerback quarantine", code=1)
    read = done.json["mentions"]
    assert 20 < read < 300
    listed = answerback("quarantine", "--db", "a.db")
    assert listed.code == 0
    assert f"line {read + 1}: " in listed.out

    # Once the file has come over whole, the rest is taken, the broken line too.
    (home / "day.jsonl.gz").write_bytes(whole)
    again = answerback("replay", "day.jsonl.gz", "--db", "a.db", "--json")
    assert again.json["mentions"] == 300


def test_lines_that_are_no_posts_are_named_and_kept_whole(home: Path, answerback: Answerback) -> None:
    good = a_busy_day(20)
    bad: list[object] = [
        b"not JSON at all",
        {k: v for k, v in post(901).items() if k != "id"},
        {k: v for k, v in post(902).items() if k != "created_at"},
        post(903, created_at="yesterday"),
        post(904, created_at="2024-05-01T08:00:00"),
        post(905, author="anna"),
        ["a", "list"],
        b"\xff\xfe not UTF-8",
        b'{"source": "x", "id": NaN',
        b"[" * 100_000,
    ]
    write(home / "day.jsonl", [*good[:10], *bad, *good[10:]])
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    done.complains("10 records could not be read and are kept: answerback quarantine", code=1)
    assert (done.json["posts_read"], done.json["mentions"]) == (30, 20)
    listed = answerback("quarantine", "--db", "a.db").out
    assert_harmless(listed)
    reasons = [line.partition(", ")[2] for line in listed.splitlines()]
    assert [r.partition(":")[0] for r in reasons] == [f"line {n}" for n in range(11, 21)]
    for line, said in zip(
        reasons,
        [
            *["not JSON", '"id" is missing', '"created_at" is missing', "'yesterday'", "no timezone"],
            *['"author" must be an object', "not a JSON object", "not UTF-8", "not JSON", "nested"],
        ],
        strict=True,
    ):
        assert said in line
    kept = answerback("quarantine", "--db", "a.db", "--json").lines
    assert kept[0]["raw"] == "not JSON at all"
    assert json.loads(kept[1]["raw"])["text"] == "post 901"

    # A second run neither lists them twice nor calls itself incomplete: nothing new is wrong.
    second = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (second.code, second.json["quarantined"]) == (0, 10)


def test_a_post_of_two_megabytes_is_refused_and_the_next_one_is_not(
    home: Path, answerback: Answerback
) -> None:
    write(home / "day.jsonl", [post(1, text="x" * 2_000_000), post(2)])
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (done.code, done.json["mentions"]) == (1, 1)
    listed = answerback("quarantine", "--db", "a.db").out
    assert '"text" has 2,000,000 characters; the limit is 100,000' in listed
    assert len(listed) < 300
    assert (home / "a.db").stat().st_size < 1_000_000


def test_hostile_text_is_stored_as_it_is_and_shown_as_text(home: Path, answerback: Answerback) -> None:
    evil = post(1, text=HOSTILE, author={"id": "e", "handle": HOSTILE, "name": HOSTILE}, brand=HOSTILE)
    write(home / "day.jsonl", [evil, b"{" + HOSTILE.encode(), post(2, id=HOSTILE)])
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread")
    done.complains("2 records", code=1)
    assert_harmless(done.out)
    stored = answerback("export", "--db", "a.db", "--what", "mentions", "--format", "jsonl")
    assert stored.lines[0]["text"] == HOSTILE
    for args in (
        ("quarantine",),
        ("quarantine", "--json"),
        ("doctor",),
        ("report", "--of", "all", "--by", "brand"),
        ("report", "--of", "all", "--by", "brand", "--format", "json"),
        ("report", "--of", "all", "--by", "agent", "--format", "html"),
        ("export", "--what", "mentions", "--format", "jsonl"),
        ("export", "--what", "cases", "--format", "jsonl"),
    ):
        shown = answerback(*args, "--db", "a.db")
        assert shown.code == 0, shown.err
        assert_harmless(shown.out + shown.err)
    page = answerback("report", "--of", "all", "--by", "brand", "--format", "html", "--db", "a.db").out
    assert "<script>alert" not in page


def test_hostile_text_in_classify(home: Path, answerback: Answerback) -> None:
    lines = [
        json.dumps({"id": HOSTILE, "text": HOSTILE, "lang": HOSTILE}),
        "{" + HOSTILE,
        json.dumps({"id": "\ud800", "text": "half a pair \udfff"}),
    ]
    for args in ((), ("--json",)):
        done = answerback("classify", *args, stdin="\n".join(lines).encode())
        done.complains("-, line 2: not JSON", code=1)
        assert_harmless(done.out)
        assert len(done.out.splitlines()) == 2
    assert done.lines[0]["id"] == HOSTILE
    assert done.lines[1]["id"] == "\ud800"


def test_a_file_name_that_is_an_escape_sequence(home: Path, answerback: Answerback) -> None:
    name = "\x1b[31mred.jsonl"
    (home / name).write_bytes(b"{nope\n")
    answerback("classify", name).complains("red.jsonl, line 1: not JSON", code=1)
    answerback("replay", name + "x", "--db", "a.db").complains("red.jsonlx", code=2)
    done = answerback("replay", name, "--db", "a.db")
    done.complains(code=1)
    assert_harmless(answerback("quarantine", "--db", "a.db").out)
    assert_harmless(answerback("doctor", "--db", "a.db").out)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jsonl", ["missing.jsonl"]),
        (".", ["Cannot read"]),
        ("nowhere/day.jsonl", ["nowhere/day.jsonl"]),
        ("/dev/null", ["/dev/null"]),
    ],
)
def test_what_is_no_file_is_said_in_a_sentence(
    home: Path, answerback: Answerback, name: str, words: list[str]
) -> None:
    answerback("replay", name, "--db", "a.db").complains("answerback: ", *words)
    if name != "/dev/null":
        answerback("classify", name).complains("answerback: ", name)
        answerback("customers", "import", name, "--db", "a.db").complains("answerback: ", name)


def test_an_empty_file_is_a_day_without_posts(home: Path, answerback: Answerback) -> None:
    (home / "day.jsonl").write_bytes(b"")
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (done.code, done.json["posts_read"], done.json["mentions"]) == (0, 0, 0)
    assert answerback("report", "--db", "a.db", "--format", "json").json["cases"] == 0
    assert "No complaint" in answerback("report", "--db", "a.db").out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stor = 'x'", ["unknown key stor", "store"]),
        ("[triage]\nopen_all = true", ["unknown key triage.open_all", "open_every_thread"]),
        ("[triage]\nopen_every_thread = 'perhaps'", ["triage.open_every_thread", "true or false"]),
        ("store = ", ["not valid TOML", "end of document"]),
        ("a = 1\nb = = 2", ["not valid TOML", "line 2"]),
        ("[[sla.calendars]]\nname = 'a'\ntimezone = 'Europe/Nowhere'", ["timezone", "Europe/Berlin"]),
        ("[[sla.policies]]\nname = 'p'\ncalendar = 'moon'", ['"moon"', "known: always"]),
        ('["\\u001b[31mred"]\na = 1', ["unknown key"]),
    ],
)
def test_a_config_that_cannot_be_used(
    home: Path, answerback: Answerback, text: str, words: list[str]
) -> None:
    write(home / "day.jsonl", [post(1)])
    (home / "config.toml").write_text(text, encoding="utf-8")
    for args in (("replay", "day.jsonl"), ("report",), ("run",), ("classify", "day.jsonl"), ("desk",)):
        done = answerback(*args)
        done.complains("config.toml", *words)
        assert len(done.err.splitlines()) == 1
        assert done.out == ""
    told = answerback("doctor")
    assert (told.code, "✗ config" in told.out) == (1, True)
    assert_harmless(told.out)
    assert not (home / "answerback.db").exists()


def test_weights_that_are_not_there_or_damaged(
    home: Path, tiny_weights: Path, answerback: Answerback
) -> None:
    write(home / "day.jsonl", [post(1)])
    (home / "config.toml").write_text('[classifier]\nweights = "gone"\n')
    answerback("replay", "day.jsonl", "--db", "a.db").complains("gone/manifest.json is missing")
    copy = home / "copy"
    copy.mkdir()
    for part in tiny_weights.iterdir():
        (copy / part.name).write_bytes(part.read_bytes())
    (copy / "encoder.onnx").write_bytes(b"damaged")
    (home / "config.toml").write_text('[classifier]\nweights = "copy"\n')
    answerback("replay", "day.jsonl", "--db", "a.db").complains("copy/encoder.onnx is damaged")
    # What was read is kept, and goes on from there once the model is whole.
    (home / "config.toml").write_text(f'[classifier]\nweights = "{tiny_weights}"\n')
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (done.code, done.json["posts_read"], done.json["mentions"]) == (0, 0, 1)
    assert len(contents(home / "a.db")["verdicts"]) == 1


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    write(home / "day.jsonl", a_busy_day(200))
    assert run_process("replay", "day.jsonl", "--db", "a.db", cwd=home).code == 0
    for args in (("export", "--what", "mentions", "--db", "a.db"), ("classify", "day.jsonl"), ("--help",)):
        process = subprocess.Popen(
            command(*args), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before the first line: sooner than any `head`
        said = process.stderr.read()
        process.stderr.close()
        assert (process.wait(timeout=30), said) == (0, b"")


def test_an_output_that_is_full(home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("--help"), cwd=home, stdout=full, stderr=subprocess.PIPE, timeout=30, check=False
        )
    assert done.returncode == 2
    assert done.stderr.decode() == "answerback: the system refused: No space left on device.\n"
