"""`python -m tfc`."""

from __future__ import annotations

from tfc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
