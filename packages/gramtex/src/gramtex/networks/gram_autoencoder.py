"""The whole auto-encoder: standardisation, Gram transformations, recursion, and the normalised code between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.config import ModelConfig
from gramtex.coordinates import Standardisation, signed_sqrt, signed_square
from gramtex.networks.code_norm import CodeNorm
from gramtex.networks.gram_transform import FcDecoder, FcEncoder, GramDecoder, GramEncoder
from gramtex.networks.latent_discriminator import LatentDiscriminator
from gramtex.networks.recursive_autoencoder import MlpAutoEncoder, RecursiveAutoEncoder

Codes = Float[Tensor, "batch latent"]
Levels = Sequence[Float[Tensor, "..."]]


@dataclass(frozen=True)
class Reconstruction:
    """What one pass through the auto-encoder gives."""

    levels: list[Tensor]
    """Every level, in the form in which it came."""
    codes: Tensor
    """Codes of the whole batch of all processes, before noise: ``(whole, latent)``."""
    vectors: list[Tensor]
    """Level vectors of the encoder, each ``(batch, width)``."""


class GramAutoEncoder(nn.Module):
    """Gram sets to codes and back.

    Args:
        config: Levels, ranks and widths.
    """

    # ModuleLists, which are sequences in all but name.
    standards: Sequence[Standardisation]
    encoders: Sequence[GramEncoder | FcEncoder]
    decoders: Sequence[GramDecoder | FcDecoder]
    structure: RecursiveAutoEncoder | MlpAutoEncoder

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        sizes = list(zip(config.channels, config.ranks, strict=True))
        encoders: list[nn.Module]
        decoders: list[nn.Module]
        if config.transform == "gram":
            encoders = [GramEncoder(channels, rank, width) for channels, rank in sizes]
            decoders = [GramDecoder(channels, rank, width) for channels, rank in sizes]
        else:
            encoders = [FcEncoder(channels, width) for channels in config.channels]
            decoders = [FcDecoder(channels, width) for channels in config.channels]
        standards = nn.ModuleList(Standardisation(channels) for channels in config.channels)
        self.standards = cast("Sequence[Standardisation]", standards)
        self.encoders = cast("Sequence[GramEncoder | FcEncoder]", nn.ModuleList(encoders))
        self.decoders = cast("Sequence[GramDecoder | FcDecoder]", nn.ModuleList(decoders))
        joined = RecursiveAutoEncoder if config.structure == "recursive" else MlpAutoEncoder
        self.structure = joined(len(sizes), width, config.hidden, config.latent)
        self.code_norm = CodeNorm(config.latent)

    def project(self, coordinates: Levels) -> list[Float[Tensor, "batch feature"]]:
        """Features of every level that do not depend on anything but the projection."""
        return [encoder.project(each) for encoder, each in zip(self.encoders, coordinates, strict=True)]

    def forward(
        self,
        levels: Levels,
        noise: Float[Tensor, "whole latent"] | None = None,
        *,
        rank: int = 0,
        projected: bool = True,
    ) -> Reconstruction:
        """Encode and decode.

        Args:
            levels: Features of every level, fine to coarse, as :meth:`project` makes them; or, if not ``projected``,
                standardised coordinates ``(batch, channel, channel)``.
            noise: Added to the codes of the whole batch before decoding.
            rank: Number of this process, which says whose codes are decoded here.
            projected: What ``levels`` are, and what the reconstruction is.
        """
        features = levels if projected else self.project(levels)
        vectors = [encoder.code(each) for encoder, each in zip(self.encoders, features, strict=True)]
        codes: Tensor = self.code_norm(self.structure.encode(vectors))
        noisy = codes if noise is None else codes + noise
        count = len(features[0])
        own = noisy[rank * count : (rank + 1) * count] if self.training else noisy
        decoded = self.structure.decode(own)
        made = [decoder.features(each) for decoder, each in zip(self.decoders, decoded, strict=True)]
        if not projected:
            made = [decoder.expand(each) for decoder, each in zip(self.decoders, made, strict=True)]
        return Reconstruction(made, codes, vectors)

    def encode(self, matrices: Levels) -> Codes:
        """Codes of Gram matrices, one batch for each level, fine to coarse."""
        coordinates = [standard(signed_sqrt(each)) for standard, each in zip(self.standards, matrices, strict=True)]
        vectors = [encoder(each) for encoder, each in zip(self.encoders, coordinates, strict=True)]
        codes: Tensor = self.code_norm(self.structure.encode(vectors))
        return codes

    def decode(self, codes: Codes) -> list[Float[Tensor, "batch _ _"]]:
        """Symmetric matrices of codes, fine to coarse; not yet positive semi-definite, see :mod:`gramtex.psd`."""
        return self.decode_vectors(self.structure.decode(codes))

    def decode_vectors(self, vectors: Levels) -> list[Float[Tensor, "batch _ _"]]:
        """Symmetric matrices of the level vectors."""
        return [
            signed_square(standard.inverse(decoder(each)))
            for standard, decoder, each in zip(self.standards, self.decoders, vectors, strict=True)
        ]


@dataclass(frozen=True)
class ParameterTable:
    """Parameters of each part, counted from the modules."""

    levels: tuple[tuple[str, int, int], ...]
    """Name, and parameters of encoder and decoder, of every level."""
    structure: int
    """Of recursion (or MLP) and latent maps."""
    discriminator: int
    """Of the latent discriminator, which is not part of the auto-encoder."""

    @property
    def transforms(self) -> int:
        """Of all transformations."""
        return sum(encoder + decoder for _, encoder, decoder in self.levels)

    @property
    def total(self) -> int:
        """Of the auto-encoder."""
        return self.transforms + self.structure

    def as_dict(self) -> dict[str, object]:
        """All numbers by name."""
        levels = {name: {"encoder": encoder, "decoder": decoder} for name, encoder, decoder in self.levels}
        sums = {"transforms": self.transforms, "structure": self.structure, "total": self.total}
        return {"levels": levels, **sums, "discriminator": self.discriminator}

    def lines(self) -> list[str]:
        """The table as text."""
        rows = [(name, f"{encoder:,} + {decoder:,}") for name, encoder, decoder in self.levels]
        rows += [("transformations", f"{self.transforms:,}"), ("structure", f"{self.structure:,}")]
        rows += [("auto-encoder", f"{self.total:,}"), ("latent discriminator", f"{self.discriminator:,} (not counted)")]
        return [f"{name:22} {text:>24}" for name, text in rows]


def parameter_table(config: ModelConfig, discriminator_width: int = 512) -> ParameterTable:
    """Count the parameters of a configuration without giving them memory."""
    with torch.device("meta"):
        model = GramAutoEncoder(config)
        discriminator = LatentDiscriminator(config.latent, discriminator_width)
    parts = zip(config.levels, model.encoders, model.decoders, strict=True)
    levels = tuple((name, count_parameters(encoder), count_parameters(decoder)) for name, encoder, decoder in parts)
    return ParameterTable(levels, count_parameters(model.structure), count_parameters(discriminator))


def count_parameters(module: nn.Module) -> int:
    """Number of learnt numbers in a module."""
    return sum(each.numel() for each in module.parameters())
