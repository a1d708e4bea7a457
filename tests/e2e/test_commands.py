"""The command line as a whole: help, light imports, first steps, and the commands around the model."""

from __future__ import annotations

import builtins
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import classifier
from answerback.cli import cli
from answerback.config import load_config
from desk import casework
from desk.model.case import CaseId
from desk.model.correction import Label
from listener import platforms
from tests.e2e.conftest import Answerback
from tests.e2e.support import DEMO_DAY, a_busy_day, assert_harmless, run_process
from tests.fakes.replay_file import write
from tests.kernel import NOON, Desk, post

COMMANDS = [
    *["init", "demo", "run", "desk", "replay", "classify", "report", "export", "customers", "alerts"],
    *["quarantine", "doctor", "evaluate", "train"],
]
HEAVY = ("torch", "transformers", "onnxruntime", "tweepy", "httpx", "apprise", "textual", "sklearn", "onnx")


def test_help_lists_every_command_with_a_whole_sentence(answerback: Answerback) -> None:
    done = answerback("--help")
    assert done.code == 0
    listed = done.out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS == cli.list_commands(None)  # type: ignore[arg-type]
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize(
    "command",
    [*([name] for name in COMMANDS), ["customers", "import"], ["alerts", "dead"], ["alerts", "retry"]],
)
def test_every_command_explains_itself_with_an_example(answerback: Answerback, command: list[str]) -> None:
    for option in ("--help", "-h"):
        done = answerback(*command, option)
        assert (done.code, done.err) == (0, "")
        assert "Example" in done.out
        assert f"answerback {command[0]}" in done.out
        assert all(len(line) <= 100 for line in done.out.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        "import runpy, sys; sys.argv = ['answerback', '--help']\n"
        "try: runpy.run_module('answerback', run_name='__main__')\n"
        "except SystemExit as ended: assert not ended.code",
        "import answerback.commands.desk, answerback.bootstrap",
    ],
    ids=["help", "desk-command"],
)
def test_what_an_agent_starts_loads_nothing_heavy(code: str) -> None:
    assert_light(code, HEAVY)


def test_the_desk_loads_no_model_and_no_network() -> None:
    assert_light("import tui.app", tuple(name for name in HEAVY if name != "textual"))


def assert_light(code: str, heavy: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_init_writes_the_config_that_the_project_shows(
    tmp_path: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answerback("init").code == 0
    written = Path("config.toml").read_text(encoding="utf-8")
    assert written == (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")
    config = load_config(Path("config.toml"))
    assert config.sla.rules
    assert config.store == Path("answerback.db")
    again = answerback("init")
    again.complains("config.toml is there already", "--force")
    Path("config.toml").write_text("changed")
    assert answerback("init", "--force").code == 0
    assert Path("config.toml").read_text(encoding="utf-8") == written
    answerback("init", "no/folder/c.toml").complains("Cannot write no/folder/c.toml")


def test_what_is_commented_out_in_the_config_is_valid_as_well(tmp_path: Path) -> None:
    """An operator takes the # away: every example has to be one that is accepted."""
    text = (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        is_code = bare != line and (bare.startswith("[[") or " = " in bare.partition("#")[0])
        lines.append(bare if is_code and not bare[0].isupper() else line)
    (tmp_path / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    config = load_config(tmp_path / "config.toml")
    assert {source.type for source in config.sources} == set(platforms.names())
    assert {channel.type for channel in config.alerts.channels} == {"apprise", "webhook"}
    assert config.desk.theme is not None
    assert config.classifier.look_threshold == 0.2


def test_doctor_on_a_fresh_folder_says_what_comes_next(
    tmp_path: Path, tiny_weights: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = answerback("doctor")
    assert "There is no config.toml here; write one: answerback init" in done.out
    assert "None configured; name at least one in [[sources]]" in done.out
    assert "answerback.db does not exist yet" in done.out
    (tmp_path / "config.toml").write_text(f'[classifier]\nweights = "{tiny_weights}"\n')
    done = answerback("doctor", "--json")
    assert done.code == 0
    assert [f["health"] for f in done.json["findings"] if f["about"] == "model"] == ["ok"]
    assert not (tmp_path / "answerback.db").exists()


def test_doctor_names_what_is_missing(
    home: Path, tiny_weights: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSWERBACK_X_BEARER_TOKEN", raising=False)
    monkeypatch.delenv("ANSWERBACK_OPS_SECRET", raising=False)
    (home / "config.toml").write_text(
        f'[classifier]\nweights = "{tiny_weights}"\n'
        '[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\n'
        '[[sources]]\ntype = "replay"\npath = "gone.jsonl"\n'
        '[[alerts.channels]]\ntype = "webhook"\nname = "ops"\nurl = "http://plain.example"\n'
        'secret_env = "ANSWERBACK_OPS_SECRET"\n'
    )
    done = answerback("doctor")
    assert done.code == 1
    assert "ANSWERBACK_X_BEARER_TOKEN is not set" in done.out
    assert "ANSWERBACK_OPS_SECRET is not set" in done.out
    assert "gone.jsonl" in done.out
    answerback("run").complains("ANSWERBACK_X_BEARER_TOKEN")
    monkeypatch.setenv("ANSWERBACK_X_BEARER_TOKEN", "t")
    monkeypatch.setenv("ANSWERBACK_OPS_SECRET", "not-a-secret-of-the-right-form")
    done = answerback("doctor")
    assert done.code == 1
    assert "Webhook ops" in done.out
    assert "not-a-secret-of-the-right-form" not in done.out


def test_doctor_tells_of_the_store(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", [*a_busy_day(30), b"nope"])
    answerback("replay", "day.jsonl")
    done = answerback("doctor")
    assert done.code == 0
    assert "answerback.db: 30 posts" in done.out
    assert "1 records could not be read: answerback quarantine" in done.out


def test_run_without_sources(home: Path, answerback: Answerback) -> None:
    answerback("run").complains("No [[sources]] are configured")


@pytest.mark.parametrize("args", [("nonsense",), ("report", "--nonsense"), ("replay",)])
def test_usage_mistakes(answerback: Answerback, args: tuple[str, ...]) -> None:
    done = answerback(*args)
    done.complains("answerback: ", "--help")
    assert done.out == ""


@pytest.mark.parametrize("command", ["desk", "demo"])
def test_without_a_terminal_there_is_no_desk(home: Path, answerback: Answerback, command: str) -> None:
    answerback("replay", DEMO_DAY)
    answerback(command).complains("needs a terminal")


def test_no_command_shows_the_help() -> None:
    done = run_process(cwd=Path.cwd())
    assert done.code == 2
    assert "Commands:" in done.err


def test_customers_are_imported_and_bad_rows_named(home: Path, answerback: Answerback) -> None:
    answerback("replay", DEMO_DAY)
    done = answerback("customers", "import", DEMO_DAY.with_name("customers.csv"))
    assert done.code == 0
    assert done.out.startswith("Kept ")
    assert "aldous_vennick" in done.out
    (home / "crm.csv").write_text("platform,handle,name\nx,anna,Anna\n,,\nx,\x1b[31mred,\x1b[31m\n")
    done = answerback("customers", "import", "crm.csv")
    done.complains("crm.csv, line 3: platform or handle is empty", code=1)
    assert "\x1b" not in done.out
    (home / "crm.csv").write_text("a,b\n1,2\n")
    answerback("customers", "import", "crm.csv").complains("crm.csv, line 1", "platform and handle")


def test_alerts_without_dead_letters(home: Path, answerback: Answerback) -> None:
    answerback("replay", DEMO_DAY)
    assert answerback("alerts", "dead").err == "No dead letters.\n"
    assert answerback("alerts", "retry").out == "0 alerts will be tried again.\n"


def labelled(home: Path) -> Path:
    rows = [
        {
            "text": f"{'my phone is broken' if n % 2 else 'i love my phone'} {n}",
            "complaint": n % 2,
            "lang": "en",
        }
        for n in range(200)
    ]
    return write(home / "labelled.jsonl.gz", rows, packed=True)


def test_evaluate_measures_the_tiny_model(home: Path, answerback: Answerback) -> None:
    file = labelled(home)
    told = answerback("evaluate", file, "--json").json
    assert told["model"] == "tiny-2l"
    score, language = [one for one in told["scores"] if one["group"] == "all"]
    assert (score["field"], score["rows"]) == ("complaint", 200)
    assert (language["field"], language["calibration_error"]) == ("language", None)
    assert 0 <= score["macro_f1"] <= 1
    assert sum(map(sum, score["confusion"])) == 200
    parts = [
        answerback("evaluate", file, "--split", split, "--json").json["scores"][0]["rows"]
        for split in ("train", "validation", "test")
    ]
    assert sum(parts) == 200
    assert "macro-F1" in answerback("evaluate", file).out
    both = answerback("evaluate", file, file, "--together", "--json").json["scores"]
    assert {one["file"] for one in both} == {"together"}
    assert both[0]["rows"] == 400


def test_evaluate_says_what_it_cannot_read(home: Path, answerback: Answerback) -> None:
    answerback("evaluate", "gone.jsonl").complains("gone.jsonl")
    write(home / "bare.jsonl", [{"text": "no label"}])
    answerback("evaluate", "bare.jsonl").complains("bare.jsonl", "nothing was measured")
    write(home / "bad.jsonl", [{"text": "x", "complaint": 1}, b"{nope"])
    answerback("evaluate", "bad.jsonl").complains("bad.jsonl", "line 2")
    write(home / "odd.jsonl", [{"text": "x", "complaint": 1}, {"text": "x", "emotion": ["\x1b[31manger"]}])
    answerback("evaluate", "odd.jsonl").complains("odd.jsonl", "line 2", "emotion must be a string")


def test_evaluate_leaves_out_empty_groups_and_prints_harmless_names(
    home: Path, answerback: Answerback
) -> None:
    row = {"text": "x", "complaint": 0, "domain": "random_reply", "lang": "\x1b[31m\ud800"}
    write(home / "calm.jsonl", [row])
    told = answerback("evaluate", "calm.jsonl", "--json")
    assert (told.code, [one["group"] for one in told.json["scores"]]) == (0, ["all", row["lang"]])
    assert_harmless(told.out)
    shown = answerback("evaluate", "calm.jsonl")
    assert shown.code == 0
    assert_harmless(shown.out)


def test_evaluate_measures_the_operators_reasons_and_says_which_it_does_not_know(
    home: Path, answerback: Answerback
) -> None:
    reasons = ["locker", "delay", "\x1b[31mred", *(f"odd {n}" for n in range(12))]
    write(home / "shop.jsonl", [{"text": "the locker is stuck", "reason": reason} for reason in reasons])
    bare = answerback("evaluate", "shop.jsonl", "--json")
    assert bare.json["scores"][0]["rows"] == 1
    bare.complains("shop: the reason of 14 rows is unknown", '"locker" (1)', "4 more", code=0)
    with (home / "config.toml").open("a", encoding="utf-8") as config:
        config.write(
            '[[classifier.reasons]]\nname = "locker"\nsentence = "The parcel locker does not open."\n'
        )
    named = answerback("evaluate", "shop.jsonl", "--json")
    assert [(one["field"], one["rows"]) for one in named.json["scores"]] == [("reason", 2)]
    assert "locker" in named.json["scores"][0]["labels"]
    named.complains("the reason of 13 rows is unknown", code=0)
    assert "locker" not in named.err
    write(home / "odd.jsonl", [{"text": "x", "reason": "odd"}])
    answerback("evaluate", "odd.jsonl").complains('"odd" (1)', "nothing was measured")


def test_train_without_its_extra_says_how_to_get_it(
    home: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "data").mkdir()
    (home / "base").mkdir()
    real = builtins.__import__

    def without_onnx(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "onnx":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *args, **kwargs)

    for module in [m for m in sys.modules if m.partition(".")[0] == "onnx" or m.startswith("classifier.")]:
        monkeypatch.delitem(sys.modules, module)
        # The package remembers its modules, too: `from classifier import training` would find this one.
        monkeypatch.delattr(classifier, module.rpartition(".")[2], raising=False)
    monkeypatch.setattr(builtins, "__import__", without_onnx)
    done = answerback("train", "--data", "data", "--base", "base", "--out", "out")
    done.complains("onnx", "pip install 'answerback[train]'")
    assert not (home / "out").exists()


def test_learning_needs_corrections_and_says_which_are_left_out(home: Path, answerback: Answerback) -> None:
    desk = Desk(home / "answerback.db")
    desk.take(post("1"), post("2", source="x", thread="t2", by="ben"))
    for case, mention in ((1, "bluesky:1"), (2, "x:2")):
        seen = desk.mention(mention)
        casework.correct(
            desk.store, CaseId(case), agent="mia", post=seen, label=Label(complaint=False), now=NOON
        )
    desk.store.close()
    done = answerback("train", "--feedback", "--out", "ours")
    done.complains("x: 1 corrected posts are left out", "Too few corrections", "1 of at least")
    assert not (home / "ours").exists()


def test_learning_says_what_was_measured_and_what_was_not_learned(
    home: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    feedback = import_module("classifier.feedback")
    # Corrections alone, on one core: what an operator waits for is what is learned beside them.
    monkeypatch.setattr(feedback, "SOURCES", ())
    monkeypatch.setitem(feedback.learn.__kwdefaults__, "plan", replace(feedback.PLAN, threads=1))
    desk = Desk(home / "answerback.db")
    texts = [f"{word} {n} is broken" for word in ("phone", "bank", "shop") for n in range(40)]
    posts = [post(str(n), text) for n, text in enumerate(texts)]
    desk.take(*posts[:60])
    desk.take(*posts[60:])
    for n in range(len(texts)):
        label = Label(complaint=n % 3 == 0, sentiment=-1) if n < 100 else Label(reason="quality")
        seen = desk.mention(f"bluesky:{n}")
        casework.correct(desk.store, CaseId(1), agent="mia", post=seen, label=label, now=NOON)
    desk.store.close()
    done = answerback("train", "--feedback", "--out", "ours")
    assert done.code == 0, done.err
    assert "Corrections of the reason alone: 20. They are kept, but not learned from" in done.err
    learned, before, afterwards, *rest = done.out.splitlines()
    taught, held = map(int, re.findall(r"\d+", learned))
    assert taught + held == 100
    for line in (before, afterwards):
        assert re.search(rf"complaints right on \d+% of {held}, log loss \d\.\d{{3}}; ", line)
        assert re.search(rf"sentiment right on \d+% of {held}, log loss \d\.\d{{3}}; ", line)
        assert re.search(r"macro-F1 for complaints \d+\.\d% on the posts that ship for measuring$", line)
    assert ("not better: it " in rest[0]) is not (home / "ours").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--feedback", "--base", "data"], ["leave out --base, --resume and --distil"]),
        (["--feedback", "--resume"], ["leave out --base, --resume and --distil"]),
        (["--feedback", "--distil", "data"], ["leave out --base, --resume and --distil"]),
        (["--feedback", "--db", "gone.db"], ["no store at gone.db"]),
        (["--feedback", "--data", "gone"], ["--data", "no folder gone"]),
        (["--base", "data"], ["--data is missing"]),
        (["--distil", "data"], ["--data is missing"]),
        (["--data", "data"], ["Name --base", "or --distil"]),
        (["--data", "data", "--base", "gone", "--distil", "data"], ["--base", "no folder gone"]),
        (["--data", "data", "--distil", "gone"], ["--distil", "no folder gone"]),
    ],
)
def test_train_says_what_does_not_go_together(
    home: Path, answerback: Answerback, args: list[str], words: list[str]
) -> None:
    (home / "data").mkdir()
    answerback("train", "--out", "ours", *args).complains(*words)


def test_learning_does_not_write_over_the_weights_in_use(
    home: Path, tiny_weights: Path, answerback: Answerback
) -> None:
    answerback("train", "--feedback", "--out", tiny_weights).complains("holds the weights in use")


def test_train_without_its_folders(home: Path, answerback: Answerback) -> None:
    (home / "data").mkdir()
    for missing in ("--data", "--base"):
        folders = {"--data": "data", "--base": "data", "--out": "out", missing: "gone"}
        args = [part for pair in folders.items() for part in pair]
        answerback("train", *args).complains(missing, "gone")
    answerback("train", "--data", "data", "--base", "data", "--out", "out").complains("data")


def test_the_demo_config_is_accepted(tmp_path: Path) -> None:
    from answerback.bootstrap import make_rules
    from answerback.commands import demo

    text = demo._CONFIG.format(path=json.dumps(str(DEMO_DAY)), speed=60.0)
    tomllib.loads(text)
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    assert len(make_rules(load_config(tmp_path / "config.toml")).sla) == 4
