from viai.evaluation.tables import Table, cell
from viai.metrics import Interval


def test_markdown_and_html_by_hand() -> None:
    table = Table("A & B", ("method", "dB"), (("<x>", "1.0"), ("y", "2.0")), note="Read this.")
    assert table.markdown() == ("### A & B\n\nRead this.\n\n| method | dB |\n| --- | --- |\n| <x> | 1.0 |\n| y | 2.0 |")
    page = table.html()
    assert "<h2>A &amp; B</h2>" in page
    assert "<p>Read this.</p>" in page
    assert "<tr><td>&lt;x&gt;</td><td>1.0</td></tr>" in page


def test_cells_have_the_digits_asked_for() -> None:
    assert cell(Interval(1.0, 0.5, 1.25), 2) == "1.00 [0.50, 1.25]"
    assert cell(Interval(-1.0, -1.5, 0.25), 1, sign=True) == "-1.0 [-1.5, +0.2]"


def test_where_nothing_varies_there_is_no_interval_and_where_nothing_is_no_mean() -> None:
    assert cell(Interval(1.0, 1.0, 1.0), 2) == "1.00"
    assert cell(None, 2) == "–"
