"""`tfc run`: scripts run as Python runs them, with TensorFlow's names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tfc.v1
from tfc.cli.names import tensorflow_names

from .conftest import SCRIPTS, Tfc


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def by_python(path: Path, *arguments: str, text: str | None = None) -> tuple[int, str, str]:
    command = [sys.executable, str(path), *arguments]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout, result.stderr


# Real scripts


def test_the_first_lesson(tfc: Tfc) -> None:
    assert tfc("run", SCRIPTS / "multiply.py") == (0, "[ 4. 10. 18.]\n", "")


def test_the_classifier_learns(tfc: Tfc, idx_data: Path) -> None:
    status, out, err = tfc("run", SCRIPTS / "classifier.py", idx_data, "--steps", "300")
    assert (status, err) == (0, "")
    before, after = (float(line.removeprefix("Accuracy: ").removesuffix("%")) for line in out.splitlines())
    assert before < 40
    assert after > 60


def test_a_regression_with_plots(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    status, out, _ = tfc("run", SCRIPTS / "regression.py")
    assert status == 0
    assert float(out.removeprefix("A = ")) == pytest.approx(10, abs=0.5)


# Names of TensorFlow


@pytest.mark.parametrize(
    ("statement", "name", "real"),
    [
        ("import tensorflow as found", "tensorflow", "tfc.v1"),
        ("import tensorflow.compat.v1 as found", "tensorflow.compat.v1", "tfc.v1"),
        ("from tensorflow.compat import v1 as found", "tensorflow.compat", "tfc.v1"),
        ("import tensorflow.compat.v1.train as found", "tensorflow.compat.v1.train", "tfc.v1.train"),
        ("from tensorflow import nn as found", "tensorflow", "tfc.v1.nn"),
        ("from tensorflow.python.framework import ops as found", "tensorflow.python", "tfc.v1.python.framework.ops"),
        ("from tensorflow.contrib import layers as found", "tensorflow.contrib", "tfc.v1.contrib.layers"),
        ("import tensorflow.contrib.layers as found", "tensorflow.contrib.layers", "tfc.v1.contrib.layers"),
        (
            "from tensorflow.examples.tutorials.mnist import input_data as found",
            "tensorflow.examples",
            "tfc.v1.examples.tutorials.mnist.input_data",
        ),
    ],
)
def test_modules_of_tensorflow_are_those_of_tfc(statement: str, name: str, real: str) -> None:
    module = importlib.import_module(real)
    spec = module.__spec__
    space: dict[str, object] = {}
    with tensorflow_names():
        exec(statement, space)
        assert name in sys.modules
    assert space["found"] is module
    assert module.__spec__ is spec
    assert module.__name__ == real
    assert not [name for name in sys.modules if name.startswith("tensorflow")]


def test_what_tfc_lacks_is_named() -> None:
    with tensorflow_names():
        with pytest.raises(ModuleNotFoundError) as caught:
            importlib.import_module("tensorflow.python.ops.rnn")
        assert str(caught.value) == "No module named 'tensorflow.python.ops': tfc has no such part of TensorFlow"
        assert caught.value.name == "tensorflow.python.ops"
        with pytest.raises(ImportError, match="cannot import name 'keras'"):
            exec("from tensorflow import keras", {})
        with pytest.raises(AttributeError, match=r"tfc.v1 has no nn.quantum"):
            _ = importlib.import_module("tensorflow").nn.quantum


def test_an_error_inside_a_module_of_tfc_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tfc.v1.contrib.layers", None)
    with tensorflow_names(), pytest.raises(ModuleNotFoundError, match="tfc has no such part"):
        importlib.import_module("tensorflow.contrib.layers")
    monkeypatch.delitem(sys.modules, "tfc.v1.contrib.layers")
    monkeypatch.setitem(sys.modules, "tfc.frontend.v1.initializers", None)
    with tensorflow_names(), pytest.raises(ModuleNotFoundError, match="initializers"):
        importlib.import_module("tensorflow.contrib.layers")


def test_a_tensorflow_that_is_there_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    with tensorflow_names():
        assert importlib.import_module("tensorflow") is tfc.v1
    assert sys.modules["tensorflow"] is sys


# As Python runs a script


SEEN = """\
import sys
print(sys.argv[1:], __name__, __file__, sys.path[0], __package__, __doc__, __spec__)
print(sys.modules["__main__"].__dict__ is globals())
"""


def test_a_script_sees_what_python_shows_it(tfc: Tfc, tmp_path: Path) -> None:
    path = script(tmp_path, f'"""Says."""\n{SEEN}')
    arguments = ("--epochs", "3", "-h", "--", "x")
    assert tfc("run", path, *arguments) == by_python(path, *arguments)


def test_a_script_imports_its_neighbours(tfc: Tfc, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_script.py").write_text("value = 7\n")
    path = script(tmp_path, "import neighbour_of_script\nprint(neighbour_of_script.value)\n")
    before = list(sys.path)
    assert tfc("run", path) == (0, "7\n", "")
    assert sys.path == before
    del sys.modules["neighbour_of_script"]


@pytest.mark.parametrize(
    "ending",
    ["", "sys.exit()", "sys.exit(0)", "sys.exit(3)", "sys.exit(-1)", "sys.exit('why')", "sys.exit((1, 2))", "exit(4)"],
)
def test_exit_status_is_pythons(tfc: Tfc, tmp_path: Path, ending: str) -> None:
    path = script(tmp_path, f"import sys\nprint('said')\n{ending}\n")
    assert tfc("run", path) == by_python(path)


FAILING = {
    "zero": "def f(x):\n    return 1 / x\n\n\nf(0)\n",
    "syntax": "x = 1\ny = (\n",
    "indent": "if True:\nx = 1\n",
    "chain": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n",
    "context": "try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b')\n",
    "group": "raise ExceptionGroup('all', [ValueError(1)])\n",
    "missing": "import no_such_module_of_anyone\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0])\nraise ValueError\n",
}


@pytest.mark.parametrize("text", FAILING.values(), ids=FAILING.keys())
def test_tracebacks_are_pythons(tfc: Tfc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    path = script(tmp_path, text)
    assert tfc("run", path) == by_python(path)


def test_an_import_that_tfc_lacks_shows_the_users_line_alone(tfc: Tfc, tmp_path: Path) -> None:
    path = script(tmp_path, "import tensorflow.python.ops.rnn\n")
    status, _, err = tfc("run", path)
    assert status == 1
    assert err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 1, in <module>',
        "    import tensorflow.python.ops.rnn",
        "ModuleNotFoundError: No module named 'tensorflow.python.ops': tfc has no such part of TensorFlow",
    ]


@pytest.mark.parametrize(("wrong", "right"), [("reduce_sume", "reduce_sum"), ("nn.reluu", "relu")])
def test_a_misspelt_name_is_put_right(
    tfc: Tfc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, right: str
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    status, _, err = tfc("run", script(tmp_path, f"import tensorflow as tf\ntf.{wrong}(1.0)\n"))
    assert status == 1
    assert err.splitlines()[-1] == f"AttributeError: tfc.v1 has no {wrong}. Did you mean: '{right}'?"


def test_an_error_of_the_graph_names_the_users_line(tfc: Tfc, tmp_path: Path) -> None:
    text = "import tensorflow as tf\na = tf.zeros([2, 3])\nb = tf.zeros([4, 5])\nc = tf.matmul(a, b)\n"
    path = script(tmp_path, text)
    status, _, err = tfc("run", path)
    assert status == 1
    assert f'File "{path}", line 4, in <module>' in err
    assert f"at {path}:4" in err.splitlines()[-1]


@pytest.mark.parametrize("text", [SEEN, "1 / 0\n", "x = (\n"])
def test_a_script_from_standard_input(text: str) -> None:
    command = [sys.executable, "-m", "tfc", "run", "-", "a", "-b"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    expected = by_python(Path("-"), "a", "-b", text=text)
    assert (result.returncode, result.stdout, result.stderr) == expected
