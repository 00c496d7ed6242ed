"""`tfc demo digits`: what it prints and draws."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.v1.idx_files import arrays, write
from tfc.cli import plots

from .conftest import Tfc

PLOTS = {"examples.png", "misclassified.png", "weights.png", "confusion.png"}


def accuracies(out: str) -> dict[str, float]:
    return {when: float(part) for when, part in re.findall(r"accuracy on test images (.*?)  +([\d.]+)%", out)}


def test_the_embedded_digits(tfc: Tfc, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "plots"
    status, out, err = tfc("demo", "digits", "--out", folder)
    assert (status, err) == (0, "")
    found = accuracies(out)
    assert list(found) == ["before training", "after 1 step", "after 10 steps", "after 1000 steps"]
    assert found["before training"] < 20
    assert 80 < found["after 10 steps"] < 95 < found["after 1000 steps"]
    rows = [[int(n) for n in row.split()] for row in re.findall(r"^ +\d \|(.*)$", out, re.MULTILINE)]
    matrix = np.array(rows)
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 360
    assert np.trace(matrix) / 360 == pytest.approx(found["after 1000 steps"] / 100, abs=1e-4)
    assert {path.name for path in folder.iterdir()} == PLOTS
    for path in folder.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"wrote {path}\n" in out


def test_the_order_of_the_images_is_fixed_by_the_seed(tfc: Tfc) -> None:
    outs = [tfc("demo", "digits", "--no-plots", "--steps", "10", "--seed", seed)[1] for seed in ("3", "3", "4")]
    first, again, other = map(accuracies, outs)
    assert first == again != other


def test_idx_files(tfc: Tfc, tmp_path: Path) -> None:
    data = write(tmp_path / "data", arrays(train=5050, test=40, rows=4, columns=4))
    command = ("demo", "digits", "--data", data, "--steps", "3", "--batch", "7", "--learning-rate", "0.1")
    status, out, _ = tfc(*command, "--out", tmp_path / "plots")
    assert status == 0
    assert "50 images to train on, 40 to test with" in out
    assert "16 -> 10; batches of 7, learning rate 0.1" in out
    assert list(accuracies(out)) == ["before training", "after 1 step", "after 3 steps"]
    assert {path.name for path in (tmp_path / "plots").iterdir()} == PLOTS


def test_images_that_are_not_square_have_no_plots(tfc: Tfc, tmp_path: Path) -> None:
    data = write(tmp_path / "data", arrays(train=5050))
    command = ("demo", "digits", "--data", data, "--steps", "1", "--out", tmp_path / "plots")
    status, _, err = tfc(*command)
    assert status == 1
    assert err == "tfc: error: an image of 15 pixels is not square: --no-plots does without pictures\n"
    assert list((tmp_path / "plots").iterdir()) == []
    assert tfc(*command, "--no-plots")[0] == 0


def test_damaged_data_is_an_error_of_one_line(tfc: Tfc, tmp_path: Path) -> None:
    data = write(tmp_path / "data", arrays())
    (data / "t10k-labels-idx1-ubyte.gz").write_bytes(b"nonsense")
    status, _, err = tfc("demo", "digits", "--data", data)
    assert status == 1
    assert err.startswith("tfc: error: ")
    assert "t10k-labels-idx1-ubyte.gz" in err
    assert "Traceback" not in err


def test_a_missing_extra_is_named(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    expected = 'tfc: error: the demo needs scikit-learn, tqdm: pip install "tfc[demo]"\n'
    assert tfc("demo", "digits") == (1, "", expected)


@pytest.mark.parametrize("option", ["--steps", "--batch"])
def test_counts_are_positive(tfc: Tfc, option: str) -> None:
    status, _, err = tfc("demo", "digits", option, "0")
    assert status == 2
    assert "expected 1 or more, got 0" in err


def test_titles_of_examples_say_what_is_right() -> None:
    figure = plots.examples(np.zeros((3, 16)), np.array([1, 2, 3]), np.array([1, 7, 3]), "Some")
    titles = [axes.title for axes in figure.axes]
    assert [t.get_text() for t in titles] == ["true 1\npredicted 1", "true 2\npredicted 7", "true 3\npredicted 3"]
    assert titles[0].get_color() == titles[2].get_color() != titles[1].get_color()


def test_no_mistakes_and_no_weights_can_be_drawn(tmp_path: Path) -> None:
    some = np.zeros((4, 16)), np.arange(4), np.arange(4), np.zeros((16, 10)), np.zeros((10, 10), int)
    for name, figure in plots.figures(*some):
        assert plots.save(figure, tmp_path / f"{name}.png").stat().st_size > 0
