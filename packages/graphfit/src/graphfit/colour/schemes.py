"""Which colour style an outfit has, by rule: same, monochromatic, analogous, complementary, triadic or other.

The paper names the six styles without rules; those here are our choice. Take the dominant colour of each garment (and
its second one if that is large), group the hues by single linkage on the circle, and the first rule that holds names
the style:

1. ``same``: all colours, grey ones too, lie near their weighted mean;
2. ``monochromatic``: no hue at all, or all within 20°;
3. ``analogous``: all within 90°;
4. ``complementary``: two groups, each within 40°, their centres 180° ± 25° apart;
5. ``triadic``: three groups, each within 40°, their centres 120° ± 25° apart;
6. ``other``: anything else.

All functions here are vectorised over sets of garments: composition asks about thousands of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from graphfit.colour.difference import delta_e
from graphfit.colour.palette import Palette
from graphfit.colour.wheels import hues as hues_of
from graphfit.colour.wheels import is_achromatic
from graphfit.config import ColourConfig
from hr_common.errors import InputError

STYLES = ("analogous", "complementary", "triadic", "same", "monochromatic", "other")

_ANALOGOUS, _COMPLEMENTARY, _TRIADIC, _SAME, _MONOCHROMATIC, _OTHER = range(6)
_SLACK = 1e-6  # degrees: a boundary belongs to the rule, also after a rotation has rounded the angles


@dataclass(frozen=True)
class HueGroup:
    """Hues that hang together on the circle; all in degrees."""

    centre: float
    arc: float
    hues: tuple[float, ...]


@dataclass(frozen=True)
class Scheme:
    """The colour style of an outfit, and how clear it is."""

    style: str
    """One of :data:`STYLES`."""
    rule: str
    """What made it so, in words with the angles."""
    wheel: str
    """Hue circle that the angles are on."""
    hues: tuple[float, ...]
    """Angles of the colours that were considered, in degrees; black, grey and white have none."""
    groups: tuple[HueGroup, ...]
    """Groups of hues, from the one after the largest gap on."""
    arc: float
    """Smallest arc that holds all hues, in degrees; 0 without hues."""
    margin: float
    """Distance to the nearest boundary of a rule: small means that another style was near."""
    margin_unit: Literal["degrees", "delta_e"]
    """``delta_e`` (CIEDE2000) for ``same``, else ``degrees``; without hues nothing is near and the margin is 180."""


@dataclass(frozen=True, eq=False)
class Swatches:
    """What garments bring to the colours of an outfit: at most two colours each."""

    lab: Float[np.ndarray, "*garment 2 3"]
    """CIELAB."""
    weights: Float[np.ndarray, "*garment 2"]
    """Weight in the outfit; 0 where there is no second colour."""
    hues: Float[np.ndarray, "*garment 2"]
    """Degrees on the circle; NaN where the colour is achromatic or missing."""

    def sets(self, members: Int[np.ndarray, "set garment"]) -> "Swatches":
        """Gather the garments of each set; -1 fills a shorter one."""
        present = (members >= 0)[..., None]
        return Swatches(
            self.lab[members],
            np.where(present, self.weights[members], 0.0),
            np.where(present, self.hues[members], np.nan),
        )


@dataclass(frozen=True, eq=False)
class _Circle:
    """Measures of the hues of each set. Columns run along the circle from the hue after the largest gap."""

    hue: Float[np.ndarray, "set colour"]  # NaN beyond the last one
    gap: Float[np.ndarray, "set colour"]  # to the next hue; the last one's is the largest
    group: Int[np.ndarray, "set colour"]  # -1 beyond the last hue
    count: Int[np.ndarray, " set"]  # of groups
    arc: Float[np.ndarray, " set"]
    centre: Float[np.ndarray, "set 3"]  # of the first three groups
    group_arc: Float[np.ndarray, "set 3"]

    def misfit(self, groups: int) -> Float[np.ndarray, "2 set"]:
        """Widest group, and how far a pair of the first groups is from even spacing; both in degrees."""
        widest = self.group_arc[:, :groups].max(1)
        pairs = ((0, 1),) if groups == 2 else ((0, 1), (1, 2), (0, 2))
        apart = np.stack([_distance(self.centre[:, i], self.centre[:, j]) for i, j in pairs])
        return np.stack([widest, np.abs(apart - 360 / groups).max(0)])


def garment_weight(category: str, config: ColourConfig | None = None) -> float:
    """Say how much a garment counts in the colours of an outfit."""
    config = config or ColourConfig()
    by_category = {
        "all-body": config.dress_weight,
        **dict.fromkeys(("outerwear", "tops", "bottoms"), config.garment_weight),
        **dict.fromkeys(("shoes", "bags", "unknown"), config.shoes_weight),
    }
    return by_category.get(category, config.accessory_weight)


def swatches(
    palettes: Sequence[Palette],
    categories: Sequence[str],
    *,
    wheel: str | None = None,
    config: ColourConfig | None = None,
) -> Swatches:
    """Take the colours that count from each garment's palette: the first, and the second if it is large.

    Args:
        palettes: One for each garment.
        categories: Semantic category of each garment, for its weight.
        wheel: Hue circle. [default: that of the settings]
        config: Thresholds.

    Raises:
        InputError: There is no such circle, or as many categories as palettes are not given.
    """
    config = config or ColourConfig()
    if len(palettes) != len(categories):
        raise InputError(f"{len(palettes)} palettes and {len(categories)} categories: give one category a garment")
    lab, weights = np.zeros((len(palettes), 2, 3)), np.zeros((len(palettes), 2))
    for row, (palette, category) in enumerate(zip(palettes, categories, strict=True)):
        kept = 2 if len(palette.weights) > 1 and palette.weights[1] >= config.second_colour_weight else 1
        shares = palette.weights[:kept] / palette.weights[:kept].sum()
        lab[row, :kept] = palette.colours[:kept]
        weights[row, :kept] = garment_weight(category, config) * shares
    is_grey = is_achromatic(lab, config) | (weights == 0)
    return Swatches(lab, weights, np.where(is_grey, np.nan, hues_of(lab, wheel or config.wheel)))


def classify(
    palettes: Sequence[Palette],
    categories: Sequence[str],
    *,
    wheel: str | None = None,
    config: ColourConfig | None = None,
) -> Scheme:
    """Name the colour style of one outfit.

    Args:
        palettes: One for each garment; the order does not matter.
        categories: Semantic category of each garment.
        wheel: ``ryb``, ``hsv`` or ``oklch``. [default: that of the settings]
        config: Thresholds.

    Raises:
        InputError: There are no garments, or the circle is unknown.
    """
    config = config or ColourConfig()
    if not palettes:
        raise InputError("an outfit without garments has no colour style; give at least one")
    garments = swatches(palettes, categories, wheel=wheel, config=config)
    return describe(garments, wheel=wheel or config.wheel, config=config)


def describe(garments: Swatches, *, wheel: str, config: ColourConfig | None = None) -> Scheme:
    """Name the colour style of one outfit whose colours were taken with :func:`swatches`."""
    config = config or ColourConfig()
    one = Swatches(garments.lab[None], garments.weights[None], garments.hues[None])
    spread = float(_spread(one)[0])
    by_hue = classify_hues(garments.hues.ravel(), garments.weights.ravel(), wheel=wheel, config=config)
    if spread > config.same_difference:
        return by_hue
    rule = f"all colours within ΔE00 {spread:.1f} of their mean"
    margin = config.same_difference - spread
    return Scheme("same", rule, wheel, by_hue.hues, by_hue.groups, by_hue.arc, margin, "delta_e")


def label_sets(sets: Swatches, config: ColourConfig | None = None) -> Int[np.ndarray, " set"]:
    """Name the style of many outfits at once, as positions in :data:`STYLES`.

    Args:
        sets: Colours of shape (set, garment, 2); see :meth:`Swatches.sets`.
        config: Thresholds.
    """
    config = config or ColourConfig()
    count = len(sets.weights)
    labels = _label(_measure(sets.hues.reshape(count, -1), sets.weights.reshape(count, -1), config), config)
    labels[_spread(sets) <= config.same_difference] = _SAME
    return labels


def classify_hues(
    hues: Float[np.ndarray, " colour"],
    weights: Float[np.ndarray, " colour"] | None = None,
    *,
    wheel: str = "ryb",
    config: ColourConfig | None = None,
) -> Scheme:
    """Name the style of hues alone, by rules 2 to 6.

    Args:
        hues: Angles in degrees; NaN is a colour without hue.
        weights: Weight of each colour. [default: all equal]
        wheel: Name of the circle the angles are on; it is only passed on.
        config: Thresholds.
    """
    config = config or ColourConfig()
    hues = np.asarray(hues, np.float64).reshape(1, -1)
    weights = np.ones_like(hues) if weights is None else np.asarray(weights, np.float64).reshape(1, -1)
    if hues.size == 0:
        hues, weights = np.full((1, 1), np.nan), np.zeros((1, 1))
    circle = _measure(hues, weights, config)
    style = int(_label(circle, config)[0])
    used = circle.group[0] >= 0
    found, member = circle.hue[0, used], circle.group[0, used]
    groups = []
    for number in range(int(circle.count[0])):
        own = found[member == number]
        centre = float(circle.centre[0, number]) if number < 3 else _mean_angle(own)
        groups.append(HueGroup(round(centre % 360, 6), float((own[-1] - own[0]) % 360), tuple(own.tolist())))
    margin, arc = _margin(circle, style, config), float(circle.arc[0])
    rule = _words(style, arc, groups)
    return Scheme(STYLES[style], rule, wheel, tuple(found.tolist()), tuple(groups), arc, margin, "degrees")


def _measure(
    hues: Float[np.ndarray, "set colour"], weights: Float[np.ndarray, "set colour"], config: ColourConfig
) -> _Circle:
    rows = np.arange(len(hues))[:, None]
    has_hue = ~np.isnan(hues) & (weights > 0)
    weights = np.where(has_hue, weights, 0.0)
    # The share is that of the chromatic weight: with that of the whole outfit, a black bag could push a small colour
    # under the limit and change the style, which black must not do.
    has_hue &= weights >= config.least_outfit_weight * weights.sum(1, keepdims=True)
    angles = np.where(has_hue, hues % 360, np.inf)
    order = np.argsort(angles, axis=1, kind="stable")
    angles, weights = angles[rows, order], weights[rows, order]
    total = has_hue.sum(1, keepdims=True)
    column = np.arange(angles.shape[1])[None]
    present, last = column < total, column == total - 1
    with np.errstate(invalid="ignore"):
        gap = np.where(last, angles[:, :1] + 360, np.roll(angles, -1, axis=1)) - angles
    gap = np.where(present, gap, -1.0)
    # Begin after the largest gap, so that no group reaches over the seam.
    start = (gap.argmax(1)[:, None] + 1) % np.maximum(total, 1)
    turned = np.where(present, (start + column) % np.maximum(total, 1), column)
    angles, gap, weights = angles[rows, turned], gap[rows, turned], weights[rows, turned]
    angles = np.where(present, angles, np.nan)
    opens = np.concatenate([np.zeros((len(gap), 1), bool), gap[:, :-1] > config.group_gap + _SLACK], axis=1) & present
    group = np.where(present, np.cumsum(opens, axis=1), -1)
    centre, group_arc = np.full((len(hues), 3), np.nan), np.full((len(hues), 3), np.inf)
    radians = np.radians(np.where(present, angles, 0.0))
    along = (angles - angles[:, :1]) % 360
    for number in range(3):
        own = group == number
        some = own.any(1)
        share = np.where(own, weights, 0.0)
        middle = np.degrees(np.arctan2((share * np.sin(radians)).sum(1), (share * np.cos(radians)).sum(1))) % 360
        centre[:, number] = np.where(some, middle, np.nan)
        reach = np.where(own, along, -np.inf).max(1) - np.where(own, along, np.inf).min(1)
        group_arc[:, number] = np.where(some, reach, np.inf)
    arc = np.where(total[:, 0] > 0, 360 - gap.max(1), 0.0)
    return _Circle(angles, gap, group, group.max(1) + 1, arc, centre, group_arc)


def _label(circle: _Circle, config: ColourConfig) -> Int[np.ndarray, " set"]:
    labels = np.full(len(circle.arc), _OTHER)
    # From the last rule to the first, so that the first one that holds stays.
    for style, groups in ((_TRIADIC, 3), (_COMPLEMENTARY, 2)):
        widest, off = circle.misfit(groups)
        even = (widest <= config.group_arc + _SLACK) & (off <= config.opposite_tolerance + _SLACK)
        labels[(circle.count == groups) & even] = style
    labels[circle.arc <= config.analogous_arc + _SLACK] = _ANALOGOUS
    labels[circle.arc <= config.monochromatic_arc + _SLACK] = _MONOCHROMATIC
    return labels


def _spread(sets: Swatches) -> Float[np.ndarray, " set"]:
    """Largest CIEDE2000 difference of a colour from the weighted mean of its set."""
    count = len(sets.weights)
    lab, weights = sets.lab.reshape(count, -1, 3), sets.weights.reshape(count, -1)
    mean = (lab * weights[..., None]).sum(1) / weights.sum(1)[:, None]
    difference = delta_e(lab, mean[:, None])
    return np.asarray(np.where(weights > 0, difference, 0.0).max(1))


def _margin(circle: _Circle, style: int, config: ColourConfig) -> float:
    arc, count = float(circle.arc[0]), int(circle.count[0])
    if count == 0:
        return 180.0
    if style == _MONOCHROMATIC:
        return max(config.monochromatic_arc - arc, 0.0)
    if style == _ANALOGOUS:
        return max(min(arc - config.monochromatic_arc, config.analogous_arc - arc), 0.0)
    gaps = np.abs(circle.gap[0][circle.group[0] >= 0] - config.group_gap)
    near = [arc - config.analogous_arc, float(gaps.min())]  # a gap over its boundary makes other groups
    if count in (2, 3):
        widest, off = circle.misfit(count)[:, 0]
        beyond = widest - config.group_arc, off - config.opposite_tolerance
        near.append(max(beyond) if style == _OTHER else -max(beyond))
    return max(min(near), 0.0)


def _words(style: int, arc: float, groups: Sequence[HueGroup]) -> str:
    """The rule that held, with the angles it held for."""
    centres = " and ".join(f"{round(group.centre) % 360}°" for group in groups)
    if not groups:
        return "no colour has a hue"
    if style in (_MONOCHROMATIC, _ANALOGOUS):
        return f"all hues within {arc:.0f}°"
    if style == _COMPLEMENTARY:
        apart = float(_distance(np.array(groups[0].centre), np.array(groups[1].centre)))
        return f"two groups of hues, {centres}, {apart:.0f}° apart"
    if style == _TRIADIC:
        return f"three groups of hues, {centres}"
    return f"{len(groups)} group{'s' if len(groups) > 1 else ''} of hues at {centres}, over {arc:.0f}°"


def _mean_angle(angles: Float[np.ndarray, " colour"]) -> float:
    return float(np.degrees(np.angle(np.exp(1j * np.radians(angles)).sum())) % 360)


def _distance(one: Float[np.ndarray, "*pair"], other: Float[np.ndarray, "*pair"]) -> Float[np.ndarray, "*pair"]:
    """Way between two angles on the circle, 0 to 180 degrees."""
    return np.asarray(np.abs((one - other + 180) % 360 - 180))
