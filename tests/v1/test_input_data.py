"""The data reader: IDX files whole and damaged, minibatches as TF 1.x gives them."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v1.idx_files import NAMES, arrays, idx, write
from tfc.v1.examples.tutorials.mnist import digits, input_data
from tfc.v1.examples.tutorials.mnist.datasets import DataSet
from tfc.v1.examples.tutorials.mnist.idx import DataError, read_idx

read = partial(input_data.read_data_sets, validation_size=5, source_url="http://127.0.0.1:9/")


# Reading


@pytest.mark.parametrize("naming", ["{}.gz", "{}", "dotted.gz", "dotted"])
def test_all_names_and_packings_are_read(tmp_path: Path, naming: str) -> None:
    contents = arrays()
    write(tmp_path, contents, "{}.gz" if naming.endswith("gz") else "{}")
    if naming.startswith("dotted"):
        for path in list(tmp_path.iterdir()):
            path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    data = read(tmp_path)
    images, labels, test_images, test_labels = contents
    np.testing.assert_array_equal(data.train.images, (images[5:].reshape(32, 15) * np.float32(1 / 255)))
    np.testing.assert_array_equal(data.validation.labels, labels[:5])
    np.testing.assert_array_equal(data.test.images, (test_images.reshape(11, 15) * np.float32(1 / 255)))
    np.testing.assert_array_equal(data.test.labels, test_labels)
    assert data._fields == ("train", "validation", "test")
    assert [part.num_examples for part in data] == [32, 5, 11]
    assert [part.images.dtype for part in data] == [np.float32] * 3


def test_a_gzip_file_without_the_suffix_is_read(tmp_path: Path) -> None:
    write(tmp_path, arrays())
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(""))
    assert read(str(tmp_path)).train.num_examples == 32


def test_one_hot_labels_are_float64_rows(tmp_path: Path) -> None:
    contents = arrays()
    data = read(write(tmp_path, contents), one_hot=True)
    assert data.test.labels.dtype == np.float64
    np.testing.assert_array_equal(data.test.labels, np.eye(10)[contents[3]])


class NamedDType:
    """A dtype as tfc has them: known by its name."""

    name = "uint8"


@pytest.mark.parametrize("dtype", ["uint8", np.uint8, np.dtype("uint8"), NamedDType()])
def test_uint8_leaves_the_pixels(tmp_path: Path, dtype: Any) -> None:
    contents = arrays()
    data = read(write(tmp_path, contents), dtype=dtype, reshape=False)
    assert data.train.images.dtype == np.uint8
    np.testing.assert_array_equal(data.train.images, contents[0][5:, :, :, np.newaxis])


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_float32_is_in_the_unit_interval(tmp_path: Path, dtype: Any) -> None:
    images = np.array([0, 1, 128, 254, 255], np.uint8).reshape(5, 1, 1)
    contents = [images, np.zeros(5), images, np.zeros(5)]
    data = read(write(tmp_path, contents), dtype=dtype, validation_size=0)
    expected = images.astype(np.float64).reshape(5, 1) / 255
    np.testing.assert_allclose(data.train.images, expected, rtol=2e-7)
    assert data.train.images.max() <= 1.0


@pytest.mark.parametrize("dtype", ["float64", np.int32, None, "blah", object()])
def test_other_dtypes_are_refused(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(TypeError, match="expected float32 or uint8"):
        read(tmp_path, dtype=dtype)


@pytest.mark.parametrize("size", [-1, 38])
def test_validation_size_is_checked(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 37, got {size}"):
        read(write(tmp_path, arrays()), validation_size=size)


def test_validation_may_be_all_or_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, arrays())
    assert [p.num_examples for p in read(folder, validation_size=0)] == [37, 0, 11]
    assert [p.num_examples for p in read(folder, validation_size=37)] == [0, 37, 11]


def test_empty_files_are_data(tmp_path: Path) -> None:
    data = read(write(tmp_path, arrays(train=0, test=0)), validation_size=0, one_hot=True)
    assert (data.train.images.shape, data.train.labels.shape) == ((0, 15), (0, 10))
    with pytest.raises(ValueError, match="without examples"):
        data.train.next_batch(1)
    assert data.train.next_batch(0)[0].shape == (0, 15)


def test_fake_data_reads_nothing(tmp_path: Path) -> None:
    data = read(tmp_path / "nowhere", fake_data=True, one_hot=True)
    images, labels = data.train.next_batch(3, fake_data=True)
    assert (images, labels) == ([[1] * 784] * 3, [[1] + [0] * 9] * 3)
    assert data.test.num_examples == 10_000
    assert data.train.next_batch(2)[0].shape == (2, 784)
    assert read(tmp_path, fake_data=True).train.next_batch(2, fake_data=True)[1] == [0, 0]
    assert not (tmp_path / "nowhere").exists()


# Damaged files


DAMAGE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("truncated gzip", lambda c: gzip.compress(c)[:-20], "truncated gzip"),
    ("no trailer", lambda c: gzip.compress(c)[:-8], "truncated gzip"),
    ("gzip header alone", lambda c: gzip.compress(c)[:6], "truncated gzip"),
    ("wrong crc", lambda c: gzip.compress(c)[:-8] + b"abcdefgh", "damaged gzip"),
    ("damaged middle", lambda c: gzip.compress(c)[:40] + bytes(64) + gzip.compress(c)[104:], "damaged gzip"),
    ("tail after gzip", lambda c: gzip.compress(c) + b"tail", "damaged gzip"),
    ("empty", lambda c: b"", "truncated: 0 bytes"),
    ("header alone", lambda c: c[:10], "truncated: 10 bytes"),
    ("short", lambda c: c[:-1], r"37 x 5 x 3 = 555 bytes, got 554"),
    ("long", lambda c: c + b"x", r"= 555 bytes, got 556"),
    ("web page", lambda c: b"<!DOCTYPE html><html></html>", "bad magic number"),
    ("labels for images", lambda c: idx(np.zeros(30, np.uint8)), "bad magic number 2049, expected 2051"),
    ("huge size", lambda c: c[:4] + b"\xff" * 12 + c[16:], "4294967295 x 4294967295"),
]


@pytest.mark.parametrize(("spoil", "message"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_damage_is_named_with_its_file(tmp_path: Path, spoil: Callable[[bytes], bytes], message: str) -> None:
    contents = arrays()
    path = write(tmp_path, contents) / f"{NAMES[0]}.gz"
    path.write_bytes(spoil(idx(contents[0])))
    with pytest.raises(DataError, match=f"{re.escape(str(path))}.*{message}"):
        read(tmp_path)


def test_counts_must_agree(tmp_path: Path) -> None:
    contents = arrays()
    contents[1] = contents[1][:-1]
    with pytest.raises(DataError, match=r"train-images\S* has 37 images, but \S*train-labels\S* has 36 labels"):
        read(write(tmp_path, contents))


def test_image_sizes_must_agree(tmp_path: Path) -> None:
    contents = arrays()[:2] + arrays(columns=4)[2:]
    with pytest.raises(DataError, match=r"\(5, 3\), but test images \(5, 4\)"):
        read(write(tmp_path, contents))


def test_one_hot_needs_ten_classes(tmp_path: Path) -> None:
    contents = arrays()
    contents[3][4] = 10
    folder = write(tmp_path, contents)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz: label 10 at index 4"):
        read(folder, one_hot=True)
    assert read(folder).test.labels[4] == 10


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path, arrays())
    (folder / f"{NAMES[3]}.gz").unlink()
    (folder / f"{NAMES[3]}.gz").mkdir()
    with pytest.raises(DataError, match="cannot read .*t10k-labels"):
        read(folder)


# Minibatches


class Tf1DataSet:
    """The rule of TF 1.x, by examples' numbers: NumPy's seeded generator, one shuffle per epoch."""

    def __init__(self, n: int, seed: int) -> None:
        self.order, self.random = np.arange(n), np.random.RandomState(seed)
        self.given: list[int] = []
        self.n, self.started = n, False

    def shuffle(self) -> list[int]:
        permutation = np.arange(self.n)
        self.random.shuffle(permutation)
        self.order = self.order[permutation]
        return list(self.order)

    def next_batch(self, size: int) -> list[int]:
        if not self.started:
            self.started, self.given = True, self.shuffle()
        while len(self.given) < size:
            self.given += self.shuffle()
        batch, self.given = self.given[:size], self.given[size:]
        return batch


@given(st.integers(1, 23), st.lists(st.integers(1, 50), max_size=12), st.integers(0, 2**32 - 1))
def test_batches_are_tf1s(n: int, sizes: list[int], seed: int) -> None:
    ours = DataSet(np.arange(n)[:, None] * 2, np.arange(n), seed)
    theirs = Tf1DataSet(n, seed)
    for size in sizes:
        images, labels = ours.next_batch(size)
        np.testing.assert_array_equal(labels, theirs.next_batch(size))
        np.testing.assert_array_equal(images[:, 0], labels * 2)
    total = sum(sizes)
    assert ours.epochs_completed == max(0, -(-total // n) - 1)


def test_batches_are_numpys_for_a_known_seed() -> None:
    """What `numpy.random.seed(0)` and `numpy.random.shuffle` give, the generator that TF 1.x used."""
    state = np.random.get_state()
    try:
        np.random.seed(0)
        first = np.arange(10)
        np.random.shuffle(first)
        order = np.arange(10)
        np.random.shuffle(order)
        second = first[order]
    finally:
        np.random.set_state(state)
    data = DataSet(np.arange(10), np.arange(10), seed=0)
    labels = [data.next_batch(4)[1].tolist() for _ in range(5)]
    assert np.concatenate(labels).tolist() == [*first, *second]
    assert data.epochs_completed == 1


def test_an_epoch_gives_every_example_once() -> None:
    data = DataSet(np.arange(103), np.arange(103))
    seen = np.concatenate([data.next_batch(20)[1] for _ in range(6)])
    assert sorted(seen[:103]) == list(range(103))
    assert data.epochs_completed == 1


def test_without_shuffle_the_order_stays() -> None:
    data = DataSet(np.arange(5), np.arange(5))
    assert [data.next_batch(2, shuffle=False)[1].tolist() for _ in range(4)] == [[0, 1], [2, 3], [4, 0], [1, 2]]


def test_given_batches_stay_as_they_were() -> None:
    data = DataSet(np.arange(6), np.arange(6), seed=1)
    first, copy = data.next_batch(6)[0], data.images.copy()
    data.next_batch(3)
    np.testing.assert_array_equal(first, copy)


def test_the_callers_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()
    data = DataSet(np.arange(6), np.arange(6), seed=1)
    data.next_batch(6)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_without_a_seed_the_order_is_new() -> None:
    first, second = (DataSet(np.arange(500), np.arange(500)).next_batch(500)[1] for _ in range(2))
    assert not np.array_equal(first, second)


def test_batch_sizes_are_whole_and_not_negative() -> None:
    data = DataSet(np.arange(6), np.arange(6))
    with pytest.raises(ValueError, match="negative, got -1"):
        data.next_batch(-1)
    with pytest.raises(TypeError):
        data.next_batch(2.5)  # type: ignore[arg-type]
    assert len(data.next_batch(np.int64(4))[0]) == 4


# Real data


def test_fashion_mnist(fashion_mnist: Path) -> None:
    data = input_data.read_data_sets(fashion_mnist, one_hot=True, seed=0)
    assert [part.num_examples for part in data] == [55_000, 5_000, 10_000]
    assert data.train.images.shape == (55_000, 784)
    assert (data.train.images.min(), data.train.images.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(data.test.labels.sum(axis=0), np.full(10, 1000.0))
    raw = read_idx(fashion_mnist / f"{NAMES[0]}.gz", 3)
    np.testing.assert_array_equal(np.rint(data.validation.images[17] * 255), raw[17].reshape(784))
    np.testing.assert_array_equal(np.rint(data.train.images[0] * 255), raw[5000].reshape(784))
    images, labels = data.train.next_batch(100)
    assert (images.shape, labels.shape) == ((100, 784), (100, 10))


@pytest.mark.parametrize("one_hot", [True, False])
def test_embedded_digits(one_hot: bool) -> None:
    from sklearn.datasets import load_digits

    data = digits.load_digits_sets(seed=3, one_hot=one_hot)
    assert [part.images.shape for part in data] == [(1257, 64), (180, 64), (360, 64)]
    images = np.concatenate([part.images for part in data])
    assert (images.dtype, images.min(), images.max()) == (np.float32, 0.0, 1.0)
    classes = np.concatenate([part.labels.argmax(axis=1) if one_hot else part.labels for part in data])
    original, targets = load_digits(return_X_y=True)
    ours = sorted(zip((images * 16).tolist(), classes.tolist(), strict=True))
    assert ours == sorted(zip(original.tolist(), targets.tolist(), strict=True))
    again = digits.load_digits_sets(seed=3, one_hot=one_hot)
    np.testing.assert_array_equal(again.train.next_batch(64)[0], data.train.next_batch(64)[0])
    assert set(np.unique(classes[-360:])) == set(range(10))


def test_digits_name_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"tfc\[demo\]"):
        digits.load_digits_sets()
