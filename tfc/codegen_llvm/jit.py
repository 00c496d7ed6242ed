"""LLVM IR text -> machine code -> a callable, through llvmlite."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from tfc.ir.errors import UnsupportedError
from tfc.ir.kernel import Program
from tfc.ir.lazy import Lazy
from tfc.passes.target import Target

from . import cache as disk
from .emit import emit_program
from .forks import hold_in_forks
from .pool import MOST, emit_pool, has_pool
from .pool_process import Pool, default_threads

OLDEST = (0, 45)
"""The first llvmlite whose LLVM has the forms that the emission uses (`splat` constants)."""
PASSES = ("sroa", "simplify_cfg", "instruction_combine")
"""LLVM's passes before code generation, as llvmlite names them: local buffers become registers, the rest is tidied.

What LICM and value numbering would do, the emission has done. Of LLVM's whole -O2 pipeline, which takes several times
as long, these are what pays.
"""
LEVEL = 3
"""LLVM's level of code generation."""
POOL_LEVEL = 0
"""That for the pool of threads: it takes 3 ms instead of 13, and what the pool does waits for memory anyway."""

_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_numbers = itertools.count()
_making = threading.RLock()


@cache
def _version() -> str:
    """Checks llvmlite; gives its version and LLVM's."""
    import llvmlite
    import llvmlite.binding as llvm

    numbers = tuple(int(n) for n in llvmlite.__version__.split(".")[:2])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UnsupportedError(f"llvmlite {llvmlite.__version__} is too old: tfc needs {oldest} or newer")
    return f"{llvmlite.__version__}/{'.'.join(map(str, llvm.llvm_version_info))}"


@cache
def _llvm() -> Any:
    """LLVM, ready for this machine."""
    import llvmlite.binding as llvm

    _version()
    hold_in_forks(_making, llvm.ffi.lib._lock)  # llvmlite holds it in each call, those that free things among them
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    with contextlib.suppress(RuntimeError):  # where libm is part of libc
        llvm.load_library_permanently("libm.so.6")
    return llvm


@cache
def _create_linker() -> Any:
    return _llvm().create_lljit_compiler(use_jit_link=True)


def _linker() -> Any:
    """The JIT's linker: it loads object images, whatever target they are for. There is one."""
    with _making:
        return _create_linker()


@cache
def _create_pool() -> Pool:
    threads = default_threads()
    triple = _llvm().get_process_triple()
    ir = emit_pool(triple)
    image = _image(ir, Target("pool", triple), POOL_LEVEL, cached=True)
    builder = _llvm().JITLibraryBuilder().add_object_img(image).add_current_process()
    names = ("tfc_threads", "tfc_set_threads", "tfc_parallel", "tfc_pool_child")
    for name in names:
        builder.export_symbol(name)
    linker = _linker()
    tracker = builder.link(linker, "tfc.pool")
    for held in (linker, tracker):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    return Pool({name: tracker[name] for name in names}, threads)


def _pool() -> Pool:
    """The pool of this process. Raises UnsupportedError where `TFC_NUM_THREADS` is no number of threads."""
    with _making:
        return _create_pool()


def _has_threads() -> bool:
    return has_pool(_llvm().get_process_triple())


def threads() -> int:
    """How many threads a run may use, its caller's among them.

    Raises UnsupportedError where `TFC_NUM_THREADS` is no number of threads.
    """
    return _pool().threads if _has_threads() else 1


def set_threads(n: int) -> None:
    """Sets how many threads runs that begin from now on may use. Raises UnsupportedError for what is no such number."""
    most = MOST if _has_threads() else 1
    if not 1 <= n <= most:
        raise UnsupportedError(f"the number of threads is {n}; expected one from 1 to {most}")
    if _has_threads():
        _pool().threads = n


def _machine(target: Target, level: int) -> Any:
    llvm = _llvm()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu="", features=target.features, opt=level, reloc="pic", codemodel="default"
    )


def _optimise(ir: str, target: Target, level: int = LEVEL) -> tuple[Any, Any]:
    """The module after the passes, and the machine to emit it with."""
    llvm, machine = _llvm(), _machine(target, level)
    module = llvm.parse_assembly(ir, llvm.create_context())
    manager = llvm.create_new_function_pass_manager()
    for name in PASSES:
        getattr(manager, f"add_{name}_pass")()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    return module, machine


class NativeProgram:
    """A program in machine code.

    `run(slots, dims, arena, status)` takes addresses: of the data pointers of the slots outside the arena, of the dims
    (int64), of the arena (64-byte aligned), of an int32 that is 0 and receives the number of the failed check, from 1.
    It releases the GIL and may run on several threads at once. The code lives as long as that
    function.
    """

    run: Callable[[int, int, int, int], None]

    def __init__(self, name: str, target: Target, llvm_ir: str, image: bytes) -> None:
        self.name = name
        self.target = target
        self.llvm_ir = llvm_ir
        self.object_image = image
        builder = _llvm().JITLibraryBuilder()
        builder.add_object_img(image).add_current_process().export_symbol("tfc_run")
        if "@tfc_parallel(" in llvm_ir:
            for symbol, where in _pool().symbols.items():
                builder.import_symbol(symbol, where)
        tracker = builder.link(_linker(), f"tfc.{next(_numbers)}")
        code = _RUN(tracker["tfc_run"])
        # The code goes when the tracker does, so whoever holds the function holds that.
        vars(code)["tracker"] = tracker
        self.run = code

    @Lazy
    def optimised_ir(self) -> str:
        """The LLVM IR that machine code is generated from."""
        return str(_optimise(self.llvm_ir, self.target)[0])

    def assembly(self) -> str:
        """The machine code as text."""
        module, machine = _optimise(self.llvm_ir, self.target)
        return str(machine.emit_assembly(module))


def compile_text(ir: str, target: Target, level: int = LEVEL) -> bytes:
    """The object image of a module."""
    module, machine = _optimise(ir, target, level)
    return bytes(machine.emit_object(module))


def compile_program(program: Program, target: Target, *, cache: bool = True) -> NativeProgram:
    """Machine code for a program on this machine; from the disk cache where it is there and `cache` holds.

    Raises CodegenError for a program that this back end cannot compile.
    """
    ir = emit_program(program, target)
    return NativeProgram(program.name, target, ir, _image(ir, target, cached=cache))


def _image(ir: str, target: Target, level: int = LEVEL, *, cached: bool) -> bytes:
    """The object image of a module, from the disk cache where it is there."""
    name = disk.key(ir, target.triple, target.features, *PASSES, f"O{level}", _version())
    image = disk.load(name) if cached else None
    if image is None:
        image = compile_text(ir, target, level)
        if cached:
            disk.store(name, image)
    return image
