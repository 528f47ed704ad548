"""Faults on purpose, for the tests of all packages: malformed files, processes that die, a disk that is full.

Only tests import it. It ships because the tests of each package are also run where nothing but its wheel and what that
declares is installed. Nothing here needs a test library.
"""

from hr_common.testing.faults import interrupted_faults, training_faults, unwritable_faults
from hr_common.testing.malformed import malformed, reader_faults, wrong_values
from hr_common.testing.processes import Ended, in_child, modules_after, signal_in_write

__all__ = [
    "Ended",
    "in_child",
    "interrupted_faults",
    "malformed",
    "modules_after",
    "reader_faults",
    "signal_in_write",
    "training_faults",
    "unwritable_faults",
    "wrong_values",
]
