"""`tf.app.flags` and `tf.app.run`: command lines as absl's flags read them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import tfc.v1 as tf
from tfc.frontend.v1.stacks import PROGRAM

flags = tf.app.flags
FLAGS = flags.FLAGS


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    flags.DEFINE_float("learning_rate", 0.5, "Step size.")
    flags.DEFINE_integer("steps", 100, "Number of steps.")
    flags.DEFINE_string("data_dir", None, "Folder.")
    flags.DEFINE_boolean("fake", False, "No data.")
    tf.flags.DEFINE_bool("log", True, "Say things.")
    flags.DEFINE_enum("mode", "train", ["train", "test"], "What to do.")
    flags.DEFINE_list("layers", ["10", "20"], "Sizes.")
    yield
    for name in list(FLAGS):
        delattr(FLAGS, name)
    PROGRAM.parsed = False


def values(*arguments: str) -> dict[str, Any]:
    assert FLAGS(["program", *arguments]) == ["program"]
    return FLAGS.flag_values_dict()


DEFAULTS = {
    "learning_rate": 0.5,
    "steps": 100,
    "data_dir": None,
    "fake": False,
    "log": True,
    "mode": "train",
    "layers": ["10", "20"],
}


def test_defaults() -> None:
    assert values() == DEFAULTS


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--learning_rate=1e-3", "-steps", "7"], {"learning_rate": 1e-3, "steps": 7}),
        (["--steps=0x10", "--data_dir", "--odd"], {"steps": 16, "data_dir": "--odd"}),
        (["--fake", "--nolog"], {"fake": True, "log": False}),
        (["--fake=True", "--log=f"], {"fake": True, "log": False}),
        (["--data_dir=a=b", "--mode=test"], {"data_dir": "a=b", "mode": "test"}),
        (["--layers=1, 2,3"], {"layers": ["1", "2", "3"]}),
        (["--steps=1", "--steps=2"], {"steps": 2}),
    ],
)
def test_command_lines(arguments: list[str], changed: dict[str, Any]) -> None:
    assert values(*arguments) == {**DEFAULTS, **changed}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--steps=many", "flag --steps=many: expected an int"),
        ("--steps", "Missing value for flag --steps"),
        ("--fake=maybe", "flag --fake=maybe: expected a bool"),
        ("--mode=eval", "flag --mode=eval: expected one of train, test"),
        ("--learning_rat=1", "Unknown command line flag 'learning_rat'. Did you mean: learning_rate?"),
        ("--nosteps", "Unknown command line flag 'nosteps'. Did you mean: steps?"),
        ("-x", "Unknown command line flag 'x'"),
    ],
)
def test_wrong_command_lines(argument: str, message: str) -> None:
    with pytest.raises(flags.Error) as caught:
        FLAGS(["program", argument])
    assert str(caught.value) == message


def test_what_is_no_flag_ends_the_flags() -> None:
    assert FLAGS(["program", "--fake", "file", "--steps=1"]) == ["program", "file", "--steps=1"]
    assert FLAGS(["program", "--", "--steps=1"]) == ["program", "--steps=1"]
    assert FLAGS(["program", "--other=1", "--steps=3"], known_only=True) == ["program", "--other=1"]
    assert (FLAGS.fake, FLAGS.steps) == (True, 3)


def test_the_first_flag_read_has_the_command_line_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--steps=5"])
    assert not FLAGS.is_parsed()
    assert FLAGS.steps == 5
    assert FLAGS.is_parsed()
    FLAGS.steps = 6
    assert FLAGS.steps == 6


def test_names_that_are_not_declared() -> None:
    assert "steps" in FLAGS
    with pytest.raises(AttributeError, match="no flag is named step$"):
        _ = FLAGS.step
    with pytest.raises(AttributeError, match="no flag is named step$"):
        FLAGS.step = 1
    with pytest.raises(flags.Error, match="flag --rate=fast: expected a float"):
        flags.DEFINE_float("rate", "fast", "")


def test_old_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--size=5", "--other"])
    flags.DEFINE_integer(flag_name="size", default_value=3, docstring="Size.")
    FLAGS._parse_flags()
    assert FLAGS.size == 5


def test_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    main = ModuleType("__main__")
    main.main = lambda rest: print(FLAGS.steps, rest)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["program", "--steps=5", "more"])
    with pytest.raises(SystemExit) as caught:
        tf.app.run()
    assert caught.value.code is None
    with pytest.raises(SystemExit) as caught:
        tf.app.run(main=len, argv=["program", "--unknown"])
    assert caught.value.code == 2
    with pytest.raises(SystemExit) as caught:
        tf.app.run(main=len, argv=["program", "--steps=x"])
    assert caught.value.code == 1
    out, err = capsys.readouterr()
    assert out == "5 ['program', 'more']\n"
    assert err == "FATAL Flags parsing error: flag --steps=x: expected an int\nPass --help to see the flags.\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        tf.app.run(main=len, argv=["program", "--help"])
    assert caught.value.code == 1
    out = capsys.readouterr().out
    assert out.startswith("usage: program [flags]\n")
    assert "  --[no]fake: No data.\n    (a bool, default False)\n" in out
