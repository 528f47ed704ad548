from collections import Counter

from viai.config import TINY
from viai.evaluation.windows import draw_windows


def test_windows_come_from_different_clips_as_far_as_possible() -> None:
    clips = [(f"clip{number}", 112) for number in range(44)]
    items = draw_windows(clips, 64, TINY, seed=0)
    counts = Counter(item.clip for item in items)
    assert len(counts) == 44
    assert sorted(counts.values()) == [1] * 24 + [2] * 20


def test_windows_fit_their_clips_and_lie_on_the_grid_of_pictures() -> None:
    items = draw_windows([("short", 50), ("long", 112)], 40, TINY, seed=1)
    assert {item.window_start_samples for item in items if item.clip == "short"} == {0}
    starts = [item.window_start_samples for item in items if item.clip == "long"]
    assert all(start % 1_280 == 0 and 0 <= start <= 62 * 1_280 for start in starts)
    assert all(item.gap_start < item.gap_stop for item in items)


def test_a_second_window_lies_far_from_the_first() -> None:
    distances = []
    for seed in range(20):
        first, second = draw_windows([("one", 112)], 2, TINY, seed=seed)
        distances.append(abs(first.window_start_samples - second.window_start_samples) / 1_280)
    # At least half of the 62 places, wherever the first lies, up to the luck of twenty tries.
    assert min(distances) > 20


def test_the_draw_follows_the_seed() -> None:
    clips = [(f"clip{number}", 112) for number in range(10)]
    assert draw_windows(clips, 12, TINY, seed=3) == draw_windows(clips, 12, TINY, seed=3)
    assert draw_windows(clips, 12, TINY, seed=3) != draw_windows(clips, 12, TINY, seed=4)
