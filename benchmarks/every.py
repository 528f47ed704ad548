"""Run the benchmarks, and show all figures on one page: `nox -s bench`, `nox -s bench -- --data DIR` for all of them.

Without data those run that make their own, which takes about half an hour on one core. With a folder that holds the
data sets of each package (viai, openlt, graphfit, hybridmesh, gramtex) the desk tables run too, as far as what they
need is there; they keep what is done in .bench/work and go on where they were cut off. A benchmark that fails does not
stop the others. What is there already can be shown without running anything: `-- --page`.
"""

import argparse
import csv
import html
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import figures

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / ".bench"
MOST_ROWS = 60  # of a CSV file on the page; a longer one has a table of its own, or is named only


@dataclass(frozen=True)
class Run:
    """A benchmark with the arguments that made the figures of the READMEs."""

    package: str
    name: str
    arguments: str = ""
    """`{data}` and `{work}` stand for folders."""
    needs: str = ""
    """A path in the data folder without which it cannot run."""


RUNS = (
    Run("viai", "wavenet_speed", "--repetitions 3"),
    Run("openlt", "stage2_speed"),
    Run("openlt", "evaluation_speed"),
    Run("openlt", "many_classes"),
    Run("graphfit", "layer_speed"),
    Run("hybridmesh", "body_speed"),
    Run("hybridmesh", "rasteriser"),
    Run("hybridmesh", "fit", "--cases 8"),
    Run("gramtex", "synthesis"),
    Run("gramtex", "tile"),
    Run("gramtex", "large"),
    Run("viai", "ar", "--recordings {data}/viai/audio_solo", "viai/audio_solo"),
    Run("viai", "joins", "--recordings {data}/viai/audio_solo", "viai/audio_solo"),
    Run("viai", "detection", "--recordings {data}/viai/audio_solo", "viai/audio_solo"),
    Run("viai", "table", "--data {data}/viai/clips", "viai/clips"),
    Run("openlt", "table", "--data {data}/openlt/tinyimagenet_lt --work {work}/openlt", "openlt/tinyimagenet_lt"),
    Run("openlt", "frozen_features", "--data {data}/openlt/tinyimagenet_lt", "openlt/tinyimagenet_lt"),
    Run("graphfit", "table", "--data {data}/graphfit/mango --work {work}/graphfit", "graphfit/mango"),
    Run("graphfit", "embedding_speed", "--images {data}/graphfit/mango/images --count 32", "graphfit/mango/images"),
    Run("hybridmesh", "synthetic", "--mocap {data}/hybridmesh/mocap", "hybridmesh/mocap"),
    Run("hybridmesh", "ablation", "{work}/people"),
)


def run(each: Run, data: Path | None) -> tuple[str, float]:
    """Run one, and say how it ended and how many seconds it took."""
    if each.needs and (data is None or not (data / each.needs).exists()):
        return f"needs {each.needs}", 0.0
    arguments = [part.format(data=data, work=OUT / "work") for part in each.arguments.split()]
    print(f"\n{each.package} {each.name} {' '.join(arguments)}", flush=True)
    began = time.monotonic()
    script = HERE / each.package / f"{each.name}.py"
    code = subprocess.run([sys.executable, str(script), *arguments], check=False).returncode
    return "done" if code == 0 else f"failed with {code}", time.monotonic() - began


def page(ended: dict[tuple[str, str], tuple[str, float]]) -> str:
    """All tables, package by package, in one page that needs nothing else."""
    packages = sorted({path.parent.name for path in HERE.glob("*/*.py")})
    parts = [_ended(ended)] if ended else []
    for package in packages:
        parts.append(f"<h2>{package}</h2>")
        for name, make in figures.TABLES.items():
            if name.startswith(f"{package}, "):
                parts.append(f"<h3>{html.escape(name.partition(', ')[2])}</h3>{_from_markdown(make())}")
        parts += [_from_csv(path) for path in sorted((HERE / package).glob("*.csv"))]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Benchmarks</title><style>"
        "body{font:15px/1.45 sans-serif;max-width:80em;margin:2em auto;padding:0 1em;color:#222}"
        "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.15em .7em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}tr{border-bottom:1px solid #ddd}p{color:#555}</style>"
        f"<h1>Benchmarks</h1>{''.join(parts)}</html>"
    )


def _ended(ended: dict[tuple[str, str], tuple[str, float]]) -> str:
    rows = [[f"{package} {name}", how, f"{seconds:.0f}"] for (package, name), (how, seconds) in ended.items()]
    return f"<h2>This run</h2>{_table(['benchmark', 'how it ended', 'seconds'], rows)}"


def _from_csv(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    title = f"<h3>{path.stem}</h3>"
    if not rows:
        return f"{title}<p>empty</p>"
    # What is the same in every row tells of the machine; the rest are figures.
    same = {name: value for name, value in rows[0].items() if all(row[name] == value for row in rows)}
    about = {name: value for name, value in same.items() if name in figures.PROVENANCE or name == path.parent.name}
    note = ", ".join(f"{name} {value}" for name, value in about.items() if value)
    if len(rows) > MOST_ROWS:
        return f"{title}<p>{len(rows)} rows in benchmarks/{path.parent.name}/{path.name}; {html.escape(note)}</p>"
    names = [name for name in rows[0] if name not in about]
    return f"{title}<p>{html.escape(note)}</p>{_table(names, [[_short(row[name]) for name in names] for row in rows])}"


def _short(text: str | None) -> str:
    return f"{float(text):.4g}" if text and re.fullmatch(r"-?\d+\.\d{4,}(e[+-]?\d+)?", text) else text or ""


def _from_markdown(text: str) -> str:
    lines = [[cell.strip().strip("*") for cell in line.strip("| ").split(" | ")] for line in text.splitlines()]
    return _table(lines[0], lines[2:])


def _table(header: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str], tag: str) -> Iterator[str]:
        yield "<tr>"
        yield from (f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        yield "</tr>"

    body = "".join(part for row in rows for part in line(row, "td"))
    return f"<table>{''.join(line(header, 'th'))}{body}</table>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the data sets of the packages")
    parser.add_argument("--only", nargs="*", metavar="PACKAGE", help="run those of these packages")
    parser.add_argument("--page", action="store_true", help="run nothing")
    options = parser.parse_args()
    (OUT / "work").mkdir(parents=True, exist_ok=True)
    chosen = [] if options.page else [each for each in RUNS if not options.only or each.package in options.only]
    ended: dict[tuple[str, str], tuple[str, float]] = {}
    for each in chosen:
        ended[each.package, each.name] = run(each, options.data)
        (OUT / "index.html").write_text(page(ended), encoding="utf-8")
    (OUT / "index.html").write_text(page(ended), encoding="utf-8")
    for (package, name), (how, seconds) in ended.items():
        print(f"{package} {name}: {how}{f', {seconds:.0f} s' if seconds else ''}")
    print(f"wrote {OUT / 'index.html'}")
    sys.exit(any(how.startswith("failed") for how, _ in ended.values()))


if __name__ == "__main__":
    main()
