"""Machine code: the disk cache, threads, and what can be read of a compiled program."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.codegen_llvm.support import program_of, run_native
from tfc.codegen_llvm import cache, compile_program, host_target, jit
from tfc.ir.errors import UnsupportedError
from tfc.ir.kernel import Program
from tfc.ir.kernel_text import parse_kernel

ROOT = Path(__file__).parents[2]
KERNEL = """
kernel fill(y: float32[n] out) dims(n) {{
  for i < n {{
    y[i] = {value}:float32
  }}
}}"""


def filling(value: float) -> Program:
    return program_of(parse_kernel(KERNEL.format(value=value)))


def filled(program: Program, **options: bool) -> float:
    y = np.zeros(5, np.float32)
    native = compile_program(program, host_target(), **options)
    run_native(native, program, {"fill.y": y}, {"fill.n": 5})
    assert len(set(y)) == 1
    return float(y[0])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFC_CACHE_DIR", str(tmp_path / "objects"))
    monkeypatch.delenv("TFC_CACHE", raising=False)
    return tmp_path / "objects"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes through LLVM."""
    seen: list[str] = []
    parse = jit._llvm().parse_assembly

    def counted(text: str, context: object) -> object:
        seen.append(text)
        return parse(text, context)

    monkeypatch.setattr(jit._llvm(), "parse_assembly", counted)
    return seen


def test_a_warm_cache_leaves_llvm_out(folder: Path, compilations: list[str]) -> None:
    assert filled(filling(1.5)) == 1.5
    assert len(compilations) == 1
    assert filled(filling(1.5)) == 1.5
    assert len(compilations) == 1
    assert filled(filling(2.5)) == 2.5
    assert len(compilations) == 2
    assert filled(filling(2.5), cache=False) == 2.5
    assert len(compilations) == 3
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"tfc-object-1\n", b"junk" * 100, None])
def test_a_damaged_image_is_compiled_again(folder: Path, compilations: list[str], damage: bytes | None) -> None:
    filled(filling(1.0))
    (image,) = folder.iterdir()
    good = image.read_bytes()
    flipped = good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]
    image.write_bytes(flipped if damage is None else damage)
    assert filled(filling(1.0)) == 1.0
    assert len(compilations) == 2
    assert image.read_bytes() == good


def test_a_folder_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("TFC_CACHE_DIR", str(file))
    assert filled(filling(3.0)) == 3.0
    monkeypatch.setenv("TFC_CACHE_DIR", str(file / "below"))
    assert filled(filling(3.0)) == 3.0


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TFC_CACHE_DIR", raising=False)
    monkeypatch.delenv("TFC_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "tfc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "tfc"
    monkeypatch.setenv("TFC_CACHE", "0")
    assert cache.folder() is None


def test_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_CACHE", "0")
    filled(filling(1.0))
    assert not folder.exists()


def test_what_was_used_longest_ago_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 3 * (1000 + 45))
    for k in range(3):
        cache.store(f"{k}a", bytes(1000))
        os.utime(folder / f"{k}a.o.tfc", (k, k))
    assert cache.load("0a") == bytes(1000)
    cache.store("30", bytes(1000))
    assert sorted(p.name for p in folder.iterdir()) == ["0a.o.tfc", "2a.o.tfc", "30.o.tfc"]


def test_few_images_have_the_folder_looked_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking through 10,000 images takes longer than a small compilation."""
    looks: list[Path] = []
    monkeypatch.setattr(cache, "_trim", looks.append)
    for k in range(400):
        cache.store(cache.key(str(k)), b"")
    assert 0 < len(looks) < 60


def test_the_key_separates_its_parts() -> None:
    assert cache.key("ab", "c") != cache.key("a", "bc")


def test_processes_and_their_threads_share_the_cache(folder: Path) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from tests.codegen_llvm.test_jit import filled, filling\n"
        "with ThreadPoolExecutor(3) as pool:\n"
        "    assert list(pool.map(lambda k: filled(filling(float(k % 3))), range(9))) == [0, 1, 2] * 3"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [p.wait(60) for p in running] == [0, 0, 0]
    assert sorted(p.suffix for p in folder.iterdir()) == [".tfc"] * 3


def test_threads_compile_and_run_at_once() -> None:
    barrier = threading.Barrier(4)

    def work(k: int) -> list[float]:
        barrier.wait()
        return [filled(filling(float(k + j)), cache=False) for j in range(8)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [[float(k + j) for j in range(8)] for k in range(4)]


def test_the_function_keeps_its_code() -> None:
    program = filling(4.0)
    run = compile_program(program, host_target(), cache=False).run
    gc.collect()
    y, n, status = np.zeros(3, np.float32), ctypes.c_int64(3), ctypes.c_int32(0)
    slots = ctypes.c_void_p(y.ctypes.data)
    run(ctypes.addressof(slots), ctypes.addressof(n), 0, ctypes.addressof(status))
    assert list(y) == [4, 4, 4]


def test_every_stage_can_be_read() -> None:
    native = compile_program(filling(1.0), host_target(), cache=False)
    assert "define void @tfc_run(" in native.llvm_ir
    assert "define void @tfc_run(" in native.optimised_ir
    assert "tfc_run:" in native.assembly()
    assert native.name == "test"
    assert native.target == host_target()


def test_an_old_llvmlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite

    monkeypatch.setattr(llvmlite, "__version__", "0.44.0")
    jit._version.cache_clear()
    with pytest.raises(UnsupportedError, match=r"llvmlite 0.44.0 is too old: tfc needs 0.45 or newer"):
        jit._version()
    monkeypatch.undo()
    assert jit._version().startswith(llvmlite.__version__)


def test_the_package_is_imported_without_llvmlite() -> None:
    code = "import sys, tfc.codegen_llvm; assert 'llvmlite' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
