"""Shoes, bags, hats, scarves, sunglasses, jewellery and belts as outlines. Each function draws one on a canvas."""

import numpy as np

from graphfit.data.wardrobe.canvas import Canvas, Cloth, Number, Points, both, ellipse, path, shift

_GOLD = Cloth(colour=(206, 166, 92), weave="metal")
_SILVER = Cloth(colour=(188, 190, 196), weave="metal")
_RUBBER = Cloth(colour=(243, 241, 236))


def _ring(x: Number, y: Number, width: Number, height: Number) -> Points:
    outline = ellipse(x, y, width, height)
    return np.concatenate([outline, outline[:1]])


def sneakers(canvas: Canvas, cloth: Cloth) -> None:
    """Low, laced, with a white sole."""
    upper = path(
        (-36, 62),
        (-33, 58, -26, 60),
        (-20, 66, -10, 66),
        (4, 62),
        (10, 76, 26, 80),
        (38, 82, 40, 92),
        (-36, 94),
        (-38, 76, -36, 62),
    )
    canvas.part(upper, cloth, round_edge=6, folds=0.5)
    canvas.part(
        path((-34, 62), (-28, 58, -25, 61), (-18, 66, -10, 66), (2, 63), (-6, 72, -20, 71), (-32, 70, -34, 62)),
        cloth.darker(0.55),
        round_edge=1.5,
        folds=0,
        lift=0.1,
    )
    canvas.part(
        path((4, 62), (9, 64), (22, 78, 26, 80), (16, 82), (2, 74, -3, 66), (4, 62)),
        cloth,
        round_edge=1.6,
        folds=0.1,
        lift=0.3,
    )
    toe = path((24, 80), (39, 82, 41, 92), (24, 93), (20, 88, 24, 80))
    canvas.part(toe, cloth, round_edge=3, folds=0, lift=0.25)
    canvas.part(
        path((-37, 70), (-30, 74, -26, 93), (-38, 93), (-39, 82, -37, 70)),
        cloth.darker(0.85),
        round_edge=2,
        folds=0,
        lift=0.25,
    )
    canvas.part(
        path((-39, 91), (0, 94, 41, 90), (43, 95, 40, 99), (0, 101, -38, 99), (-41, 95, -39, 91)),
        _RUBBER,
        round_edge=2.6,
        folds=0,
        lift=0.4,
    )
    canvas.seam(path((-39, 96.6), (0, 98, 41, 96)), dark=0.14)
    for step in range(5):
        x, y = 1 + 4.6 * step, 67 + 3.0 * step
        canvas.stroke(path((x, y + 3), (x + 2.6, y - 0.5, x + 6.4, y - 2)), _RUBBER, 1.25, lift=0.4)


def pumps(canvas: Canvas, cloth: Cloth) -> None:
    """Pointed, with a high heel."""
    heel = path((-33, 66), (-25, 72), (-27, 88, -28.5, 104), (-32.5, 104), (-32, 86, -35, 70), (-33, 66))
    canvas.part(heel, cloth.darker(0.8), round_edge=2.4, folds=0)
    canvas.part(
        path((-34, 56), (-26, 70, -8, 84), (12, 94, 28, 93), (8, 80, -10, 74), (-24, 64, -30, 53), (-34, 56)),
        cloth.darker(0.55),
        round_edge=2,
        folds=0,
    )
    shoe = path(
        (-35, 55),
        (-32, 52, -29, 53),
        (-28, 66, -14, 78),
        (-4, 86, 10, 84),
        (26, 84, 42, 98),
        (42, 101, 38, 101),
        (16, 102, 2, 98),
        (-18, 86, -30, 76),
        (-38, 68, -35, 55),
    )
    canvas.part(shoe, cloth, round_edge=4.5, folds=0.2, lift=0.3)
    canvas.part(
        path((-8, 92), (6, 100, 20, 102), (38, 103, 42, 100), (42, 103, 38, 104), (14, 105, 0, 101), (-6, 97, -8, 92)),
        Cloth(colour=(60, 48, 42)),
        round_edge=1,
        folds=0,
        lift=0.1,
    )


def boots(canvas: Canvas, cloth: Cloth) -> None:
    """To the ankle, with a block heel and an elastic at the side."""
    canvas.part(
        path((-24, 96), (-6, 98), (-7, 112), (-23, 112), (-25, 104, -24, 96)),
        Cloth(colour=(52, 42, 36), weave="leather"),
        round_edge=2,
        folds=0,
    )
    boot = path(
        (-25, 38),
        (-12, 41, 3, 38),
        (5, 60, 8, 72),
        (24, 78, 36, 88),
        (42, 94, 41, 104),
        (10, 106, -4, 101),
        (-16, 99, -25, 99),
        (-29, 84, -25, 68),
        (-24, 52, -25, 38),
    )
    canvas.part(boot, cloth, round_edge=6, folds=0.9)
    canvas.part(
        path((-16, 42), (-5, 42), (-4, 60, 0, 74), (-14, 74), (-15, 56, -16, 42)),
        Cloth(colour=cloth.darker(0.6).colour, weave="rib"),
        round_edge=1,
        folds=0,
        lift=0.2,
    )
    canvas.part(
        path((-7, 101), (12, 107, 41, 102), (42, 107, 40, 109), (10, 111, -8, 106), (-7, 101)),
        Cloth(colour=(46, 38, 34)),
        round_edge=1.4,
        folds=0,
        lift=0.3,
    )
    canvas.seam(path((10, 74), (14, 88, 10, 103)))
    canvas.stroke(path((-24, 40), (-28, 34, -24, 31), (-21, 34, -21, 41)), cloth, 1.6)


def loafers(canvas: Canvas, cloth: Cloth) -> None:
    """Flat, with a strap and a metal bar."""
    shoe = path(
        (-38, 68),
        (-34, 64, -29, 66),
        (-18, 78, -4, 72),
        (4, 67, 10, 70),
        (26, 80, 38, 86),
        (43, 91, 42, 96),
        (0, 99, -38, 97),
        (-42, 82, -38, 68),
    )
    canvas.part(shoe, cloth, round_edge=5, folds=0.3)
    canvas.part(
        path((-36, 68), (-32, 65, -29, 67), (-18, 79, -3, 73), (-12, 84, -26, 80), (-35, 76, -36, 68)),
        cloth.darker(0.5),
        round_edge=1.5,
        folds=0,
        lift=0.1,
    )
    canvas.part(
        path((-4, 72), (4, 67, 9, 69), (14, 84, 12, 97), (2, 98), (2, 84, -4, 72)),
        cloth,
        round_edge=1.6,
        folds=0.1,
        lift=0.35,
    )
    canvas.part(path((0, 78), (10, 75), (11.6, 78.6), (1.6, 81.8), (0, 78)), _GOLD, round_edge=1.2, folds=0, lift=0.5)
    canvas.part(
        path(
            (-39, 95),
            (0, 98, 42, 94),
            (43, 98, 41, 101),
            (0, 103, -20, 102),
            (-21, 106),
            (-38, 106),
            (-40, 100, -39, 95),
        ),
        Cloth(colour=(54, 40, 32)),
        round_edge=1.6,
        folds=0,
        lift=0.3,
    )
    canvas.seam(path((16, 75), (28, 80, 37, 89)), dark=0.35)


def sandals(canvas: Canvas, cloth: Cloth) -> None:
    """Straps over a low block heel."""
    canvas.part(
        path((-36, 90), (-20, 92), (-21, 107), (-34, 107), (-37, 98, -36, 90)), cloth.darker(0.7), round_edge=2, folds=0
    )
    canvas.part(
        path(
            (-38, 86),
            (-20, 86, -4, 94),
            (16, 101, 40, 99),
            (44, 102, 40, 105),
            (14, 107, -6, 101),
            (-20, 95, -37, 93),
            (-40, 90, -38, 86),
        ),
        Cloth(colour=(196, 158, 112), weave="leather"),
        round_edge=2,
        folds=0,
    )
    canvas.part(
        path((14, 100), (18, 86, 30, 86), (38, 90, 38, 101), (31, 101), (30, 94, 27, 93), (22, 94, 21, 101), (14, 100)),
        cloth,
        round_edge=2.5,
        folds=0.1,
    )
    canvas.part(
        path((-2, 96), (6, 82, 16, 84), (20, 88, 20, 90), (12, 90, 6, 99), (-2, 96)), cloth, round_edge=2.2, folds=0.1
    )
    canvas.part(
        path((-38, 88), (-42, 72, -34, 62), (-29, 62), (-36, 74, -31, 88), (-38, 88)), cloth, round_edge=2.2, folds=0.1
    )
    canvas.stroke(path((-32, 65), (-20, 56, -10, 64), (-12, 74, -32, 70)), cloth, 3.0)
    canvas.stroke(_ring(-14, 63, 2.4, 2.4), _GOLD, 1.0)


def handbag(canvas: Canvas, cloth: Cloth) -> None:
    """Structured, with a flap, a clasp and a handle."""
    canvas.stroke(path((-17, 62), (-17, 34, 0, 34), (17, 34, 17, 62)), cloth.darker(0.9), 3.4)
    canvas.part(
        path((-34, 60), (0, 57, 34, 60), (38, 84, 38, 108), (0, 113, -38, 108), (-38, 84, -34, 60)),
        cloth,
        round_edge=4,
        folds=0.3,
    )
    canvas.part(
        path(
            (-34.5, 59.5),
            (0, 56.5, 34.5, 59.5),
            (36, 74, 34, 84),
            (16, 89, 0, 89),
            (-16, 89, -34, 84),
            (-36, 74, -34.5, 59.5),
        ),
        cloth,
        round_edge=2.6,
        folds=0.2,
        lift=0.45,
    )
    canvas.seam(path((-32.6, 82.4), (-16, 87, 0, 87), (16, 87, 32.6, 82.4)), dashed=True, dark=0.3)
    canvas.part(path((-4, 83), (4, 83), (4, 93), (-4, 93), (-4, 83)), _GOLD, round_edge=1.6, folds=0, lift=0.5)
    for x in (-17, 17):
        canvas.stroke(_ring(x, 61, 2.6, 2.6), _GOLD, 1.2)


def tote(canvas: Canvas, cloth: Cloth) -> None:
    """Large and open, with two long handles."""
    canvas.stroke(path((-16, 56), (-15, 22, 0, 22), (15, 22, 16, 56)), cloth.darker(0.75), 3.0)
    canvas.part(
        path((-33, 54), (0, 56, 33, 54), (30, 90, 31, 116), (0, 119, -31, 116), (-30, 90, -33, 54)),
        cloth,
        round_edge=4,
        folds=1.1,
    )
    canvas.stroke(path((-16, 62), (-14, 28, 0, 28), (14, 28, 16, 62)), cloth, 3.0, lift=0.3)
    for x in (-16, 16):
        canvas.part(
            path((x - 2.4, 58), (x + 2.4, 58), (x + 2.4, 68), (x - 2.4, 68), (x - 2.4, 58)),
            cloth,
            round_edge=0.8,
            folds=0,
            lift=0.35,
        )
    canvas.seam(path((-32.4, 57.6), (0, 59.6, 32.4, 57.6)), dashed=True, dark=0.3)


def crossbody(canvas: Canvas, cloth: Cloth) -> None:
    """Half-moon on a long thin strap."""
    canvas.stroke(path((-27, 78), (-34, 30, 0, 24), (34, 30, 27, 78)), cloth.darker(0.85), 2.0)
    canvas.part(
        path((-30, 74), (0, 70, 30, 74), (34, 104, 0, 110), (-34, 104, -30, 74)), cloth, round_edge=5, folds=0.4
    )
    canvas.stroke(path((-27, 77.4), (0, 73.6, 27, 77.4)), _GOLD, 1.2)
    canvas.part(
        path((26, 76), (30, 80, 29, 90), (26.4, 90), (26, 82, 24.6, 77), (26, 76)),
        cloth.darker(0.9),
        round_edge=1,
        folds=0,
        lift=0.4,
    )
    canvas.seam(path((-27, 84), (-22, 104, 0, 106), (22, 104, 27, 84)), dashed=True, dark=0.3)


def clutch(canvas: Canvas, cloth: Cloth) -> None:
    """An envelope."""
    canvas.part(
        path((-40, 58), (0, 57, 40, 58), (41, 80, 40, 100), (0, 102, -40, 100), (-41, 80, -40, 58)),
        cloth,
        round_edge=3,
        folds=0.3,
    )
    canvas.part(
        path((-40, 57.6), (0, 56.6, 40, 57.6), (20, 76, 2, 86), (0, 87, -2, 86), (-20, 76, -40, 57.6)),
        cloth,
        round_edge=2,
        folds=0.2,
        lift=0.5,
    )
    canvas.part(ellipse(0, 83, 2.4, 2.4), _GOLD, round_edge=2, folds=0, lift=0.5)


def felt_hat(canvas: Canvas, cloth: Cloth) -> None:
    """A crown with a dent, a ribbon and a brim."""
    canvas.part(ellipse(0, 86, 46, 13), cloth, round_edge=6, folds=0.5)
    crown = path((-24, 84), (-25, 60, -18, 48), (-10, 40, 0, 47), (10, 40, 18, 48), (25, 60, 24, 84), (0, 92, -24, 84))
    canvas.part(crown, cloth, round_edge=9, folds=0.3, creases=[path((0, 48), (1, 56, 0, 64))], lift=0.4)
    canvas.part(
        path((-24.4, 74), (0, 82, 24.4, 74), (24.4, 84), (0, 92.4, -24.4, 84), (-24.4, 74)),
        cloth.darker(0.45),
        round_edge=1.5,
        folds=0,
        lift=0.2,
    )


def beanie(canvas: Canvas, cloth: Cloth) -> None:
    """Knitted, with a turned-up rim."""
    rib = Cloth(colour=cloth.colour, weave="rib")
    canvas.part(
        path((-27, 84), (-30, 40, 0, 36), (30, 40, 27, 84), (-27, 84)),
        Cloth(colour=cloth.colour, weave="knit"),
        round_edge=11,
        folds=0.7,
    )
    canvas.part(
        path((-29, 78), (0, 74, 29, 78), (31, 88, 29, 99), (0, 103, -29, 99), (-31, 88, -29, 78)),
        rib,
        round_edge=4,
        folds=0.2,
        lift=0.4,
    )


def cap(canvas: Canvas, cloth: Cloth) -> None:
    """A peak and six panels."""
    canvas.part(path((-30, 82), (-34, 44, 0, 42), (30, 44, 28, 82), (0, 90, -30, 82)), cloth, round_edge=10, folds=0.4)
    for line in (
        path((0, 42.4), (-2, 62, -1, 85)),
        path((0, 42.4), (-20, 52, -20, 84)),
        path((0, 42.4), (16, 52, 17, 84)),
    ):
        canvas.seam(line)
    canvas.part(ellipse(-1, 42.6, 2.6, 1.6), cloth, round_edge=1.4, folds=0)
    canvas.part(
        path((-30, 80), (0, 90, 28, 80), (44, 88, 44, 98), (10, 104, -22, 95), (-32, 90, -30, 80)),
        cloth,
        round_edge=3,
        folds=0.1,
        lift=0.4,
    )
    canvas.seam(path((-26, 88), (4, 100, 41, 94)), dashed=True)


def scarf(canvas: Canvas, cloth: Cloth) -> None:
    """Looped once, with fringed ends hanging down."""
    for x, top, bottom, lean in ((4, 52, 112, 4), (-14, 54, 104, -3)):
        tail = path(
            (x, top),
            (x + 16, top),
            (x + 17 + lean / 2, 84, x + 16 + lean, bottom),
            (x + 1 + lean, bottom + 1),
            (x - 1, 84, x, top),
        )
        for step in range(9):
            start = x + lean + 1.6 + step * 1.75
            canvas.stroke(
                path((start, bottom - 1), (start - 0.5, bottom + 5, start + 0.6, bottom + 9)), cloth, 0.8, lift=0.1
            )
        canvas.part(tail, cloth, round_edge=3.5, folds=1.6, lift=0.4)
    loop = path((-26, 44), (-28, 24, 0, 22), (28, 24, 26, 44), (24, 66, 0, 68), (-24, 66, -26, 44))
    canvas.part(
        loop,
        cloth,
        round_edge=9,
        folds=1.6,
        creases=[path((-20, 50), (0, 64, 20, 50)), path((-23, 42), (-2, 58, 23, 40))],
        lift=0.4,
    )
    canvas.part(
        path((-13, 38), (-12, 29, 0, 28), (12, 29, 13, 38), (10, 46, 0, 47), (-10, 46, -13, 38)),
        cloth.darker(0.45),
        round_edge=2,
        folds=0,
        lift=0,
    )


def sunglasses(canvas: Canvas, cloth: Cloth) -> None:
    """Front view, dark lenses."""
    lens = Cloth(colour=(58, 52, 50), weave="satin")
    for side in (-1, 1):
        rim = path((4, 66), (12, 60, 30, 60), (41, 61, 40, 70), (38, 88, 22, 88), (6, 88, 4, 66)) * (side, 1)
        canvas.part(rim, cloth, round_edge=2.2, folds=0)
        inner = shift(shift(rim, -22.4 * side, -73.4), 22.4 * side, 73.6, 0.84)
        canvas.part(inner, lens, round_edge=3, folds=0, lift=0)
        canvas.part(
            path((38, 62), (47, 60), (48, 66), (39, 68), (38, 62)) * (side, 1), cloth, round_edge=1.4, folds=0, lift=0.3
        )
    canvas.part(both((0, 64), (5, 63, 8, 66), (6, 72), (3, 69, 0, 69)), cloth, round_edge=1.4, folds=0, lift=0.2)


def necklace(canvas: Canvas, cloth: Cloth) -> None:
    """A fine chain with a drop."""
    line = path((-20, 20), (-34, 70, 0, 92), (34, 70, 20, 20))
    canvas.stroke(line, cloth, 1.3, lift=0.2)
    for point in line[::2]:
        canvas.part(ellipse(point[0], point[1], 1.05, 1.05), cloth, round_edge=1, folds=0, lift=0.2)
    canvas.part(
        path((0, 91), (6, 100, 5, 105), (0, 111, -5, 105), (-6, 100, 0, 91)), cloth, round_edge=4, folds=0, lift=0.3
    )


def earrings(canvas: Canvas, cloth: Cloth) -> None:
    """A pair of hoops."""
    for x in (-21, 21):
        canvas.stroke(_ring(x, 70, 14, 16), cloth, 3.4)
        canvas.part(ellipse(x, 54, 2.6, 2.6), cloth, round_edge=2, folds=0, lift=0.4)


def watch(canvas: Canvas, cloth: Cloth) -> None:
    """A round face on a leather strap."""
    for sign in (-1, 1):
        strap = path((-9, 0), (9, 0), (8, 24, 6.4, 46), (-6.4, 46), (-8, 24, -9, 0)) * (1, sign) + (0, 68)
        canvas.part(strap, cloth, round_edge=2.4, folds=0.2)
        canvas.seam(path((-6.6, 6 * sign + 68), (-6, 24 * sign + 68, -5, 44 * sign + 68)), dashed=True)
        canvas.seam(path((6.6, 6 * sign + 68), (6, 24 * sign + 68, 5, 44 * sign + 68)), dashed=True)
    canvas.part(path((16, 66), (20, 66), (20, 71), (16, 71), (16, 66)), _GOLD, round_edge=1, folds=0)
    canvas.part(ellipse(0, 68, 17.5, 17.5), _GOLD, round_edge=3, folds=0, lift=0.5)
    canvas.part(ellipse(0, 68, 14.2, 14.2), Cloth(colour=(246, 243, 236)), round_edge=0.8, folds=0, lift=0.2)
    ink = Cloth(colour=(48, 44, 42))
    for hour in range(12):
        direction = np.array([np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)])
        ends = np.stack([direction * 11.2, direction * 13.0]) + np.array((0.0, 68.0))
        canvas.stroke(ends, ink, 0.7, lift=0)
    canvas.stroke(path((0, 68), (-6, 63)), ink, 1.1, lift=0.2)
    canvas.stroke(path((0, 68), (5, 58)), ink, 0.8, lift=0.2)


def belt(canvas: Canvas, cloth: Cloth) -> None:
    """Rolled up, the buckle in front."""
    for y, width in ((60, 33), (64, 30)):
        canvas.stroke(_ring(0, y, width, 15), cloth.darker(0.7 if y == 60 else 0.85), 4.0)
    front = path(
        (-34, 62), (-32, 80, 0, 82), (32, 80, 34, 62), (34, 72), (32, 91, 0, 93), (-32, 91, -34, 72), (-34, 62)
    )
    canvas.part(front, cloth, round_edge=2.6, folds=0.1, lift=0.4)
    canvas.stroke(path((-8, 79), (9, 79.4), (9, 95.4), (-8, 95), (-8, 79)), _GOLD, 2.2, lift=0.4)
    canvas.stroke(path((-8, 87), (9, 87.4)), _GOLD, 1.3, lift=0.4)
