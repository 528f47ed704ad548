"""What rendered people stand before, behind and in: backgrounds, panels, clothes and light."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from hybridmesh.rasteriser import Raster

_SKIN = ((92, 60, 44), (244, 208, 182))  # the darkest and the lightest


def background(
    rng: np.random.Generator,
    size: int,
    pictures: Sequence[Image.Image],
    *,
    plain: bool = False,
    contrast: float = 1.0,
) -> Float[np.ndarray, "size size 3"]:
    """Paint a background, 0 to 255.

    Args:
        rng: Draws.
        size: Height and width in pixels.
        pictures: To cut from; without any, clutter is made of noise, gradients and rectangles.
        plain: One colour that changes slowly from top to bottom, as in a studio.
        contrast: Of the clutter; 0 leaves one colour.
    """
    if plain:
        above, below = rng.uniform(-15, 15, 2)
        shade = np.linspace(above, below, size)[:, None, None]
        return np.asarray((rng.uniform(60, 220) + rng.uniform(-10, 10, 3) + shade) * np.ones((size, size, 3)))
    if pictures:
        picture = pictures[int(rng.integers(len(pictures)))]
        side = rng.uniform(0.5, 1.0) * min(picture.size)
        left, top = (rng.uniform(0, length - side) for length in picture.size)
        cut = picture.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        return np.asarray(cut, np.float64)
    canvas = np.zeros((size, size, 3))
    for cells, strength in ((2, 1.0), (int(rng.integers(3, 7)), 0.6), (int(rng.integers(8, 17)), 0.4)):
        patch = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        smooth = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
        canvas += strength * np.asarray(patch.resize((size, size), smooth), np.float64)
    canvas /= 2
    for _ in range(rng.integers(0, 6)):
        x, y = rng.integers(0, size, 2)
        width, height = rng.integers(size // 16 + 1, size // 2, 2)
        canvas[y : y + height, x : x + width] = rng.uniform(0, 255, 3)
    middle = canvas.mean((0, 1))
    return np.asarray(canvas + (contrast - 1) * (canvas - middle))


def clothes(rng: np.random.Generator) -> Float[np.ndarray, "15 3"]:
    """Draw a colour, 0 to 255, for each of the 14 parts of the body: skin, a top, trousers or shorts, shoes."""
    skin = np.array(_SKIN[0]) + rng.random() * (np.array(_SKIN[1]) - np.array(_SKIN[0]))
    top, bottom, shoes = rng.uniform(15, 245, (3, 3))
    # Background, torso, hands, feet, upper legs, lower legs, upper arms, lower arms, head, in the order of the parts.
    sleeves, legs = rng.choice(3, p=[0.15, 0.4, 0.45]), rng.random() < 0.7
    upper_arm, lower_arm = (top if sleeves >= 1 else skin), (top if sleeves == 2 else skin)
    lower_leg = bottom if legs else skin
    colours = np.array([
        skin, top, skin, skin, shoes, shoes, bottom, bottom, lower_leg, lower_leg, upper_arm, upper_arm, lower_arm,
        lower_arm, skin,
    ])  # fmt: skip
    return np.asarray((colours + rng.normal(0, 6, colours.shape)).clip(0, 255))


def panel(
    rng: np.random.Generator, person: Bool[np.ndarray, "size size"], fine: Float[np.ndarray, "double double 3"],
    *, least: float,
) -> Bool[np.ndarray, "size size"]:  # fmt: skip
    """Put a rectangle before a person, into the picture of twice the size.

    Returns:
        What is hidden; ``least`` of the person stays visible, or there is no rectangle.
    """
    size = len(person)
    hidden = np.zeros_like(person)
    rows, columns = np.nonzero(person)
    if not len(rows):
        return hidden
    at = rng.integers(len(rows))
    height, width = rng.uniform(0.15, 0.5, 2) * size
    top, left = round(rows[at] - height / 2), round(columns[at] - width / 2)
    where = slice(max(top, 0), round(rows[at] + height / 2)), slice(max(left, 0), round(columns[at] + width / 2))
    hidden[where] = True
    if (person & ~hidden).sum() < least * person.sum():
        return np.zeros_like(person)
    fine[hidden.repeat(2, 0).repeat(2, 1)] = rng.uniform(0, 255, 3)
    return hidden


def paint(
    canvas: Float[np.ndarray, "height width 3"],
    raster: Raster,
    screen: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    colours: Float[np.ndarray, "face 3"],
    light: Float[np.ndarray, "3"],
) -> None:
    """Lay a body over a picture, each face in its colour and flat in the light.

    Args:
        canvas: 0 to 255; changed.
        raster: Of the body, of the picture's size.
        screen: Vertices; x, y and depth in the same unit, the depth growing away from the viewer.
        faces: Vertices of each triangle.
        colours: Of each face, 0 to 255.
        light: Direction to the light, in the axes of ``screen``; any length.
    """
    seen = raster.mask
    which, back = np.unique(raster.face[seen], return_inverse=True)
    a, b, c = screen[faces[which]].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    length = np.maximum(np.linalg.norm(normals, axis=1) * np.linalg.norm(light), 1e-12)
    lit = 0.35 + 0.65 * ((normals @ light) / length).clip(0, 1)
    canvas[seen] = (colours[which] * lit[:, None])[back]
