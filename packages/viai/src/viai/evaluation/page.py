"""The tables of an evaluation as one page that needs nothing else: no server, no network."""

import base64
import html
import io
from pathlib import Path

from matplotlib import colormaps
from matplotlib.figure import Figure

from hr_common.files import atomic_path
from viai import __version__
from viai.evaluation.painters import ORACLE
from viai.evaluation.results import Evaluation, title_of

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; white-space: nowrap; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .7rem; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
"""
_MARKERS = "os^Dv"  # beside twenty colours, some of which are alike


def write_page(path: Path, result: Evaluation) -> None:
    """Write all tables and a chart of every method's figure over the length of the gap."""
    tables = "\n".join(table.html() for table in result.tables())
    chart = base64.b64encode(draw_lengths(result)).decode()
    page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>viai: evaluation</title>
<style>{_STYLE}</style>
<h1>viai {__version__}: evaluation</h1>
<p>{html.escape(result.lead())}.</p>
<p>All figures are taken inside the gap unless the column says otherwise.</p>
<img src="data:image/png;base64,{chart}" alt="PSNR inside the gap over the length of the gap, by method">
{tables}
</html>
"""
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def draw_lengths(result: Evaluation) -> bytes:
    """Draw PSNR inside the gap over the length of the gap, with intervals, as PNG."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    axis = figure.subplots()
    bands = result.bands
    for number, method in enumerate(result.methods):
        places, means, below, above = [], [], [], []
        for place, band in enumerate(bands):
            interval = result.interval(method, "psnr_gap", band=band)
            if interval is not None:
                # Side by side, so that intervals do not hide each other.
                places.append(place + 0.5 * ((number + 0.5) / len(result.methods) - 0.5))
                means.append(interval.mean)
                below.append(max(interval.mean - interval.low, 0.0))
                above.append(max(interval.high - interval.mean, 0.0))
        style = "x--" if method == ORACLE else f"{_MARKERS[number % len(_MARKERS)]}-"
        width = 2.5 if method.startswith("viai") else 1.0
        colour = colormaps["tab20"](number % 20)
        axis.errorbar(
            places, means, [below, above], fmt=style, color=colour, linewidth=width, capsize=2, label=title_of(method)
        )
    axis.set_xticks(range(len(bands)), bands)
    axis.set_xlabel("length of the gap")
    axis.set_ylabel("PSNR inside the gap, dB")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    file = io.BytesIO()
    figure.savefig(file, dpi=110, format="png")
    return file.getvalue()
