"""`tfc dump`: which run of a script is dumped, its stages and formats, and texts of the IR."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tfc.cli.stages import STAGES
from tfc.ir.kernel_text import parse_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.text import parse_graph
from tfc.ir.verify import verify_graph

from .conftest import SCRIPTS, Tfc

HEAD = "import numpy as np\nimport tensorflow as tf\n"
MODEL = (
    HEAD
    + """
x = tf.placeholder(tf.float32, [None, 4], name="x")
w = tf.Variable(tf.ones([4, 2]), name="w")
y = tf.matmul(x, w, name="y")
cost = tf.reduce_sum(tf.square(y))
train = tf.train.GradientDescentOptimizer(0.1).minimize(cost, name="train")
session = tf.Session()
session.run(tf.global_variables_initializer())
"""
)


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text)
        return path

    return write


def shape(text: str, name: str) -> str:
    """The type of a node in a printed graph."""
    found = re.search(rf"%{re.escape(name)} = .*? : (\S+\[[^\]]*\])", text)
    assert found is not None, text
    return found[1]


# Which run


def test_without_a_name_the_first_run_that_trains(tfc: Tfc, script: Any) -> None:
    """What sets variables up is run, the step of training is not."""
    path = script(
        MODEL + "print('set up', session.run(y, {x: np.ones((2, 4))})[0, 0])\n"
        "session.run([train, cost], {x: np.ones((3, 4))})\nprint('trained')\n"
    )
    status, out, err = tfc("dump", path)
    assert (status, err) == (0, "set up 4.0\n")
    graph = parse_graph(out)
    assert [v.node.name for v in graph.outputs] == ["Sum"]
    assert [v.node.name for v, _ in graph.updates] == ["w"]


@pytest.mark.parametrize(
    ("update", "stops"),
    [
        ("tf.assign(w, w - 0.1)", True),
        ("w.assign_add(tf.ones([4, 2]))", True),
        ("tf.group(w.assign(2.0 * w.initialized_value()))", False),
        ("w.initializer", False),
        ("tf.assign(w, tf.random_normal([4, 2]))", False),
    ],
)
def test_training_makes_a_variables_value_from_its_own(tfc: Tfc, script: Any, update: str, stops: bool) -> None:
    path = script(
        f"{MODEL}update = {update}\nsession.run(update)\nprint('after')\nsession.run(y, {{x: np.ones((1, 4))}})\n"
    )
    _, out, err = tfc("dump", path)
    assert ("after" not in err) is stops
    assert ("update %w" in out) is stops
    assert ("return %y" in out) is not stops


def test_without_training_the_last_run(tfc: Tfc) -> None:
    status, out, _ = tfc("dump", SCRIPTS / "multiply.py", "--stage", "opt")
    assert status == 0
    assert re.fullmatch(r"float32\[\w+\]", shape(out, "multiply"))


def test_without_runs_the_training_step_or_the_last_tensor(tfc: Tfc, script: Any) -> None:
    _, out, _ = tfc("dump", script(MODEL.partition("session")[0] + "after = x + 1.0\n"))
    assert "update %w" in out
    assert "return\n" in out


def test_a_script_that_only_builds(tfc: Tfc) -> None:
    _, out, _ = tfc("dump", SCRIPTS / "build.py")
    assert out.endswith("return %z\n}\n")


def test_a_name_in_a_run_of_many(tfc: Tfc, script: Any) -> None:
    path = script(MODEL + "session.run([y, cost], {x: np.ones((2, 4))})\nprint('ran')\n")
    for name in ("y", "y:0", "cost"):
        status, out, err = tfc("dump", f"{path}:{name}")
        assert (status, err) == (0, "")
        assert len(parse_graph(out).outputs) == 1


@pytest.mark.parametrize(
    ("name", "returned"), [("y", "y"), ("x", "x"), ("w", "w"), ("cost", "Sum"), ("Square", "Square")]
)
def test_a_name_is_dumped_alone_where_training_begins(tfc: Tfc, script: Any, name: str, returned: str) -> None:
    path = script(MODEL + "session.run(train, {x: np.ones((3, 4))})\nprint('trained')\n")
    status, out, err = tfc("dump", f"{path}:{name}")
    assert (status, err) == (0, "")
    graph = parse_graph(out)
    assert [v.node.name for v in graph.outputs] == [returned]
    assert graph.updates == []


def test_an_operation_with_effects(tfc: Tfc, script: Any) -> None:
    path = script(MODEL + "session.run(cost, {x: np.ones((3, 4))})\n")
    for name in ("train", "w/Assign"):
        status, out, _ = tfc("dump", f"{path}:{name}")
        assert status == 0
        assert [v.node.name for v, _ in parse_graph(out).updates] == ["w"]


def test_a_name_that_is_made_after_training(tfc: Tfc, script: Any) -> None:
    path = script(
        MODEL + "session.run(train, {x: np.ones((3, 4))})\nprint('trained')\n"
        "late = tf.add(y, 1.0)\nsession.run(late, {x: np.ones((3, 4))})\nprint('ran')\n"
    )
    status, out, err = tfc("dump", f"{path}:late")
    assert (status, err) == (0, "trained\n")
    assert "return %Add" in out


def test_names_in_functions_that_are_running(tfc: Tfc) -> None:
    status, out, err = tfc("dump", f"{SCRIPTS / 'regression.py'}:my_output", "--stage", "opt")
    assert (status, err) == (0, "")
    assert "return %Mul" in out


def test_the_scripts_arguments_are_none(tfc: Tfc) -> None:
    status, _, err = tfc("dump", SCRIPTS / "classifier.py")
    assert status == 1
    assert "the following arguments are required: data" in err
    assert err.splitlines()[-1].endswith("ended with exit status 2 before there was anything to dump")


# Compiled functions


def test_a_compiled_function_at_its_first_call(tfc: Tfc) -> None:
    status, out, err = tfc("dump", f"{SCRIPTS / 'functions.py'}:predict", "--stage", "opt")
    assert (status, err) == (0, "")
    assert shape(out, "matmul") == "float32[d0_0, 2]"


def test_a_gradient_function(tfc: Tfc) -> None:
    status, out, _ = tfc("dump", f"{SCRIPTS / 'functions.py'}:step")
    assert status == 0
    assert len(parse_graph(out).outputs) == 2


def test_a_function_that_is_never_called(tfc: Tfc) -> None:
    status, out, _ = tfc("dump", f"{SCRIPTS / 'functions.py'}:total", "--stage", "opt")
    assert status == 0
    assert shape(out, "reduce_sum") == "float32[d0_0]"
    never = f"{SCRIPTS / 'functions.py'}:never"
    status, out, err = tfc("dump", never, "--shape", "x=4,5")
    assert (status, out) == (1, "")
    assert "never is never called and has no specs: give --shape y=…" in err
    status, out, _ = tfc("dump", never, "--shape", "x=4,5", "--shape", "y=5")
    assert status == 0
    assert shape(out, "add") == "float32[4, 5]"


def test_without_a_name_the_last_call(tfc: Tfc) -> None:
    _, out, err = tfc("dump", SCRIPTS / "functions.py")
    assert err.startswith("[[0.5 0.5]")
    assert len(parse_graph(out).outputs) == 2


# Stages


def test_every_stage(tfc: Tfc) -> None:
    texts = {}
    for stage in STAGES:
        status, texts[stage], err = tfc("dump", SCRIPTS / "regression.py", "--stage", stage)
        assert (status, err) == (0, "")
    for stage in ("graph", "opt"):
        verify_graph(parse_graph(texts[stage]))
    verify_program(parse_program(texts["kernel"]))
    assert "define" in texts["llvm"]
    assert re.search(r"^tfc_run:$", texts["asm"], re.MULTILINE)
    assert tfc("dump", SCRIPTS / "regression.py")[1] == texts["graph"]


def test_the_kernel_stage_says_the_peak_memory(tfc: Tfc, script: Any, tmp_path: Path) -> None:
    lines = (
        "x = tf.placeholder(tf.float32, [None, 784], name='x')",
        "y = tf.matmul(x, tf.Variable(tf.zeros([784, 10])))",
    )
    path = script("\n".join(("import tensorflow as tf", *lines)))
    _, shaped, _ = tfc("dump", path, "--stage", "kernel", "--shape", "x=7,784")
    feeds, fetches, variables = 4 * 7 * 784, 4 * 7 * 10, 4 * 784 * 10
    found = re.match(r"# peak memory at \w+ = 7: ([\d,]+) bytes \((.*), arena ([\d,]+)\)\n", shaped)
    assert found is not None, shaped[:200]
    assert found[2] == f"feeds {feeds:,}, fetches {fetches:,}, variables {variables:,}, constants 0"
    total, arena = (int(found[k].replace(",", "")) for k in (1, 3))
    assert total == feeds + fetches + variables + arena
    (tmp_path / "p.ir").write_text("program p dims(n) arena(64*n) {\n  slot feed x: float32[n] in\n}\n")
    _, text, _ = tfc("dump", tmp_path / "p.ir", "--stage", "kernel")
    assert text.startswith("# peak memory: 68*n bytes (feeds 4*n, fetches 0, variables 0, constants 0, arena 64*n)\n")


def test_the_target_of_the_environment(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for target in ("generic", "nonsense"):
        monkeypatch.setenv("TFC_TARGET", target)
        texts.append(tfc("dump", f"{SCRIPTS / 'build.py'}:y", "--stage", "llvm"))
    assert texts[0][0] == 0
    assert texts[1][0] == 1
    assert texts[1][2].startswith("tfc: error: unknown target 'nonsense'; known are ")


def test_print_after_prints_where_a_pass_changed_it(tfc: Tfc, script: Any) -> None:
    path = script(HEAD + "z = tf.add(tf.constant(1.0), tf.constant(2.0))\ntf.Session().run(z)\n")
    status, out, _ = tfc("dump", path, "--print-after", "fold", "--print-after", "schedule")
    assert status == 0
    assert out.startswith("# after fold\ngraph @main {\n")
    assert out.count("# after fold") == 1
    _, both, _ = tfc("dump", path, "--print-after", "fold", "--stage", "kernel")
    assert both.startswith("# after fold\ngraph @main {\n")
    assert "\nprogram main" in both
    status, _, err = tfc("dump", path, "--print-after", "nonsense")
    assert status == 2
    assert "invalid choice: 'nonsense'" in err


def test_times_are_on_standard_error(tfc: Tfc) -> None:
    status, out, err = tfc("dump", f"{SCRIPTS / 'build.py'}:y", "--stage", "asm", "--time")
    assert status == 0
    assert " ms " not in out
    rows = [line.split() for line in err.splitlines()]
    assert [row[1] for row in rows] == ["ms"] * len(rows)
    names = [row[2] for row in rows]
    assert names[0] == "specialize"
    assert {"simplify", "lower", "schedule", "native"} < set(names)
    assert float(rows[-1][0]) == pytest.approx(sum(float(row[0]) for row in rows[:-1]), abs=0.1)


# Shapes


def test_shapes_of_the_run_decide_what_is_broadcast(tfc: Tfc, script: Any) -> None:
    text = HEAD + (
        "a = tf.placeholder(tf.float32, [None, None], name='a')\n"
        "b = tf.placeholder(tf.float32, [None, None], name='b')\n"
        "c = tf.add(a, b, name='c')\n"
    )
    path = script(text + "tf.Session().run(c, {a: np.ones((2, 3)), b: np.ones((1, 3))})\n")
    assert shape(tfc("dump", path, "--stage", "opt")[1], "b").startswith("float32[1, ")
    for given in ((path, "--shape", "b=2,3"), (script(text),)):
        _, out, _ = tfc("dump", *given, "--stage", "opt")
        assert shape(out, "b") == shape(out, "a") == shape(out, "c")
    path = script(text + "tf.Session().run(c, {a: np.ones((2, 3)), b: np.ones((1, 3))})\n")
    status, _, err = tfc("dump", path, "--stage", "opt", "--shape", "b=7,3")
    assert status == 1
    assert f"at {path}:5" in err


def test_shapes_that_cannot_be(tfc: Tfc) -> None:
    build = SCRIPTS / "build.py"
    for options, message in [
        ([], f"X at {build}:3 may be of any rank: say what it is fed, as in --shape X=100,784"),
        (["--shape", "X=3", "--shape", "Y=7,4"], f"Y at {build}:4 is float32[d0, 3]: it takes no shape [7, 4]"),
        (["--shape", "Q=3"], "--shape Q: nothing of that name is fed; fed are X, Y, x, y"),
    ]:
        status, out, err = tfc("dump", build, "--stage", "opt", *options)
        assert (status, out, err) == (1, "", f"tfc: error: {message}\n")
    for text in ("X", "=3", "X=a", "X=-1", "X=3,"):
        status, _, err = tfc("dump", build, "--shape", text)
        assert status == 2
        assert f"expected NAME=100,784, got {text!r}" in err


@pytest.mark.parametrize("name", ["X", "X:0", "x"])
def test_a_shape_by_any_name_of_its_tensor(tfc: Tfc, name: str) -> None:
    _, out, _ = tfc("dump", SCRIPTS / "build.py", "--stage", "opt", "--shape", f"{name}=")
    assert shape(out, "X") == "float32[]"


# Names that are not there


def test_a_wrong_name_is_told_the_near_ones(tfc: Tfc) -> None:
    build = SCRIPTS / "build.py"
    for name, message in [
        ("zz", "zz does not exist in {}; did you mean z?"),
        ("quite_other", "quite_other does not exist in {}; --list prints the names there are"),
        ("number", "number is a int, not a tensor, an operation or a compiled function in {}; --list"),
        ("z:1", "z:1 does not exist in {}; --list"),
    ]:
        status, out, err = tfc("dump", f"{build}:{name}")
        assert (status, out) == (1, "")
        assert err.startswith(f"tfc: error: {message.format(build)}")


def test_a_script_without_a_graph(tfc: Tfc, script: Any) -> None:
    path = script("print('hello')\n")
    assert tfc("dump", path) == (1, "", f"hello\ntfc: error: {path} runs nothing; it builds no graph\n")
    only = script("import tfc\n@tfc.compile\ndef f(x):\n    return x\n")
    assert tfc("dump", only)[2] == f"tfc: error: {only} runs nothing; name one of its functions: f\n"


def test_a_script_that_fails(tfc: Tfc, script: Any) -> None:
    path = script("1 / 0\n")
    status, out, err = tfc("dump", path)
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == "ZeroDivisionError: division by zero"
    assert lines[-1] == f"tfc: error: {path} ended with exit status 1 before there was anything to dump"


def test_no_handler_of_the_script_keeps_it_running(tfc: Tfc, script: Any) -> None:
    path = script(MODEL + "try:\n    session.run(train, {x: np.ones((1, 4))})\nexcept Exception:\n    print('kept')\n")
    status, _, err = tfc("dump", path)
    assert (status, err) == (0, "")


# Lists


def test_list_of_a_script(tfc: Tfc) -> None:
    _, out, _ = tfc("dump", SCRIPTS / "functions.py", "--list")
    rows = [re.split(r"  +", line) for line in out.splitlines()]
    file = SCRIPTS / "functions.py"
    assert ["function", "predict", "(x, w, b)", f"{file}:7"] in rows
    assert "step" in [row[1] for row in rows]
    _, out, _ = tfc("dump", SCRIPTS / "regression.py", "--list")
    rows = [re.split(r"  +", line) for line in out.splitlines()]
    assert ["variable", "my_output", "Mul: float32[1]", f"{SCRIPTS / 'regression.py'}:17"] in rows
    assert "operation" in [row[0] for row in rows]


# What the stages hold

ATTENTION = {
    "graph": """
q, k, v = (tf.placeholder(tf.float32, [None, 3, None, 8]) for _ in range(3))
scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(8.0)
y = tf.matmul(tf.nn.softmax(scores), v)
with tf.Session() as session:
    session.run(y, {x: np.ones((2, 3, 9, 8)) for x in (q, k, v)})
""",
    "function": """
import tfc
from tfc import numpy as tnp

@tfc.compile
def attend(q, k, v):
    scores = tnp.matmul(q, tnp.swapaxes(k, -1, -2)) / 8**0.5
    return tnp.matmul(tnp.softmax(tnp.where(tnp.ones((9, 9)) > 0, scores, -np.inf), axis=-1), v)

x = np.ones((2, 3, 9, 8), np.float32)
attend(x, x, x)
""",
}


@pytest.mark.parametrize("form", ATTENTION)
def test_attention_is_one_op_and_one_kernel(tfc: Tfc, script: Any, form: str) -> None:
    path = script(HEAD + ATTENTION[form])
    name = f"{path}:attend" if form == "function" else path
    status, out, err = tfc("dump", name, "--stage", "opt")
    assert status == 0, err
    assert len(re.findall(r"= attention\(", out)) == 1
    assert "softmax" not in out
    assert "reduce_" not in out
    _, out, _ = tfc("dump", name, "--stage", "kernel")
    assert len(parse_program(out).kernels) == 1


# Texts of the IR


def test_a_printed_graph_is_dumped_as_the_script(tfc: Tfc, tmp_path: Path) -> None:
    texts = {stage: tfc("dump", SCRIPTS / "regression.py", "--stage", stage)[1] for stage in STAGES}
    for first, file in (("graph", "a.ir"), ("opt", "b.ir"), ("kernel", "c.kernel")):
        path = tmp_path / file
        path.write_text(f"# printed\n\n{texts[first]}")
        later = list(STAGES)[list(STAGES).index(first) :]
        for stage in later:
            assert tfc("dump", path, "--stage", stage) == (0, texts[stage], ""), (first, stage)


def test_a_graph_with_assignments(tfc: Tfc, tmp_path: Path) -> None:
    path = tmp_path / "assign.ir"
    path.write_text(
        'graph @main {\n  %v = variable() {dtype = float32, shape = [3], key = "v"} : float32[3]\n'
        "  %x = placeholder() {dtype = float32, shape = [3]} : float32[3]\n"
        "  %a = assign_add(%v, %x) : float32[3]\n  return\n}\n"
    )
    status, out, _ = tfc("dump", path)
    assert status == 0
    assert "update %v = %add" in out


def test_a_text_from_standard_input(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text, _ = tfc("dump", SCRIPTS / "multiply.py")
    monkeypatch.setattr(sys, "stdin", StringIO(text))
    assert tfc("dump", "-", "--shape", "X_1=3", "--shape", "X_2=3", "--stage", "kernel")[0] == 0
    monkeypatch.setattr(sys, "stdin", StringIO(text))
    rows = tfc("dump", "-", "--list")[1].splitlines()
    assert [row.split()[1] for row in rows] == ["X_1", "X_2", "multiply"]


EXP = """program p dims() arena(0) {
  slot feed x: float32[1] in
  slot fetch y: float32[1] out
  kernel k(x: float32[1] in, y: float32[1] out) {
    y[0] = exp(x[0])
  }
  run k(x, y)
}
"""


@pytest.mark.parametrize(
    ("text", "options", "status", "message"),
    [
        ("graph @x {\n  %a = foo() : ()\n  return\n}\n", [], 1, "{}: line 2, column 8: expected a known op"),
        ("graph @x {", [], 1, "{}: line 1, column 11"),
        ("", [], 1, "{}: line 1, column 1: expected 'graph', found the end of the text"),
        ("print(1)", [], 1, "{}: line 1, column 1: expected 'graph', found 'print'"),
        ("program p dims() arena(0) {\n}\n", ["--stage", "graph"], 1, "a program of kernels has no stage graph"),
        ("program p dims() arena(0) {\n}\n", ["--shape", "x=1"], 1, "a program of kernels takes no --shape"),
        ("program p dims() arena(0) {\n}\n", ["--print-after", "fold"], 1, "no pass runs over a program of kernels"),
        (EXP, ["--stage", "asm"], 1, "kernel k: exp of float32 is not a machine primitive"),
        ("graph @x {\n  return\n}\n", ["--shape", "x=1"], 1, "--shape x: nothing of that name is fed; fed are no"),
    ],
)
def test_wrong_texts(tfc: Tfc, tmp_path: Path, text: str, options: list[str], status: int, message: str) -> None:
    path = tmp_path / "text.ir"
    path.write_text(text)
    found, out, err = tfc("dump", path, *options)
    assert (found, out) == (status, "")
    assert err.startswith(f"tfc: error: {message.format(path)}")


def test_a_text_takes_no_name(tfc: Tfc, tmp_path: Path) -> None:
    path = tmp_path / "text.ir"
    path.write_text("graph @x {\n  return\n}\n")
    assert tfc("dump", f"{path}:x")[0] == 2


# Formats and files


def test_pictures(tfc: Tfc) -> None:
    regression = SCRIPTS / "regression.py"
    _, svg, _ = tfc("dump", regression, "--format", "svg")
    texts = [e.text for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"placeholder", "float32[1]", "update Variable", "0.02"} < set(texts)
    _, dot, _ = tfc("dump", regression, "--format", "dot", "--stage", "opt")
    assert dot.startswith('digraph "main" {')
    for options in (["--stage", "kernel"], ["--print-after", "fold"]):
        status, _, err = tfc("dump", regression, "--format", "svg", *options)
        assert status == 2
        assert "--format svg is for --stage graph and opt alone" in err


def test_the_output_file_is_whole_or_absent(tfc: Tfc, tmp_path: Path) -> None:
    multiply = SCRIPTS / "multiply.py"
    target = tmp_path / "out.ir"
    assert tfc("dump", multiply, "-o", target)[:2] == (0, "")
    assert target.read_text() == tfc("dump", multiply)[1]
    assert tfc("dump", f"{multiply}:nonsense", "-o", tmp_path / "none")[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.ir"]
    nowhere = tmp_path / "no" / "where"
    status, _, err = tfc("dump", multiply, "-o", nowhere)
    assert status == 1
    assert err.splitlines()[-1] == f"tfc: error: {nowhere}: No such file or directory"


def test_windows_of_the_script_stay_closed(tfc: Tfc, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "QtAgg")
    path = script(MODEL + "import os\nprint(os.environ['MPLBACKEND'])\nsession.run(y, {x: np.ones((1, 4))})\n")
    assert tfc("dump", path)[2] == "Agg\n"
