"""Which method fills gaps best: every method on the same fixed gaps of held-out clips.

- :mod:`viai.evaluation.methods`: the rows of the table
- :mod:`viai.evaluation.run`: the one call that fills and scores them all
- :mod:`viai.evaluation.results`: means, intervals, gains, tables
- :mod:`viai.evaluation.page`: the tables as a page
- :mod:`viai.evaluation.listening`: a blind listening test
"""

from viai.evaluation.methods import METHODS
from viai.evaluation.page import write_page
from viai.evaluation.results import Evaluation
from viai.evaluation.run import evaluate
from viai.evaluation.scoring import METRICS, Score

__all__ = ["METHODS", "METRICS", "Evaluation", "Score", "evaluate", "write_page"]
