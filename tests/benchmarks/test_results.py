"""Results as JSON, as tables, as a picture, beside an earlier run, and beside the aims."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks import aims
from benchmarks.aims import Aim
from benchmarks.compare import comparison
from benchmarks.distances import SUMMARY, distance, measured, summary
from benchmarks.plot import draw
from benchmarks.report import BEGIN, END, main, markdown
from benchmarks.results import Cell, Library, Results, Row, Status, from_json, load, ratio
from benchmarks.suite import main as suite
from benchmarks.tables import full_text, group_table, micro, times
from benchmarks.workloads import STEP


def timed(name: str, median: float, **more: Any) -> Cell:
    return Cell(
        name,
        median=median,
        lower_quartile=median * 0.9,
        blocks=8,
        error=1e-7,
        prepare=0.2,
        first=0.1,
        peak=100_000_000,
        limit=name.startswith("limit"),
        ours=name.startswith("tfc"),
        **more,
    )


def some_results() -> Results:
    failed = Cell("torch", status=Status.FAILED, why="RuntimeError: no")
    missing = Cell("jax", status=Status.MISSING, why="jax is not installed")
    row = Row(
        STEP.name,
        "training",
        flop=3_000_000,
        traffic={"rotated": 300_000, "read": 30_000, "written": 30_000},
        cells=[
            timed("tfc", 20e-6),
            timed("numpy", 40e-6),
            timed("onnxruntime", 50e-6),
            failed,
            missing,
            timed("limit: flop", 12e-6),
            timed("limit: bytes", 3e-6),
        ],
    )
    libraries = [
        Library("tfc", "Session.run", facts={"tfc": "0"}, import_seconds=0.25),
        Library("jax", "jit", Status.MISSING, "jax is not installed"),
        Library("limit: flop", "FMAs"),
    ]
    machine = {"date": "2026-01-02 03:04 UTC", "CPU": "some CPU", "vectors": "avx512, 512 bits"}
    return Results(machine, {"threads": 1, "clock": "wall", "took": 60.0}, 64, libraries, [row])


def test_json_round_trips(tmp_path: Path) -> None:
    results = some_results()
    file = tmp_path / "r.json"
    file.write_text(results.to_json())
    assert load(file) == results


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "rows": []}', '{"format": 1}'])
def test_other_files_are_no_results(text: str) -> None:
    with pytest.raises(ValueError, match=r"^x\.json is not a result of this suite"):
        from_json(text, "x.json")


def test_a_row_knows_its_best_peer_and_limit() -> None:
    (row,) = some_results().rows
    best, limit = row.best_peer(), row.limit()
    assert best
    assert limit
    assert (best.contestant, limit.contestant) == ("numpy", "limit: flop")
    assert ratio(row.cell("tfc"), best) == pytest.approx(0.5)
    assert row.cell("torch") is None
    assert ratio(row.cell("tfc"), row.cell("torch")) is None


def test_nothing_but_failures_has_no_best() -> None:
    row = Row("w", "g", 0, {}, [Cell("numpy", status=Status.FAILED)])
    assert (row.best_peer(), row.limit()) == (None, None)
    assert "failed" in group_table("g", [row])


def test_a_reason_is_its_first_line() -> None:
    cell = Cell("numpy")
    cell.fail(Status.FAILED, "Error: one\ntwo")
    assert cell.why == "Error: one"


def test_the_tables() -> None:
    text = full_text(some_results(), details=True)
    line = next(x for x in text.splitlines() if x.startswith(STEP.name))
    assert line.removeprefix(STEP.name).split() == ["20.0", "40.0", "50.0", "failed", "12.0", "0.50", "1.67", "numpy"]
    assert "jax" not in text.splitlines()[0]
    assert "3,000,000 FLOP at 250.0 GFLOP/s" in text
    assert "360,000 bytes at 120.0 Gbytes/s" in text
    assert f"torch: failed: RuntimeError: no ({STEP.name})" in text
    assert "missing: jax is not installed" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234e-6, "1.23"), (12.34e-6, "12.3"), (1.2345e-3, "1,234"), (None, "-")]
)
def test_microseconds(seconds: float | None, text: str) -> None:
    assert micro(seconds) == text


def test_times() -> None:
    assert [times(x) for x in (0.5, 99.0, 1234.4, None)] == ["0.50", "99.00", "1,234", "-"]


@pytest.mark.parametrize(
    ("aim", "value", "said"),
    [
        (Aim(aims.BEST, 0.8), 0.5, "0.50: reached"),
        (Aim(aims.BEST, 0.25), 0.5, "0.50: 2.00 × the aim"),
        (Aim("onnxruntime", 0.4), 0.4, "0.40: reached"),
        (Aim(aims.FLOP, 1.25, narrow=1.1), 20 / 12, "1.67: 1.33 × the aim"),
        (Aim("numpy", 1.0, figure="compile"), 1.0, "1.00: 1.00 × the aim"),
        (Aim(5e-6), 4.0, "4.00: 4.00 × the aim"),
        (Aim("torch", 0.8), None, "no figure"),
        (Aim("nobody", 0.8), None, "no figure"),
    ],
)
def test_distances_to_aims(aim: Aim, value: float | None, said: str) -> None:
    (row,) = some_results().rows
    assert measured(row, aim) == (None if value is None else pytest.approx(value, rel=1e-3))
    assert distance(row, aim, vector_bytes=64) == said


def test_the_summary() -> None:
    ((group, *figures),) = summary(some_results())
    assert group == "training"
    assert dict(zip(SUMMARY[1:], figures, strict=True)) == {
        "workloads": "1",
        "tfc/best": "0.50",
        "fastest": "1 of 1",
        "tfc/limit": "1.67",
        "aims measured": "1",
        "reached": "0",
        "": "",
    }


def test_aims_of_narrow_vectors() -> None:
    aim = Aim(aims.FLOP, 1.25, narrow=1.1)
    assert [aim.at_most(n) for n in (64, 32, 16)] == [1.25, 1.1, 1.1]
    assert aim.text(32) == "≤ 1.1 × limit: flop"
    assert Aim(5e-6).text(64) == "≤ 5 µs"


def test_the_report_has_every_aim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r.json"
    file.write_text(some_results().to_json())
    assert main([str(file)]) == 0
    text = capsys.readouterr().out
    assert text == markdown(some_results())
    assert f"| {STEP.name} | 20.0 | 40.0 (numpy) | 12.0 (flop) | ≤ 0.4 × numpy | 0.50: 1.25 × the aim |" in text
    assert f"| {STEP.name} | 20.0 | - | 12.0 (flop) | ≤ 0.1 × jax | no figure |" in text
    assert f"| {STEP.name} | 299,980 | - |  | compile time ≤ 0.25 × jax | no figure |" in text
    assert text.count(f"| {STEP.name} |") == len(STEP.aims) + 1
    for line in text.splitlines():
        assert not line.startswith("|") or line.endswith("|")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "none.json")])


def test_the_report_in_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results, page = tmp_path / "r.json", tmp_path / "page.md"
    results.write_text(some_results().to_json())
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        assert main([str(results), str(results), "--into", str(page)]) == 0
        text = page.read_text()
        assert text.startswith(f"before\n\n{BEGIN}\n\n## 1 thread\n\n| machine |")
        assert text.endswith(f"|\n\n{END}\nafter\n")
        assert text.count("## 1 thread\n") == 2
        assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="2"):
        main([str(results), "--into", str(page)])
    assert "there is no <!-- benchmarks: begin -->" in capsys.readouterr().err


def test_the_picture(tmp_path: Path) -> None:
    for suffix in ("svg", "png"):
        file = tmp_path / f"limit.{suffix}"
        draw(some_results(), file)
        assert file.stat().st_size > 1000
    assert "<path" in (tmp_path / "limit.svg").read_text()
    results = some_results()
    results.rows[0].cells = [c for c in results.rows[0].cells if not c.limit]
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(results, tmp_path / "none.svg")


def test_a_comparison_takes_out_what_the_machine_did() -> None:
    """tfc went from 40 to 20 µs while the peers took twice as long: it is four times as fast."""
    old = some_results()
    old.rows[0].cells[0].median = 40e-6
    for cell in old.rows[0].cells[1:3]:
        assert cell.median
        cell.median /= 2
    text = comparison(some_results(), old, "old.json")
    line = next(x for x in text.splitlines() if x.startswith(STEP.name))
    assert line.removeprefix(STEP.name).split() == ["40.0", "20.0", "0.50", "2.00", "0.25", "faster"]
    assert "geometric mean of the changes that are tfc's: 0.250" in text


def test_a_comparison_names_other_machines() -> None:
    old = copy.deepcopy(some_results())
    old.machine["CPU"], old.settings["threads"] = "another", 2
    text = comparison(some_results(), old, "old.json")
    assert "CPU: 'another' then, 'some CPU' now" in text
    assert "threads: 2 then, 1 now" in text


def test_a_comparison_of_nothing_common() -> None:
    old = some_results()
    old.rows[0].workload = "another"
    assert comparison(some_results(), old, "old.json") == "old.json has no time of tfc for these workloads"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "/no/such/folder/x.json"], "--json: there is no folder /no/such/folder"),
        (["--plot", "x.txt"], "--plot: x.txt does not end in .png or .svg or .pdf"),
        (["--compare", __file__], "is not a result of this suite"),
    ],
)
def test_files_are_checked_before_anything_is_measured(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        suite(["--filter", "call", *arguments])
    assert message in capsys.readouterr().err
