"""The trained baselines by name."""

from gramtex.baselines.distgan import DistGan, DistGanConfig
from gramtex.baselines.interface import Baseline, BaselineEntry
from gramtex.baselines.psgan import Psgan, PsganConfig
from gramtex.baselines.texturegan import TextureGan, TextureGanConfig
from hr_common.errors import InputError

BASELINES: dict[str, BaselineEntry] = {
    "psgan": BaselineEntry(
        "periodic spatial GAN (Bergmann, Jetchev and Vollgraf, ICML 2017)",
        Psgan,
        {"paper": PsganConfig(), "desk": PsganConfig(widths=(128, 64, 32), field=5, batch=16)},
    ),
    "distgan": BaselineEntry(
        "GAN with an auto-encoder that keeps distances (Tran, Bui and Cheung, ECCV 2018)",
        DistGan,
        {"paper": DistGanConfig(), "desk": DistGanConfig(width=16, batch=16)},
    ),
    "texturegan": BaselineEntry(
        "GAN that extends a texture patch (Xian et al., CVPR 2018), here without a sketch",
        TextureGan,
        {
            "paper": TextureGanConfig(),
            "desk": TextureGanConfig(size=64, patch=32, local=24, width=16, blocks=2, batch=8),
        },
    ),
}


def build_baseline(name: str, preset: str = "desk") -> Baseline:
    """Make a baseline with drawn weights.

    Raises:
        InputError: There is none of that name, or no such preset.
    """
    if name not in BASELINES:
        raise InputError(f"unknown baseline '{name}'; choose one of {', '.join(BASELINES)}")
    entry = BASELINES[name]
    if preset not in entry.presets:
        raise InputError(f"unknown preset '{preset}'; choose one of {', '.join(entry.presets)}")
    return entry.build(entry.presets[preset])
