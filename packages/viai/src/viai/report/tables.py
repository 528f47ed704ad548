"""The figures of a report as tables of a page."""

from collections.abc import Callable, Iterable
from html import escape

from viai.candidates import INAUDIBLE_CLICK
from viai.report.records import GapReport, ReferenceScores, RepairReport

_DIGITS_OF_HASH = 12


def number(value: float | int | None, digits: int = 1, *, sign: bool = False) -> str:
    """Write a figure, or a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return text.replace("-", "−")


def method_table(report: RepairReport) -> str:
    """A row for every gap: where it is, and what filled it."""
    heads = (
        ("gap", "text"), ("start s", ""), ("end s", ""), ("ms", ""), ("method", "text"), ("vocoder", "text"),
        ("seed", ""), ("weights", "text"), ("time s", ""), ("note", "text"),
    )  # fmt: skip
    rows = []
    for index, gap in enumerate(report.gaps):
        hashes = [f"{name} {digest[:_DIGITS_OF_HASH]}" for name, digest in report.weights_of(gap).items()]
        chosen = f", candidate {gap.candidate}" if gap.candidates else ""
        cells = [
            _cell(str(index + 1), "text"),
            _cell(number(gap.start, 3)),
            _cell(number(gap.stop, 3)),
            _cell(number(1000 * (gap.stop - gap.start))),
            _cell(escape(gap.method), "text"),
            _cell(escape(gap.vocoder or "–"), "text"),
            _cell(f"{report.seed}{chosen}"),
            _cell("<br>".join(f"<code>{escape(text)}</code>" for text in hashes) or "–", "text"),
            _cell(number(gap.seconds)),
            _cell(escape(gap.note) or "–", "long"),
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _table("How each gap was filled", heads, rows)


def score_table(report: RepairReport) -> str:
    """A row of figures for every gap: how the filling fits its surroundings."""
    heads = (
        ("gap", "text"), ("click at the start", ""), ("click at the end", ""), ("level dB", ""), ("spectrum dB", ""),
        ("treble dB", ""), ("treble around dB", ""), ("picture agrees", ""),
        ("synchrony", ""), ("synchrony, shifted", ""),
    )  # fmt: skip
    rows = []
    for index, gap in enumerate(report.gaps):
        cells = [
            _cell(str(index + 1), "text"),
            _click(gap.click_start),
            _click(gap.click_stop),
            _cell(number(gap.level_difference_db, sign=True)),
            _cell(number(gap.spectral_distance_db)),
            _cell(number(gap.treble_gap_db)),
            _cell(number(gap.treble_context_db)),
            _cell(number(gap.agreement, 2)),
            _cell(number(gap.synchrony, 3)),
            _cell(number(gap.synchrony_shifted, 3)),
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _table("How each filling fits its surroundings", heads, rows)


def reference_table(report: RepairReport) -> str:
    """Figures against the original, a row a gap and their means; nothing without an original."""
    known = [(index, gap.reference) for index, gap in enumerate(report.gaps) if gap.reference is not None]
    if not known:
        return ""
    columns: tuple[tuple[str, Callable[[ReferenceScores], float | None], int], ...] = (
        ("PSNR dB", lambda scores: scores.psnr_gap, 2),
        ("SSIM", lambda scores: scores.ssim_gap, 3),
        ("L1", lambda scores: scores.l1_gap, 4),
        ("spectral distance dB", lambda scores: scores.log_spectral_distance, 2),
        ("SNR dB", lambda scores: scores.snr_gap, 2),
        ("SI-SDR dB", lambda scores: scores.si_sdr, 2),
    )
    rows = [
        f"<tr>{_cell(str(index + 1), 'text')}"
        + "".join(_cell(number(figure(scores), digits)) for _, figure, digits in columns)
        + "</tr>"
        for index, scores in known
    ]
    if len(known) > 1:
        means = []
        for _, figure, digits in columns:
            values = [value for _, scores in known if (value := figure(scores)) is not None]
            means.append(_cell(number(sum(values) / len(values) if values else None, digits)))
        rows.append(f'<tr class="chosen">{_cell("mean", "text")}{"".join(means)}</tr>')
    heads = (("gap", "text"), *((name, "") for name, _, _ in columns))
    return _table("Against the original, inside the gaps only", heads, rows)


def candidate_table(gap: GapReport) -> str:
    """The fillings that were compared, the best first; nothing if there was only one."""
    if len(gap.candidates) < 2:
        return ""
    heads = (
        ("candidate", "text"), ("click start", ""), ("click end", ""), ("level dB", ""), ("spectrum dB", ""),
        ("synchrony", ""),
    )  # fmt: skip
    rows = []
    for candidate in gap.candidates:
        is_kept = candidate.number == gap.candidate
        cells = [
            _cell(f"{candidate.number}{' (kept)' if is_kept else ''}", "text"),
            _click(candidate.click_start),
            _click(candidate.click_stop),
            _cell(number(candidate.level_difference_db, sign=True)),
            _cell(number(candidate.spectral_distance_db)),
            _cell(number(candidate.synchrony, 4)),
        ]
        rows.append(f"<tr{' class=chosen' if is_kept else ''}>{''.join(cells)}</tr>")
    rule = "Candidates, the best first: inaudible joins, then synchrony with the picture, then the lower click score"
    return _table(rule, heads, rows)


def _table(caption: str, heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in heads)
    return (
        f'<div class="scroll"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(content: str, kind: str = "") -> str:
    return f'<td class="{kind}">{content}</td>' if kind else f"<td>{content}</td>"


def _click(score: float | None) -> str:
    return _cell(number(score, 2), "bad" if score is not None and score > INAUDIBLE_CLICK else "")
