"""The report as a page: one file with its pictures and sounds in it, to look at and to listen to."""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from viai.fullband import mid_signal
from viai.report.excerpts import Excerpt, wav_bytes
from viai.report.records import GapReport, RepairReport
from viai.report.spectrograms import draw_spectrogram, levels_db, time_ticks
from viai.report.tables import candidate_table, method_table, reference_table, score_table

PLAYER_BYTES = 24_000_000
"""Sound that a page holds at most, before it is encoded as text."""


def render(report: RepairReport, excerpts: Sequence[Excerpt]) -> str:
    """Write the page.

    Args:
        report: What was done.
        excerpts: Surroundings of the first filled gaps, in the order of the report; the others are in the table only.

    Returns:
        HTML that needs no other file and runs no script.
    """
    name = Path(report.source).name
    folder = files("viai.report")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    players = _players(excerpts)
    cards = [
        _card(index, gap, excerpt, has_players=index < players)
        for index, (gap, excerpt) in enumerate(zip(report.gaps, excerpts, strict=False))
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>viai: {escape(name)}</title>",
            f"<style>\n{style}</style></head><body><main>",
            f"<h1>{escape(name)}</h1>",
            f'<p class="soft">{_summary(report)}</p>',
            _facts(report),
            _overview(report),
            _refused(report),
            *([method_table(report), "<h2>Scores</h2>", score_table(report)] if report.gaps else []),
            reference_table(report),
            "<h2>Gaps</h2>" if cards else "",
            _limits(len(report.gaps), len(cards), players),
            *cards,
            folder.joinpath("terms.html").read_text(encoding="utf-8"),
            "</main></body></html>\n",
        ]
    )


def _summary(report: RepairReport) -> str:
    count, missing = len(report.gaps), sum(gap.stop - gap.start for gap in report.gaps)
    done = f"{count} gap{'' if count == 1 else 's'} filled, {missing:.3f} s in all"
    left = f"; {len(report.refused)} left as {'it was' if len(report.refused) == 1 else 'they were'}"
    return done + (left if report.refused else "")


def _facts(report: RepairReport) -> str:
    length = report.frames / report.sample_rate
    channels = {1: "mono", 2: "stereo"}.get(report.channels, f"{report.channels} channels")
    facts = [
        ("Sound", escape(report.source)),
        ("Format", f"{report.sample_rate:,} Hz, {channels}, {length:.3f} s"),
        ("Picture", "none" if report.video is None else escape(report.video)),
        ("Seed", str(report.seed)),
    ]
    if report.placement is not None:
        facts.append(("Position of the picture", escape(report.placement)))
    if report.reference is not None:
        facts.append(("Original", escape(report.reference)))
    facts += [
        (f"Weights of {escape(name)}", f"<code>{escape(digest)}</code>") for name, digest in report.weights.items()
    ]
    return (
        '<dl class="facts">' + "".join(f"<div><dt>{term}</dt><dd>{fact}</dd></div>" for term, fact in facts) + "</dl>"
    )


def _overview(report: RepairReport) -> str:
    """The whole file as a strip, its gaps marked."""
    length = report.frames / report.sample_rate
    width, height = 1_000, 44
    parts = [
        f'<figure class="card"><svg viewBox="0 0 {width} {height}" role="img" aria-label="Where the gaps are">',
        f'<rect class="track" x="10" y="6" width="{width - 20}" height="16" rx="4"/>',
    ]
    for gap in report.gaps:
        x = 10 + (width - 20) * gap.start / length
        marked = max(2.0, (width - 20) * (gap.stop - gap.start) / length)
        parts.append(
            f'<rect class="gap" x="{min(x, width - 10 - marked):.2f}" y="6" width="{marked:.2f}" height="16"/>'
        )
    for moment in time_ticks(0, length):
        x = 10 + (width - 20) * moment / length
        anchor = "start" if x < 30 else "end" if x > width - 40 else "middle"
        parts.append(f'<text x="{x:.1f}" y="38" text-anchor="{anchor}">{moment:g} s</text>')
    return "".join(parts) + "</svg></figure>"


def _refused(report: RepairReport) -> str:
    return "".join(f'<p class="note"><b>Left as it was:</b> {escape(reason)}</p>' for reason in report.refused)


def _players(excerpts: Sequence[Excerpt]) -> int:
    """Number of excerpts, from the first on, whose sounds find room."""
    total = 0
    for count, excerpt in enumerate(excerpts):
        total += sum(2 * min(samples.shape[1], 2) * len(samples) for _, samples in excerpt.sounds())
        if count and total > PLAYER_BYTES:
            return count
    return len(excerpts)


def _limits(gaps: int, shown: int, players: int) -> str:
    said = []
    if players < shown:
        said.append(f"Gaps {players + 1} to {shown} are shown without players.")
    if shown < gaps:
        said.append(f"Gaps {shown + 1} to {gaps} are in the table only.")
    return f'<p class="soft">{" ".join(said)} That keeps this page small.</p>' if said else ""


def _card(index: int, gap: GapReport, excerpt: Excerpt, *, has_players: bool) -> str:
    """One gap: what was there, what is there, and how it came about."""
    sounds = excerpt.sounds()
    levels = [levels_db(mid_signal(samples, 0, 0), excerpt.rate) for _, samples in sounds]
    loudest = max(float(level.max()) for level in levels)
    figures = []
    for (name, samples), level in zip(sounds, levels, strict=True):
        title = f"Spectrogram of gap {index + 1}, {name}"
        player = ""
        if has_players:
            sound = base64.b64encode(wav_bytes(samples, excerpt.rate)).decode()
            player = (
                f'<audio controls preload="none" aria-label="Gap {index + 1}, {name}" '
                f'src="data:audio/wav;base64,{sound}"></audio>'
            )
        drawn = draw_spectrogram(level, loudest, excerpt, title)
        figures.append(f"<figure><figcaption>{name}</figcaption>{drawn}{player}</figure>")
    how = gap.method if gap.vocoder is None else f"{gap.method}, {gap.vocoder}"
    facts = f"{1000 * (gap.stop - gap.start):.1f} ms, {escape(how)}, filled in {gap.seconds:.1f} s"
    return "".join(
        [
            f'<section class="card" id="gap-{index + 1}"><header>',
            f"<h3>Gap {index + 1}: {gap.start:.3f} s to {gap.stop:.3f} s</h3>",
            f'<span class="soft">{facts}</span></header>',
            f'<p class="note">{escape(gap.note)}</p>' if gap.note else "",
            f'<div class="row {"two" if len(figures) == 2 else "three"}">',
            *figures,
            "</div>",
            candidate_table(gap),
            '<p class="soft">−80 dB<span class="ramp"></span>0 dB, the loudest spot of these pictures</p></section>',
        ]
    )
