"""What at least two of the research packages need: reading and writing data, choosing a device, settings, errors.

Modules: :mod:`~hr_common.audio`, :mod:`~hr_common.video` and :mod:`~hr_common.image` (each needs the extra of its
name), :mod:`~hr_common.weights`, :mod:`~hr_common.runs` and :mod:`~hr_common.device` (extra ``torch``),
:mod:`~hr_common.files`, :mod:`~hr_common.tables`, :mod:`~hr_common.config`, :mod:`~hr_common.commands`,
:mod:`~hr_common.options`, :mod:`~hr_common.interrupts`, :mod:`~hr_common.errors`, and :mod:`~hr_common.testing` for
tests. Import the module that you need; nothing heavy is loaded here.
"""

__version__ = "0.1.0"
