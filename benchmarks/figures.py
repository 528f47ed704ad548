"""Make the tables of the READMEs from the benchmarks' CSV files: `nox -s figures` writes them, `-- --check` compares.

A table stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`. What is between them is made here and
nowhere else, so that a figure of a README is always one that a benchmark wrote.
"""

import argparse
import ast
import csv
import functools
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viai.evaluation.results import Evaluation

HERE = Path(__file__).resolve().parent
READMES = (HERE.parent / "README.md", *sorted(HERE.parent.glob("packages/*/README.md")))
PLACE = re.compile(r"(<!-- figures: ([^\n]+?) -->\n)(.*?)(<!-- end of figures -->)", re.DOTALL)

Rows = list[dict[str, str]]

# What machine, versions and settings add to every row of a CSV file, beside the version of the package.
PROVENANCE = ("commit", "torch", "numpy", "python", "machine", "cores", "threads", "seed", "settings")


def read(name: str) -> Rows:
    """Read a CSV file of this folder."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def groups(rows: Rows, column: str) -> dict[str, Rows]:
    """Gather the rows that have the same value in a column, in their order."""
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def with_spread(rows: Rows, column: str, digits: int, factor: float = 1) -> str:
    """Mean and standard deviation over rows; the mean alone of one, n/a of none."""
    values = [factor * float(row[column]) for row in rows if row[column]]
    if not values:
        return "n/a"
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"


# Column, title, digits, factor.
SHOTS = (("many", "many %"), ("medium", "medium %"), ("few", "few %"), ("overall", "overall %"))
DETECTORS = (("auroc msp", "AUROC msp"), ("auroc energy", "AUROC energy"), ("auroc max-logit", "AUROC max-logit"))


def _openlt(rows: Rows, first: str, detectors: Sequence[tuple[str, str]], *, with_seeds: bool, oscr: bool) -> str:
    header = [first, *(["seeds"] if with_seeds else []), *(title for _, title in SHOTS), "F"]
    lines = []
    for method, own in groups(rows, "method").items():
        cells = [with_spread(own, column, 1, 100) for column, _ in SHOTS]
        rest = [with_spread(own, column, 3) for column in ("f_measure", *(each for each, _ in detectors))]
        last = [with_spread(own, "oscr", 3)] if oscr else []
        lines.append([method, *([str(len(own))] if with_seeds else []), *cells, *rest, *last])
    return markdown([*header, *(title for _, title in detectors), *(["OSCR"] if oscr else [])], lines)


def openlt_table() -> str:
    """All methods on Tiny-ImageNet-LT."""
    return _openlt(read("openlt/table.csv"), "method", DETECTORS, with_seeds=True, oscr=True)


def openlt_frozen() -> str:
    """Heads on frozen features."""
    return _openlt(read("openlt/frozen_features.csv"), "head", DETECTORS[:2], with_seeds=False, oscr=False)


def openlt_front() -> str:
    """Four methods."""
    found = groups(read("openlt/table.csv"), "method")
    titles = {
        "plain": "plain",
        "oltr": "OLTR, the paper's",
        "logit-adjust-post-hoc": "logit adjustment",
        "whitened-memory": "whitened memory, the recommended one",
    }
    lines = [
        [
            title,
            with_spread(own, "few", 1, 100),
            with_spread(own, "overall", 1, 100),
            with_spread(own, "auroc energy", 3),
        ]
        for own, title in ((found[name], title) for name, title in titles.items())
    ]
    return markdown(["method", "few %", "overall %", "AUROC of strangers, energy"], lines)


@functools.cache
def _viai() -> "Evaluation":
    from viai.evaluation.results import Evaluation
    from viai.evaluation.scoring import Score

    rows = read("viai/table.csv")
    text = ("clip", "label", "source", "method")
    names = Score.__dataclass_fields__
    scores = tuple(
        Score(**{name: row[name] if name in text else float(row[name] or "nan") for name in names})  # type: ignore[arg-type]
        for row in rows
    )
    return Evaluation(scores, tuple(groups(rows, "method")))


def viai_table() -> str:
    """All methods; intervals where the text speaks of them."""
    from viai.evaluation.results import title_of
    from viai.evaluation.scoring import METRICS
    from viai.evaluation.tables import cell

    found, lines = _viai(), []
    for method in found.methods:
        cells = []
        for metric in ("psnr_gap", "ssim_gap", "l1_gap", "onset_f1_gap", "sdr_bss_around", "lsd_gap"):
            interval = found.interval(method, metric)
            if metric in ("psnr_gap", "onset_f1_gap") or interval is None:
                cells.append(cell(interval, METRICS[metric].digits))
            else:
                cells.append(f"{interval.mean:.{METRICS[metric].digits}f}")
        lines.append([title_of(method), *cells])
    header = ["method", "PSNR dB", "SSIM", "L1", "onset F1", "SDR dB (gap ± 0.2 s)", "log-spectral distance dB"]
    return markdown(header, lines)


def viai_gains() -> str:
    """Paired differences."""
    from viai.evaluation.results import title_of
    from viai.evaluation.scoring import METRICS
    from viai.evaluation.tables import cell

    oracle = next(name for name in _viai().methods if title_of(name) != name)
    pairs = (
        *(("viai-a", name) for name in ("interpolation", "context mean", "ar")),
        *(("viai-av", "viai-a"), (oracle, "viai-av")),
        *(("bi-samplernn", "samplernn"), ("bi-visual2sound", "visual2sound")),
    )
    lines = [
        [f"{title_of(method)} over {title_of(over)}"]
        + [
            cell(_viai().gain(method, over, metric), METRICS[metric].digits, sign=True)
            for metric in ("psnr_gap", "ssim_gap", "onset_f1_gap")
        ]
        for method, over in pairs
    ]
    return markdown(["gain", "PSNR dB", "SSIM", "onset F1"], lines)


def viai_classes() -> str:
    """Where the picture helps."""
    from viai.evaluation.tables import cell

    found, lines = _viai(), []
    for label in found.labels:
        numbers = [
            found.interval(method, metric, label=label)
            for metric, methods in (
                ("psnr_gap", ("interpolation", "viai-a", "viai-av")),
                ("onset_f1_gap", ("viai-a", "viai-av")),
            )
            for method in methods
        ]
        whole = (2, 4)  # those of viai-av, with intervals
        digits = (2, 2, 2, 3, 3)
        lines.append(
            [label]
            + [
                cell(each, digits[n]) if n in whole or each is None else f"{each.mean:.{digits[n]}f}"
                for n, each in enumerate(numbers)
            ]
        )
    header = ["class", "interpolation PSNR dB", "viai-a PSNR dB", "viai-av PSNR dB", "viai-a onset F1"]
    return markdown([*header, "viai-av onset F1"], lines)


def viai_front() -> str:
    """Four methods."""
    from viai.evaluation.scoring import METRICS

    titles = {
        "interpolation": "interpolation",
        "context mean": "context mean",
        "viai-a": "VIAI-A, sound alone",
        "viai-av": "VIAI-AV, with the video",
    }
    lines = []
    for name, title in titles.items():
        intervals = {metric: _viai().interval(name, metric) for metric in ("psnr_gap", "ssim_gap", "onset_f1_gap")}
        lines.append(
            [title]
            + ["–" if each is None else f"{each.mean:.{METRICS[metric].digits}f}" for metric, each in intervals.items()]
        )
    return markdown(["method", "PSNR dB", "SSIM", "onset F1"], lines)


def _graphfit(kind: str) -> str:
    from graphfit.evaluation import Row
    from graphfit.evaluation import markdown as lines

    names = [name for name in Row.__dataclass_fields__ if name != "style_counts"]
    rows = {}
    for record in read("graphfit/table.csv"):
        if record["split"] == kind:
            values = {name: ast.literal_eval(record[name].replace("nan", "2e999")) for name in names}
            rows[record["method"]] = Row(**{name: _not_a_number(value) for name, value in values.items()})
    return "\n".join(lines(rows))


def _not_a_number(value: Any) -> Any:
    # A literal has infinity, as a number that is too large, but no NaN.
    if isinstance(value, tuple):
        return tuple(_not_a_number(each) for each in value)
    return float("nan") if value == float("inf") else value


def graphfit_front() -> str:
    """Five methods on both kinds of split."""
    titles = {
        "Euclidean": "Euclidean distance",
        "Bi-LSTM": "Bi-LSTM",
        "Type-Aware": "Type-Aware",
        "edge max": "one round of edges, maximum",
        "neural graph filtering": "neural graph filtering, the paper's",
    }
    by_split = groups(read("graphfit/table.csv"), "split")
    lines = []
    for name, title in titles.items():
        cells = []
        for kind in ("nondisjoint", "disjoint"):
            (row,) = groups(by_split[kind], "method")[name]
            cells.append(f"{float(row['auc']):.3f} ± {float(row['auc_deviation']):.3f}")
            cells.append(f"{100 * float(row['fitb']):.1f} ± {100 * float(row['fitb_deviation']):.1f}")
        lines.append([title, *cells])
    return markdown(["method", "AUC, garments known", "blanks %", "AUC, garments new", "blanks %"], lines)


def hybridmesh_ablation() -> str:
    """The grid of inputs and annotations."""
    from hybridmesh.ablation import markdown as grid
    from hybridmesh.ablation import read_rows

    path = HERE / "hybridmesh/ablation.csv"
    return grid(read_rows(path, read("hybridmesh/ablation.csv")[0]["settings"]))


def hybridmesh_paired() -> str:
    """What each step along the paper's order takes off."""
    from hybridmesh.ablation import paired_markdown, read_rows

    path = HERE / "hybridmesh/ablation.csv"
    return paired_markdown(read_rows(path, read("hybridmesh/ablation.csv")[0]["settings"]))


def _numbers(rows: Rows, column: str) -> list[float]:
    return [float(row[column]) for row in rows]


def hybridmesh_front() -> str:
    """What dense points are worth in a fit."""
    rows = read("hybridmesh/fit.csv")
    lines = []
    for what, column in (("keypoints", "sparse_pve_mm"), ("keypoints and dense points", "dense_pve_mm")):
        values = _numbers(rows, column)
        lines.append([what, f"{mean(values):.1f}", f"{min(values):.1f}–{max(values):.1f}"])
    return markdown(["what is known", "PVE mm, mean", "least to most"], lines)


def _range(rows: Rows, column: str, digits: int) -> str:
    values = _numbers(rows, column)
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def hybridmesh_measured() -> str:
    """Body, rasteriser and fit."""
    speed = {(row["what"].split(",")[0], row["batch"]): row for row in read("hybridmesh/body_speed.csv")}
    forward, both = speed["forward", "64"], speed["forward and backward", "64"]
    (gathered,) = (row for (what, _), row in speed.items() if "dense points" in what)
    apart = max(float(row["largest_difference_m"]) for row in (forward, both, speed["forward", "1"]))
    drawn, fitted = read("hybridmesh/rasteriser.csv"), read("hybridmesh/fit.csv")
    least = min(_numbers(drawn, "equal_to_ray_caster"))
    same = sum(row["equal_to_fallback"] == "True" for row in drawn)
    dense, sparse = mean(_numbers(fitted, "dense_pve_mm")), mean(_numbers(fitted, "sparse_pve_mm"))
    pixels = max(_numbers(fitted, "dense_error_px"))
    many = read("hybridmesh/fit_50.csv")
    worse = sum(float(row["sparse_pve_mm"]) > float(row["dense_pve_mm"]) for row in many)
    lines = [
        ["vertices against smplx, one synthetic SMPL file, batch 1 and 64", f"equal to {apart:.1e} m", "body_speed"],
        [
            "body, batch 64, forward / forward and backward",
            (
                f"{float(forward['ours_ms']):.0f} / {float(both['ours_ms']):.0f} ms against smplx's "
                f"{float(forward['smplx_ms']):.0f} / {float(both['smplx_ms']):.0f} ms: "
                f"{float(forward['times_faster']):.1f} and {float(both['times_faster']):.1f} times as fast"
            ),
            "body_speed",
        ],
        [
            "400 dense points of 64 bodies, forward and backward",
            (
                f"{float(gathered['ours_ms']):.0f} ms gathered, {float(gathered['skinning_all_ms']):.0f} ms of all "
                f"skinned vertices: {float(gathered['times_faster']):.1f} times as fast"
            ),
            "body_speed",
        ],
        [
            f"rasteriser, 224 pixels, {int(drawn[0]['faces']):,} faces, {len(drawn)} bodies",
            f"{_range(drawn, 'median_ms', 1)} ms by medians, {_range(drawn, 'least_ms', 1)} ms at best",
            "rasteriser",
        ],
        [
            "rasteriser against a ray caster (Embree) / its own fallback",
            f"{100 * least:.3f} % of the pixels and more are equal / all of them in {same} of {len(drawn)} bodies",
            "rasteriser",
        ],
        [
            f"fit to exact keypoints and dense points of {len(fitted)} random bodies",
            (
                f"PVE {_range(fitted, 'dense_pve_mm', 1)} mm (mean {dense:.1f}), dense points within {pixels:.2f} px "
                f"of 224; {_range(fitted, 'dense_cpu_s', 0)} s"
            ),
            f"fit --cases {len(fitted)}",
        ],
        [
            "the same, keypoints alone",
            f"PVE {_range(fitted, 'sparse_pve_mm', 1)} mm (mean {sparse:.1f}); {_range(fitted, 'sparse_cpu_s', 0)} s",
            f"fit --cases {len(fitted)}",
        ],
        [
            f"keypoints alone worse than with dense points, of {len(many)} bodies; PVE with them",
            (
                f"{worse}; {_range(many, 'dense_pve_mm', 1)} mm (mean {mean(_numbers(many, 'dense_pve_mm')):.1f}), "
                f"{sum(value < 15 for value in _numbers(many, 'dense_pve_mm'))} of them under 15"
            ),
            f"fit --cases {len(many)} --csv fit_{len(many)}.csv",
        ],
    ]
    return markdown(["what", "figure", "`nox -s bench -- hybridmesh`"], [[*line[:2], f"`{line[2]}`"] for line in lines])


PHOTOS = {
    "skier": "one skier",
    "surf": "surfers on a beach; the first stands",
    "baseball": "baseball, small and hidden players",
    "group": "five skiers in a group",
    "vacek": "two footballers",
}


def hybridmesh_photographs() -> str:
    """Fits to photographs, person by person."""
    lines = [
        [
            next(title for name, title in PHOTOS.items() if Path(row["photo"]).stem.endswith(name)),
            row["person"],
            f"{float(row['mask_iou']):.2f}",
            f"{float(row['keypoint_error_px_of_224']):.1f}",
            f"{float(row['cpu_seconds']):.0f}",
        ]
        for row in read("hybridmesh/photographs.csv")
    ]
    return markdown(["photo", "person", "mask IoU", "keypoints (px of 224)", "CPU seconds"], lines)


def hybridmesh_regressor() -> str:
    """The shipped regressor, and fits from it and from scratch."""
    rows = read("hybridmesh/regressor.csv")
    parts = {
        "mean body": "mean_body",
        "regressor": "regressor",
        "fit from scratch": "fit",
        "fit from the regressor": "regressor_fit",
    }
    errors = [f"{mean(_numbers(rows, f'{name}_pve_mm')):.1f}" for name in parts.values()]
    seconds = ["", *(f"{mean(_numbers(rows, f'{name}_cpu_s')):.2g}" for name in [*parts.values()][1:])]
    lines = [["PVE, pelvis aligned (mm)", *errors], ["CPU seconds", *seconds]]
    return markdown([f"mean of {len(rows)} people", *parts], lines)


def hybridmesh_synthetic() -> str:
    """Rendering people, and batches of them."""
    columns = {
        "body": "body",
        "pixels": "pixels",
        "noise": "noise",
        "ms_a_person": "ms a person",
        "batch_iuv_flip_ms": "batch, maps, mirrored (ms)",
        "batch_image_iuv_flip_ms": "batch, both, mirrored (ms)",
        "batch_image_iuv_turn_ms": "batch, both, turned (ms)",
    }
    words = {"True": "yes", "False": "no"}
    lines = [[words.get(row[name], row[name]) for name in columns] for row in read("hybridmesh/synthetic.csv")]
    return markdown(list(columns.values()), lines)


def gramtex_front() -> str:
    """Step two with the default encoder beside plain Gatys."""
    lines = [
        [row[name] for name in ("texture", "start", "error", "CPU-s", "Gatys error")]
        for row in read("gramtex/synthesis.csv")
        if row["encoder"] == "vgg16-hed"
    ]
    header = ["cloth", "relative Gram error at the start", "at the end", "seconds of one core"]
    return markdown([*header, "error of plain Gatys after as many"], lines)


def gramtex_whole(name: str) -> str:
    """A whole CSV file but for the columns that say what it was measured with."""
    rows = read(f"gramtex/{name}.csv")
    names = [each for each in rows[0] if each.split()[0] != "gramtex" and each not in PROVENANCE]
    return markdown(names, [[row[each] for each in names] for row in rows])


TABLES: dict[str, Callable[[], str]] = {
    "viai, all methods": viai_table,
    "viai, gains": viai_gains,
    "viai, classes": viai_classes,
    "viai, four methods": viai_front,
    "openlt, all methods": openlt_table,
    "openlt, frozen features": openlt_frozen,
    "openlt, four methods": openlt_front,
    "graphfit, nondisjoint": lambda: _graphfit("nondisjoint"),
    "graphfit, disjoint": lambda: _graphfit("disjoint"),
    "graphfit, five methods": graphfit_front,
    "hybridmesh, ablation": hybridmesh_ablation,
    "hybridmesh, steps of the ablation": hybridmesh_paired,
    "hybridmesh, fit": hybridmesh_front,
    "hybridmesh, measured": hybridmesh_measured,
    "hybridmesh, photographs": hybridmesh_photographs,
    "hybridmesh, regressor": hybridmesh_regressor,
    "hybridmesh, rendering": hybridmesh_synthetic,
    "gramtex, step two": gramtex_front,
    "gramtex, step two, all encoders": lambda: gramtex_whole("synthesis"),
    "gramtex, reconstruction": lambda: gramtex_whole("reconstruction"),
    "gramtex, tiles": lambda: gramtex_whole("tile"),
    "gramtex, results": lambda: gramtex_whole("table"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, and end with 1 where a table differs")
    check = parser.parse_args().check
    stale, used = [], set()
    for path in READMES:
        text = path.read_text(encoding="utf-8")

        def fill(found: re.Match[str], path: Path = path) -> str:
            if found[2] not in TABLES:
                sys.exit(f"{path}: no table is called {found[2]}; there are {', '.join(TABLES)}")
            used.add(found[2])
            return f"{found[1]}{TABLES[found[2]]()}\n{found[4]}"

        filled = PLACE.sub(fill, text)
        if filled != text:
            stale.append(str(path.relative_to(HERE.parent)))
            if not check:
                path.write_text(filled, encoding="utf-8")
    if forgotten := TABLES.keys() - used:
        sys.exit(f"no README has a place for {', '.join(sorted(forgotten))}")
    if stale:
        print(f"{'not as the benchmarks wrote' if check else 'renewed'}: {', '.join(stale)}")
        sys.exit(1 if check else 0)
    print(f"{len(used)} tables are as the benchmarks wrote them")


if __name__ == "__main__":
    main()
