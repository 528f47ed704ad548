"""The main job on a short piece that comes with the package."""

from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common import audio, video
from hr_common.files import write_json
from viai.fullband import mid_signal
from viai.gaps import resolve_gaps
from viai.inpainting import Inpainter
from viai.metrics import psnr_gap
from viai.painting import analyse
from viai.plots import plot_repair
from viai.spectrogram import MelSpectrogram, interpolate_unknown

GAP_SECONDS = (3.2, 4.0)
"""What is cut out of the piece: 0.8 s, as in the paper's test."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo left, and how well the gap was filled."""

    original: Path
    damaged: Path
    repaired: Path
    repaired_video: Path
    picture: Path
    report: Path
    page: Path
    """The report to look at and to listen to."""
    method: str
    psnr_gap: float
    """Of the repaired sound's mel spectrogram inside the gap, in dB."""
    psnr_gap_interpolation: float
    """Of straight lines drawn over the gap of the mel spectrogram, in dB."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    def lines(self) -> list[str]:
        """Say where everything is."""
        start, stop = GAP_SECONDS
        return [
            f"cut {start} s to {stop} s out of {self.original}: {self.damaged}",
            f"filled by {self.method}: {self.repaired}, with its picture {self.repaired_video}",
            f"spectrograms of both: {self.picture}; report: {self.page}, and for scripts {self.report}",
            f"mel PSNR inside the gap: {self.psnr_gap:.1f} dB (straight lines: {self.psnr_gap_interpolation:.1f} dB)",
        ]


def run_demo(out: Path, *, seed: int = 0, device: str = "auto") -> DemoResult:
    """Cut a gap into the piece, fill it, and leave sound, video, picture and report.

    The piece is a held-out one: neither its tune nor its player nor its sound were trained on.

    Args:
        out: Folder for the results; made if needed, files of an earlier demo are replaced.
        seed: Settles every random number.
        device: Where to compute.
    """
    out.mkdir(parents=True, exist_ok=True)
    with as_file(files("viai") / "data" / "embedded" / "demo.mp4") as piece:
        samples, rate, _ = video.read_sound(piece)
        gap = resolve_gaps([GAP_SECONDS], rate=rate, frames=len(samples), name=piece.name)[0]
        damaged = samples.copy()
        damaged[gap.start : gap.stop] = 0
        audio.write(out / "original.wav", samples, rate, subtype="PCM_16")
        audio.write(out / "damaged.wav", damaged, rate, subtype="PCM_16")

        inpainter = Inpainter.from_pretrained(device=device)
        repair = inpainter.inpaint_file(
            out / "damaged.wav", [GAP_SECONDS], video=piece, seed=seed, reference=out / "original.wav"
        )
        repair.save(out / "repaired.wav")
        repaired, _ = audio.read(out / "repaired.wav")
        video.replace_sound(piece, out / "repaired.mp4", repaired, rate)

    repair.save_report(out / "report.json")
    repair.save_report(out / "report.html")
    start, stop = GAP_SECONDS
    low, high = round((start - 2) * rate), round((stop + 2) * rate)
    plot_repair(
        out / "spectrograms.png",
        mid_signal(damaged[low:high].astype(np.float64), 0, 0),
        mid_signal(repaired[low:high].astype(np.float64), 0, 0),
        rate,
        start_seconds=low / rate,
        gaps=[GAP_SECONDS],
        reference=mid_signal(samples[low:high].astype(np.float64), 0, 0),
        title=f"Filled by {repair.report.gaps[0].method}",
    )
    with torch.inference_mode():
        window = resolve_gaps([(2.0, 2.0 + stop - start)], rate=rate, frames=high - low, name=piece.name)
        known = analyse(damaged[low:high].astype(np.float64), window, rate, inpainter.front)
        lines = interpolate_unknown(known.mel, known.unknown)
    mask = known.unknown[0].cpu().numpy()
    target, filled = (_mel(part[low:high], rate, known.gain, inpainter.front) for part in (samples, repaired))
    result = DemoResult(
        original=out / "original.wav",
        damaged=out / "damaged.wav",
        repaired=out / "repaired.wav",
        repaired_video=out / "repaired.mp4",
        picture=out / "spectrograms.png",
        report=out / "report.json",
        page=out / "report.html",
        method=repair.report.gaps[0].method,
        psnr_gap=psnr_gap(filled, target, mask),
        psnr_gap_interpolation=psnr_gap(lines[0].cpu().numpy(), target, mask),
    )
    write_json(out / "figures.json", result.as_dict())
    return result


def _mel(
    samples: Float[np.ndarray, "time channel"], rate: int, gain: float, front: MelSpectrogram
) -> Float[np.ndarray, "band frame"]:
    """Spectrogram of a sound under the gain of the damaged one, so that the two can be compared."""
    mono = audio.resample(mid_signal(samples.astype(np.float64), 0, 0), rate, front.config.sample_rate) * gain
    levels: Tensor = front(torch.from_numpy(mono.astype(np.float32)).unsqueeze(0).to(front.window.device))
    return levels[0].cpu().numpy()
