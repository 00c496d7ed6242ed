"""Programs on any number of threads: the same bits, whoever runs, forks or changes the number meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tfc
import tfc.numpy as tnp
from tfc.ir.errors import DTypeError, UnsupportedError
from tfc.ir.interpret import run_program
from tfc.ir.kernel import For, walk
from tfc.passes.manager import Pass
from tfc.passes.pipeline import program_passes
from tfc.passes.schedule.parallel import Parallelise
from tfc.passes.target import Target
from tfc.runtime import compilation

Array = np.ndarray[Any, Any]
COUNTS = (1, 2, 3, 7)


@pytest.fixture(autouse=True)
def count() -> Iterator[None]:
    before = tfc.get_num_threads()
    yield
    tfc.set_num_threads(before)


def eager(target: Target) -> tuple[Pass[Any], ...]:
    """The passes that give every loop to threads that may have it."""
    found = [p for p in program_passes(target) if not isinstance(p, Parallelise)]
    at = next(k for k, p in enumerate(found) if p.name == "schedule") + 1
    return (*found[:at], Parallelise(target, grain=1), *found[at:])


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is compiled, with threads for any loop that may have them."""
    found: list[Any] = []

    def compile_pure(*args: Any) -> Any:
        found.append(compilation.compile_pure(*args))
        return found[-1]

    monkeypatch.setattr(compilation, "program_passes", eager)
    monkeypatch.setattr("tfc.runtime.execution.compile_pure", compile_pure)
    return found


def arrays(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(len(shapes))
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def softmax(x: Any) -> Any:
    e = tnp.exp(x - tnp.max(x, axis=-1, keepdims=True))
    return e / tnp.sum(e, axis=-1, keepdims=True)


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + tnp.tanh(0.8 * (x + 0.04 * x * x * x)))


def normed(x: Any) -> Any:
    d = x - tnp.mean(x, axis=-1, keepdims=True)
    return d / tnp.sqrt(tnp.mean(d * d, axis=-1, keepdims=True) + 1e-5)


def loss(x: Any, w: Any) -> Any:
    return tnp.mean(-tnp.log(softmax(x @ w)[:, 0]))


CASES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "gelu": (gelu, [(1037,)]),
    "broadcast": (lambda x, y: x * y + x, [(33, 17), (17,)]),
    "outer": (lambda x, y: x - y, [(33, 1), (1, 17)]),
    "softmax": (softmax, [(19, 37)]),
    "softmax of 10": (softmax, [(50, 10)]),
    "layer norm": (normed, [(19, 37)]),
    "sum": (tnp.sum, [(4099,)]),
    "mean of all": (lambda x: tnp.mean(x * x), [(61, 67)]),
    "columns": (lambda x: tnp.sum(x, axis=0), [(101, 23)]),
    "middle": (lambda x: tnp.max(x, axis=1), [(7, 11, 13)]),
    "argmax": (lambda x: tnp.argmax(x, axis=-1), [(41, 29)]),
    "transposed": (lambda x: x.T * 2.0, [(45, 31)]),
    "product": (lambda a, b: a @ b, [(70, 33), (33, 65)]),
    "product of one row": (lambda a, b: a @ b, [(1, 33), (33, 130)]),
    "product and bias": (lambda a, b, c: tnp.maximum(a @ b + c, 0.0), [(70, 33), (33, 65), (65,)]),
    "batched": (lambda a, b: a @ b, [(5, 9, 16), (5, 16, 12)]),
    "classifier": (lambda x, w, b: softmax(x @ w + b), [(37, 40), (40, 10), (10,)]),
    "loss": (loss, [(23, 16), (16, 10)]),
    "several": (lambda x, y: (x + y, softmax(x), tnp.sum(x * y, axis=1)), [(31, 18), (31, 18)]),
}
GRADIENT = (tfc.value_and_grad(loss), [(23, 16), (16, 10)])


def leaves(x: Any) -> list[Array]:
    return [y for part in x for y in leaves(part)] if isinstance(x, (tuple, list)) else [np.asarray(x)]


@pytest.mark.parametrize("name", [*CASES, "gradient"])
def test_bits_do_not_depend_on_the_number_of_threads(name: str, programs: list[Any]) -> None:
    f, shapes = CASES.get(name, GRADIENT)
    given, run = arrays(*shapes), tfc.compile(f)
    results = []
    for n in COUNTS:
        tfc.set_num_threads(n)
        results += [[a.tobytes() for a in leaves(run(*given))] for _ in range(3)]
    assert all(r == results[0] for r in results)
    assert any(s.kind == "parallel" for k in programs[0].program.kernels for s in walk(k.body) if isinstance(s, For))


@pytest.mark.parametrize("name", ["softmax of 10", "columns", "sum", "batched", "loss"])
def test_programs_have_no_races(name: str, programs: list[Any]) -> None:
    """The interpreter finds them, and gives the same."""
    f, shapes = CASES[name]
    given = arrays(*shapes)
    expected = leaves(tfc.compile(f)(*given))
    program = programs[0].program
    dims: dict[str, int] = {}
    for known, a in zip(programs[0].shape_class.inputs, given, strict=True):
        dims |= {str(d): n for d, n in zip(known, a.shape, strict=True) if not isinstance(d, int)}
    slots = {s.buffer.name: a for s, a in zip(program.slots, given, strict=False)}
    fetches = [s.buffer.name for s in program.slots if s.kind == "fetch"]
    slots |= {n: np.zeros(a.shape, a.dtype) for n, a in zip(fetches, expected, strict=True)}
    values = iter(v.node.attrs["value"] for v in programs[0].constants)
    slots |= {s.buffer.name: np.array(next(values), s.buffer.dtype.np) for s in program.slots if s.kind == "constant"}
    assert run_program(program, slots, dims) == []
    for n, a in zip(fetches, expected, strict=True):
        np.testing.assert_allclose(slots[n], a, rtol=1e-5, atol=1e-6)


# The number of threads


@pytest.mark.parametrize("n", [0, -1, 257])
def test_numbers_that_are_refused(n: int) -> None:
    before = tfc.get_num_threads()
    with pytest.raises(UnsupportedError, match=f"the number of threads is {n}; expected one from 1 to"):
        tfc.set_num_threads(n)
    assert tfc.get_num_threads() == before


def test_only_whole_numbers() -> None:
    with pytest.raises(DTypeError, match=r"set_num_threads: expected a whole number, got 2\.5"):
        tfc.set_num_threads(2.5)  # type: ignore[arg-type]
    tfc.set_num_threads(np.int64(3))
    assert tfc.get_num_threads() == 3


def script(text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", text]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **variables}
    )


@pytest.mark.parametrize(("text", "says"), [("3", "3\n"), ("", f"{len(os.sched_getaffinity(0))}\n")])
def test_the_variable(text: str, says: str) -> None:
    done = script("import tfc; print(tfc.get_num_threads())", TFC_NUM_THREADS=text)
    assert done.stderr == ""
    assert int(done.stdout) <= int(says)
    assert done.stdout == says or not text


@pytest.mark.parametrize("text", ["x", "0", "1.5", "1000"])
def test_a_variable_that_is_no_number(text: str) -> None:
    twice = """
import tfc
for _ in range(2):
    try: tfc.get_num_threads()
    except Exception as e: print(type(e).__name__, e)
"""
    done = script(twice, TFC_NUM_THREADS=text)
    line = f"UnsupportedError TFC_NUM_THREADS is {text!r}; expected a whole number from 1 to 256\n"
    assert (done.stdout, done.stderr) == (2 * line, "")


# Stress

HEAD = """
import os, signal, sys, threading
import numpy as np
import tfc, tfc.numpy as tnp
from tests.runtime.test_parallel import eager, softmax
from tfc.runtime import compilation
compilation.program_passes = eager
f = tfc.compile(lambda x, y: (x * y + 1.0, softmax(x), x @ y.T))
rng = np.random.default_rng(0)
given = [[rng.standard_normal((20 + k, 24)).astype(np.float32) for _ in "xy"] for k in range(4)]
tfc.set_num_threads(1)
right = [[a.tobytes() for a in f(*g)] for g in given]
def check(k):
    assert [a.tobytes() for a in f(*given[k])] == right[k], "other bits"
"""
STRESS = """
sys.setswitchinterval(1e-5)
ended, failed = threading.Event(), []
def work(k):
    try:
        while not ended.is_set():
            check(k)
    except BaseException as e:
        failed.append(e)
threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
for t in threads: t.start()
for n in range(60):
    tfc.set_num_threads((2, 5, 1, 3)[n % 4])
    for _ in range(20): check(3)
    if n % 3 == 0:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                tfc.set_num_threads(1 + n % 5)
                for k in range(8): check(k % 4)
            except BaseException:
                os._exit(1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, "the child failed"
ended.set()
for t in threads: t.join()
assert not failed, failed
print("done")
"""
FORKS = """
tfc.set_num_threads(4)
def grow(depth):
    check(depth % 4)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        check(0)
        if depth: grow(depth - 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    check(1)
grow(3)
print("done")
"""
UPDATES = """
from tfc.runtime import Session
from tests.runtime.support import Builder
tfc.set_num_threads(2)
b = Builder()
v = b.variable("v", (200, 1000))
start = b.op("assign", v, b.constant(np.zeros((200, 1000))))
step = b.op("assign_add", v, b.constant(np.ones((200, 1000))))
session = Session(b.graph)
session.prepare((start.node,), ())([])
run, ended = session.prepare((step,), ()), threading.Event()
def work():
    while not ended.is_set(): run([])
threads = [threading.Thread(target=work) for _ in range(2)]
for t in threads: t.start()
for _ in range(40):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        first, second = run([])[0], run([])[0]
        os._exit(0 if (second == first + 1).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
ended.set()
for t in threads: t.join()
print("done")
"""
COMPILES = """
os.environ["TFC_CACHE"] = "0"
def compiled(k):
    x = np.ones((3, 5), np.float32)
    assert (tfc.compile(lambda x: softmax(x + k) * (5.0 * k))(x).round() == k).all()
ended, number = threading.Event(), iter(range(1, 10**6))
def work():
    while not ended.is_set(): compiled(next(number))
compiled(next(number))  # all modules are there
thread = threading.Thread(target=work, daemon=True)
thread.start()
for _ in range(8):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        compiled(next(number))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
ended.set()
thread.join()
print("done")
"""
EXIT = """
tfc.set_num_threads(4)
for k in range(4): check(k)
threading.Thread(target=lambda: [check(0) for _ in range(10**9)], daemon=True).start()
check(1)
print("done")
"""
SIGNALS = """
tfc.set_num_threads(3)
main = threading.get_native_id()
for k in range(4): check(k)
blocked = []
for task in os.listdir("/proc/self/task"):
    lines = dict(line.split(":\\t", 1) for line in open(f"/proc/self/task/{task}/status") if ":\\t" in line)
    if int(task) != main: blocked.append(int(lines["SigBlk"], 16))
assert len(blocked) >= 2, blocked
assert sum(b & 2 and b & (1 << 13) > 0 for b in blocked) >= 2, blocked
print("done")
"""


@pytest.mark.parametrize(
    "body",
    [STRESS, FORKS, UPDATES, COMPILES, EXIT, SIGNALS],
    ids=["stress", "forks", "updates", "compiles", "exit", "signals"],
)
def test_nothing_blocks_or_breaks(body: str) -> None:
    done = script(HEAD + body, PYTHONPATH=os.pathsep.join(sys.path), OPENBLAS_NUM_THREADS="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
