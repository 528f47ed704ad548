"""People who play: one module per family of instruments, all drawn from the same notes that are heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.players.keys import AccordionPlayer
from viai.data.synthetic.players.mallets import MalletPlayer
from viai.data.synthetic.players.percussion import HandDrumPlayer, KitPlayer
from viai.data.synthetic.players.strings import BowedPlayer, GuitarPlayer
from viai.data.synthetic.players.winds import BrassPlayer, WoodwindPlayer
from viai.data.synthetic.scene import Canvas, Style, View
from viai.data.synthetic.scores import Note

__all__ = ["PLAYERS", "Player", "make_player"]


@runtime_checkable
class Player(Protocol):
    """Draws a person with an instrument at any time of a clip."""

    view: View
    """What the camera must show."""

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw the state at ``time`` seconds."""


class _PlayerClass(Protocol):
    def __call__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> Player: ...


PLAYERS: dict[str, _PlayerClass] = {
    "accordion": AccordionPlayer,
    "cello": BowedPlayer,
    "congas": HandDrumPlayer,
    "drums": KitPlayer,
    "flute": WoodwindPlayer,
    "guitar": GuitarPlayer,
    "saxophone": WoodwindPlayer,
    "trumpet": BrassPlayer,
    "tuba": BrassPlayer,
    "violin": BowedPlayer,
    "xylophone": MalletPlayer,
}
"""Player of each class."""


def make_player(
    class_name: str,
    notes: Sequence[Note],
    *,
    instrument: Instrument,
    style: Style,
    seconds: float | int,
    rng: np.random.Generator,
) -> Player:
    """Make the player of a class.

    Args:
        class_name: One of the classes of :data:`viai.data.synthetic.instruments.CLASSES`.
        notes: What is played, in order of onset; keys inside the range of the instrument.
        instrument: Decides the shape where a class has several.
        style: Colours and build.
        seconds: Length of the clip.
        rng: Source of posture, habits and small differences.

    Returns:
        The player.
    """
    return PLAYERS[class_name](notes, instrument, style, seconds, rng)
