"""`tf.flags`: the flags of a program."""

from __future__ import annotations

from tfc.frontend.v1.flags import FlagError, Flags
from tfc.frontend.v1.flags import define_bool as DEFINE_bool
from tfc.frontend.v1.flags import define_enum as DEFINE_enum
from tfc.frontend.v1.flags import define_float as DEFINE_float
from tfc.frontend.v1.flags import define_integer as DEFINE_integer
from tfc.frontend.v1.flags import define_list as DEFINE_list
from tfc.frontend.v1.flags import define_string as DEFINE_string

from .missing import missing

FLAGS = Flags()
DEFINE_boolean = DEFINE_bool
Error = FlagError
__getattr__ = missing("flags")

__all__ = [
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_string",
    "FLAGS",
    "Error",
]
