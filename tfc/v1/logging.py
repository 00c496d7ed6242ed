"""`tf.logging`: Python's logger `tensorflow`."""

from __future__ import annotations

import logging as _logging

from .missing import missing

DEBUG, INFO, WARN, ERROR, FATAL = (
    _logging.DEBUG,
    _logging.INFO,
    _logging.WARNING,
    _logging.ERROR,
    _logging.CRITICAL,
)
_logger = _logging.getLogger("tensorflow")
debug, info, warn, error, fatal = _logger.debug, _logger.info, _logger.warning, _logger.error, _logger.critical
warning, log = _logger.warning, _logger.log
__getattr__ = missing("logging")


def set_verbosity(v: int) -> None:
    """The least level of messages that are given out."""
    _logger.setLevel(v)


def get_verbosity() -> int:
    """The least level of messages that are given out."""
    return _logger.getEffectiveLevel()


__all__ = ["DEBUG", "ERROR", "FATAL", "INFO", "WARN", "debug", "error", "fatal", "info", "log", "warn", "warning"]
