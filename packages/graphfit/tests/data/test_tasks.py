import numpy as np

from graphfit.data.tasks import FillTask, completed_scores


def test_scores_of_completed_outfits_are_sorted_by_question() -> None:
    task = FillTask(((0, 1), (2,)), ((5, 6, 7), (8, 9)), np.array([0, 1]), np.array([1, 0]))
    assert task.filled() == ((0, 5, 1), (0, 6, 1), (0, 7, 1), (8, 2), (9, 2))
    table = completed_scores(np.arange(5.0), task)
    assert table.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, -np.inf]]
