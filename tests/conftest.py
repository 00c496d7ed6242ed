"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder of the real Fashion-MNIST files, as Debian's package `dataset-fashion-mnist` installs them.

    `TFC_FASHION_MNIST` names another folder.
    """
    folder = Path(os.environ.get("TFC_FASHION_MNIST", DEBIAN_FASHION_MNIST))
    if not folder.is_dir():
        pytest.skip(f"no Fashion-MNIST in {folder}: apt-get install dataset-fashion-mnist, or set TFC_FASHION_MNIST")
    return folder
