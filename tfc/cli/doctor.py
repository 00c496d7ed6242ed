"""`tfc doctor`: what tfc finds on this machine."""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tfc
from tfc.codegen_llvm import available_targets, cache, host_target
from tfc.ir.errors import TfcError

from .terminal import coloured

DESCRIPTION = """\
Says what tfc finds on this machine: the processor and what is compiled for it, the versions of what
tfc stands on, the cache of compiled code, and CUDA, or why it is not used.
"""
EPILOG = """\
examples:
  tfc doctor
  tfc doctor --json | jq .cpu.target.name

exit status: 0 if tfc can compile and run programs here, else 1
"""
NEEDED = ("numpy", "llvmlite", "networkx")
EXTRAS = {"demo": ("scikit-learn", "matplotlib", "tqdm"), "bf16": ("ml_dtypes",), "cuda": ("pycuda",)}
"""Distributions by the extra of tfc that installs them."""
MISSING = "missing"

_DRIVER = "libcuda.so.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `tfc doctor` takes."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives its exit status."""
    found = findings()
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        for line in _lines(found):
            sys.stdout.write(f"{line}\n")
    return 1 if "error" in found["cpu"] else 0


def findings() -> dict[str, Any]:
    """All that the command says, by field."""
    return {
        "tfc": {"version": tfc.__version__, "folder": str(Path(tfc.__file__).parent)},
        "python": {"version": platform.python_version(), "system": platform.platform()},
        "cpu": _cpu(),
        "needed": {name: _version(name) for name in NEEDED} | {"LLVM": _llvm_version()},
        "extras": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "cache": _cache(),
        "cuda": _cuda(),
    }


def _cpu() -> dict[str, Any]:
    out: dict[str, Any] = {"model": _model(), "targets": list(available_targets())}
    try:
        target = host_target()
    except TfcError as error:  # TFC_TARGET asks for what this machine is not
        return {**out, "error": str(error)}
    return out | {
        "cores": target.cores,
        "caches": {"L1": target.l1, "L2": target.l2, "L3": target.l3},
        "target": {
            "name": target.name,
            "triple": target.triple,
            "features": target.features.split(",") if target.features else [],
            "vector_bytes": target.vector_bytes,
            "vector_registers": target.vector_registers,
            "fma": target.fma,
        },
    }


def _model() -> str:
    """The processor's name, as far as the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    named = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return MISSING


def _llvm_version() -> str:
    import llvmlite.binding as llvm

    return ".".join(map(str, llvm.llvm_version_info))


def _cache() -> dict[str, Any]:
    where = cache.folder()
    if where is None:
        return {"folder": None, "programs": 0, "bytes": 0, "limit": cache.LIMIT}
    sizes = cache.sizes(where)
    return {"folder": str(where), "programs": len(sizes), "bytes": sum(sizes), "limit": cache.LIMIT}


def _cuda() -> dict[str, Any]:
    """What there is of CUDA. Programs run on the CPU alone: tfc has no CUDA back end."""
    out: dict[str, Any] = {"used": False, "why": "tfc has no CUDA back end", "pycuda": _version("pycuda")}
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return out | {"driver": MISSING, "devices": []}
    number = ctypes.c_int(0)
    if driver.cuDriverGetVersion(ctypes.byref(number)):
        return out | {"driver": "fails", "devices": []}
    return out | {"driver": f"{number.value // 1000}.{number.value % 1000 // 10}", "devices": _devices(driver)}


def _devices(driver: ctypes.CDLL) -> list[str]:
    """Names of the devices that the driver knows."""
    count, device, name = ctypes.c_int(0), ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return [
        name.value.decode()
        for k in range(count.value)
        if not driver.cuDeviceGet(ctypes.byref(device), k) and not driver.cuDeviceGetName(name, len(name), device)
    ]


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The findings for people."""
    yield _line("tfc", f"{found['tfc']['version']}, in {found['tfc']['folder']}")
    yield _line("python", f"{found['python']['version']} on {found['python']['system']}")
    yield from _cpu_lines(found["cpu"])
    yield _line("needs", _packages(found["needed"], "red"))
    for extra, packages in found["extras"].items():
        yield _line(f"extra {extra}", _packages(packages, "yellow"))
    at = found["cache"]
    used = f"{at['programs']} programs, {_bytes(at['bytes'])} of at most {_bytes(at['limit'])}"
    yield _line("cache", f"{at['folder']}: {used}" if at["folder"] else "off")
    cuda = found["cuda"]
    devices = ", ".join(cuda["devices"]) or "none"
    yield _line(
        "cuda", f"not used: {cuda['why']} (pycuda {cuda['pycuda']}, driver {cuda['driver']}, devices {devices})"
    )


def _cpu_lines(cpu: Mapping[str, Any]) -> Iterator[str]:
    if "error" in cpu:
        yield _line("cpu", cpu["model"])
        yield _line("target", coloured(cpu["error"], "red", sys.stdout))
        return
    yield _line("cpu", f"{cpu['model']}, {cpu['cores']} cores")
    yield _line("caches", ", ".join(f"{name} {_bytes(size)}" for name, size in cpu["caches"].items()))
    target = cpu["target"]
    vectors = f"{target['vector_registers']} registers of {target['vector_bytes']} bytes"
    name = coloured(target["name"], "green", sys.stdout)
    yield _line("target", f"{name} ({vectors}{', FMA' if target['fma'] else ''}), of {', '.join(cpu['targets'])}")
    yield _line("features", " ".join(target["features"]) or "none")


def _line(field: str, text: str) -> str:
    return f"{coloured(f'{field:<11}', 'bold', sys.stdout)} {text}"


def _packages(versions: Mapping[str, str], style: str) -> str:
    return ", ".join(f"{name} {coloured(v, style, sys.stdout) if v == MISSING else v}" for name, v in versions.items())


def _bytes(size: int) -> str:
    """A size in the unit that it is a few of."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size} {unit}"
        size = round(size / 1024)
    return f"{size} GiB"
