"""A process that imports one library and does one training step, and says when it had done what.

`python -m benchmarks.first_step CONTESTANT`; times are of the system's monotonic clock.
"""

from __future__ import annotations

import time

_BORN = time.monotonic()

import json  # noqa: E402
import sys  # noqa: E402

from benchmarks.contestants import Request, contestant  # noqa: E402
from benchmarks.workload import Traffic  # noqa: E402
from benchmarks.workloads import STEP  # noqa: E402


def main() -> None:
    one = contestant(sys.argv[1])
    adapter = one.load()
    imported = time.monotonic()
    task = adapter.prepare(Request(STEP, STEP.data(buffers=1), Traffic(0, 0, 0), one.variant, threads=1))
    task.step(*task.inputs[0])
    task.finish()
    stepped = time.monotonic()
    print(json.dumps({"born": _BORN, "imported": imported, "stepped": stepped}))


if __name__ == "__main__":
    main()
