"""Facts of the machine that stand beside every figure."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from tfc.codegen_llvm import available_targets, host_target

from .environment import cleared, cores


def machine_facts(threads: int) -> dict[str, str]:
    """What a reader needs to judge a measurement; `threads` decides the cores."""
    target = host_target(available_targets()[0])
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "CPU": cpu_model(),
        "vectors": f"{target.name}, {target.vector_bytes * 8} bits",
        "caches": f"L1 {_size(target.l1)}, L2 {_size(target.l2)}, L3 {_size(target.l3)}",
        "cores": f"{os.cpu_count()}, of which used: {', '.join(map(str, cores(threads)))}",
        "load": f"{os.getloadavg()[0]:.2f} before the run",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
    }
    unset = " ".join(f"{name}={value}" for name, value in sorted(cleared(os.environ).items()))
    if unset:
        facts["unset"] = unset
    if "TFC_TARGET" in os.environ:
        facts["TFC_TARGET"] = os.environ["TFC_TARGET"]
    return facts


def widest_vector_bytes() -> int:
    """Of this host, whatever lesser target `TFC_TARGET` forces on tfc."""
    return host_target(available_targets()[0]).vector_bytes


def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    names = {key: value.strip() for key, value in re.findall(r"^([\w ]+?)\s*:(.*)$", text, re.MULTILINE)}
    numbers = [f"{key} {names[key]}" for key in ("cpu family", "model", "stepping") if key in names]
    return ", ".join([names.get("model name", platform.machine()), *numbers])


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
