"""The report as a page."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import soundfile

from viai.report import CandidateReport, GapReport, ReferenceScores, RepairReport
from viai.report.excerpts import Excerpt
from viai.report.page import PLAYER_BYTES, render

RATE = 8_000
NASTY = "<img src=x onerror=alert(1)>&\"'.wav"
VOID = {"meta", "br", "img", "image", "rect", "path"}


def gap(number: int = 0, *, note: str = "") -> GapReport:
    return GapReport(
        start=1.0 + 2 * number,
        stop=1.25 + 2 * number,
        method="viai-av",
        vocoder="phase",
        note=note,
        click_start=3.5,
        click_stop=None,
        level_difference_db=-1.25,
        treble_gap_db=None,
        treble_context_db=None,
        seconds=0.5,
        synchrony=0.625,
        synchrony_shifted=0.5,
    )


def report(*gaps: GapReport) -> RepairReport:
    return RepairReport(
        source=NASTY,
        video=f"{NASTY}.mp4",
        placement=f"placed by {NASTY}",
        sample_rate=RATE,
        channels=2,
        frames=500 * RATE,
        seed=7,
        weights={"viai-av": "0123456789abcdef"},
        gaps=gaps,
        refused=(f"1 s to 9 s of {NASTY}",),
        reference=NASTY,
    )


def excerpt(start: float = 0.0, *, seconds: float = 2.0, known: bool = False) -> Excerpt:
    samples = 0.3 * np.random.default_rng(0).standard_normal((round(seconds * RATE), 2)).clip(-3, 3)
    before = samples.copy()
    before[RATE : RATE * 5 // 4] = 0
    return Excerpt(
        start=start,
        rate=RATE,
        gaps=((start + 1.0, start + 1.25),),
        before=before,
        after=samples,
        reference=samples if known else None,
    )


class Structure(HTMLParser):
    """Checks that tags close in order, and collects what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def structure(page: str) -> Structure:
    parser = Structure()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_whole_needs_no_other_file_and_runs_nothing() -> None:
    seen = structure(render(report(gap(), gap(1)), [excerpt(), excerpt(2.0)]))
    assert "script" not in seen.names
    assert "link" not in seen.names
    assert seen.names.count("audio") == 4
    assert seen.names.count("image") == 4
    assert all(address.startswith(("data:image/png;base64,", "data:audio/wav;base64,")) for address in seen.addresses)


def test_names_of_files_cannot_become_markup() -> None:
    page = render(report(gap(note=f"without the picture: {NASTY}")), [excerpt()])
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;" in page
    assert "onerror" not in " ".join(structure(page).addresses)


def test_the_figures_of_a_gap_stand_in_the_tables() -> None:
    page = render(report(gap()), [excerpt()])
    for cell in ("1.000", "1.250", "250.0", "viai-av", "phase", "−1.2", "0.625", "0.500", "<code>viai-av 0123456789ab"):
        assert f">{cell}<" in page, cell
    # A click that can be heard stands out; one that could not be measured is a dash.
    assert '<td class="bad">3.50</td><td>–</td>' in page
    assert "Left as it was:" in page


def test_the_original_is_shown_and_its_figures_are_averaged() -> None:
    scores = ReferenceScores(
        psnr_gap=20.0, ssim_gap=0.5, l1_gap=0.05, log_spectral_distance=6.0, snr_gap=3.0, si_sdr=None
    )
    other = replace(scores, psnr_gap=30.0, si_sdr=4.0)
    page = render(
        report(replace(gap(), reference=scores), replace(gap(1), reference=other)),
        [excerpt(known=True), excerpt(2.0, known=True)],
    )
    assert structure(page).names.count("audio") == 6
    # Mean of 20 and 30; of the one SI-SDR that is known.
    mean = page[page.index(">mean<") :]
    assert re.findall(r"<td>(.*?)</td>", mean)[:6] == ["25.00", "0.500", "0.0500", "6.00", "3.00", "4.00"]
    assert "Against the original" not in render(report(gap()), [excerpt()])


def test_candidates_are_listed_with_the_kept_one_marked() -> None:
    candidates = tuple(
        CandidateReport(
            number=number,
            click_start=1.0,
            click_stop=None,
            level_difference_db=0.0,
            spectral_distance_db=4.0,
            synchrony=0.1,
        )
        for number in (2, 0, 1)
    )
    page = render(report(replace(gap(), candidate=2, candidates=candidates)), [excerpt()])
    table = page[page.index("Candidates, the best first") :]
    assert re.findall(r'<td class="text">(.*?)</td>', table) == ["2 (kept)", "0", "1"]
    assert "7, candidate 2" in page


def test_a_player_holds_the_samples_as_a_wav_of_16_bits() -> None:
    one = excerpt()
    page = render(report(gap()), [one])
    sound = re.findall(r"data:audio/wav;base64,([^\"]+)", page)[1]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
    assert rate == RATE
    np.testing.assert_allclose(samples, one.after.clip(-1, 1 - 2**-15), atol=2**-16 + 1e-9)


def test_of_many_gaps_the_first_are_drawn_and_the_page_says_so() -> None:
    gaps = [gap(number) for number in range(200)]
    # Long enough that the sounds of two of the three find room.
    seconds = PLAYER_BYTES / (2 * 2 * 2 * RATE) / 2.5
    many = [excerpt(2.0 * number, seconds=seconds) for number in range(3)]
    page = render(report(*gaps), many)
    seen = structure(page)
    assert (seen.names.count("audio"), seen.names.count("image")) == (4, 6)
    assert "Gaps 3 to 3 are shown without players. Gaps 4 to 200 are in the table only." in page
    assert page.count("<tr>") >= 400


def test_nothing_filled_is_a_page_too() -> None:
    page = render(report(), [])
    structure(page)
    assert "0 gaps filled" in page
    assert "Left as it was:" in page
