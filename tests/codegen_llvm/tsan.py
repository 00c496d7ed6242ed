"""ThreadSanitizer for emitted code: its calls put into LLVM IR as text, and a program of C around it.

llvmlite has no pass for it, and what another compiler makes of equivalent code would say nothing of this code.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

_ORDERS = {"monotonic": 0, "acquire": 2, "release": 3, "acq_rel": 4, "seq_cst": 5}
_BITS = {"ptr": 64, "float": 32, "double": 64}

_LOAD = re.compile(r"  (%\S+) = load (.+), ptr (\S+?)(?:, align \d+)?$")
_STORE = re.compile(r"  store (<.+?>|\S+) (?:.+), ptr (\S+?)(?:, align \d+)?$")
_ATOMIC_LOAD = re.compile(r"  (%\S+) = load atomic i(\d+), ptr (\S+) (\w+), align \d+$")
_ATOMIC_STORE = re.compile(r"  store atomic i(\d+) (\S+), ptr (\S+) (\w+), align \d+$")
_UPDATE = re.compile(r"  (%\S+) = atomicrmw (\w+) ptr (\S+), i(\d+) (\S+) (\w+), align \d+$")
_EXCHANGE = re.compile(r"  (%\S+) = cmpxchg ptr (\S+), i(\d+) (\S+), i\d+ (\S+) (\w+) (\w+), align \d+$")


def _bytes(type_: str) -> int:
    vector = re.fullmatch(r"<(\d+) x (\S+)>", type_)
    if vector is not None:
        return int(vector[1]) * _bytes(vector[2])
    return -(-_BITS.get(type_, 0) // 8) or -(-int(type_[1:]) // 8)


def _noted(how: str, type_: str, address: str) -> str:
    return f"  call void @__tsan_{how}_range(ptr {address}, i64 {_bytes(type_)})"


def _instrumented(line: str) -> list[str]:
    if m := _ATOMIC_LOAD.match(line):
        name, bits, address, order = m.groups()
        return [f"  {name} = call i{bits} @__tsan_atomic{bits}_load(ptr {address}, i32 {_ORDERS[order]})"]
    if m := _ATOMIC_STORE.match(line):
        bits, value, address, order = m.groups()
        return [f"  call void @__tsan_atomic{bits}_store(ptr {address}, i{bits} {value}, i32 {_ORDERS[order]})"]
    if m := _UPDATE.match(line):
        name, op, address, bits, value, order = m.groups()
        call = f"@__tsan_atomic{bits}_fetch_{op}(ptr {address}, i{bits} {value}, i32 {_ORDERS[order]})"
        return [f"  {name} = call i{bits} {call}"]
    if m := _EXCHANGE.match(line):
        name, address, bits, old, new, success, failure = m.groups()
        orders = f"i32 {_ORDERS[success]}, i32 {_ORDERS[failure]}"
        call = f"@__tsan_atomic{bits}_compare_exchange_val(ptr {address}, i{bits} {old}, i{bits} {new}, {orders})"
        pair = f"{{ i{bits}, i1 }}"
        return [
            f"  {name}.was = call i{bits} {call}",
            f"  {name}.done = icmp eq i{bits} {name}.was, {old}",
            f"  {name}.half = insertvalue {pair} poison, i{bits} {name}.was, 0",
            f"  {name} = insertvalue {pair} {name}.half, i1 {name}.done, 1",
        ]
    assert "atomic" not in line
    assert "cmpxchg" not in line
    if m := _LOAD.match(line):
        return [_noted("read", m[2], m[3]), line]
    if m := _STORE.match(line):
        return [_noted("write", m[1], m[2]), line]
    return [line]


def instrument(ir: str) -> str:
    """A module whose loads, stores and atomics ThreadSanitizer sees; masked ones are left out."""
    lines = [new for line in ir.splitlines() for new in _instrumented(line)]
    text = "\n".join(lines)
    calls = re.findall(r"call (void|i\d+) @(__tsan_\w+)\(([^)]*)\)", text)
    for name, (result, args) in {name: (result, args) for result, name, args in calls}.items():
        types = ", ".join(arg.split()[0] for arg in args.split(", "))
        text += f"\ndeclare {result} @{name}({types})"
    return text + "\n"


@cache
def has_tsan() -> bool:
    """Whether a C compiler is here that links ThreadSanitizer."""
    if shutil.which("gcc") is None:
        return False
    test = ["gcc", "-fsanitize=thread", "-x", "c", "-", "-o", "/dev/null"]
    return subprocess.run(test, input=b"int main(void) { return 0; }", capture_output=True, check=False).returncode == 0


def build(folder: Path, driver: str, *modules: str, features: str = "") -> Path:
    """A program of instrumented modules and a driver in C."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(features=features, opt=1, reloc="pic")
    objects = []
    for k, ir in enumerate(modules):
        module = llvm.parse_assembly(instrument(ir))
        module.verify()
        path = folder / f"module{k}.o"
        path.write_bytes(machine.emit_object(module))
        objects.append(str(path))
    (folder / "driver.c").write_text(driver)
    out = folder / "program"
    command = ["gcc", "-g", "-O1", "-fsanitize=thread", str(folder / "driver.c"), *objects, "-o", str(out), "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def races(program: Path, *arguments: str) -> tuple[int, str]:
    """The exit status of a program and what ThreadSanitizer says."""
    options = {"TSAN_OPTIONS": "report_thread_leaks=0 exitcode=66", "PATH": "/usr/bin:/bin"}
    run = ["setarch", "-R", str(program), *arguments] if shutil.which("setarch") else [str(program), *arguments]
    done = subprocess.run(run, capture_output=True, text=True, env=options, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
