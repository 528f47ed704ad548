"""Tops, bottoms, dresses and outerwear as outlines with their seams. Each function draws one on a canvas."""

from graphfit.data.wardrobe.canvas import Canvas, Cloth, Number, Points, both, ellipse, flip, path


def _pair(canvas: Canvas, outline: Points, cloth: Cloth, **how: Number) -> None:
    """Draw a part and its mirror."""
    for one in (flip(outline), outline):
        canvas.part(one, cloth, **how)  # type: ignore[arg-type]


def _seams(canvas: Canvas, *lines: Points, dashed: bool = False, dark: Number = 0.3) -> None:
    for line in lines:
        canvas.seam(line, dashed=dashed, dark=dark)
        canvas.seam(flip(line), dashed=dashed, dark=dark)


_SLEEVE = path((22, 26), (33, 28, 38, 46), (43, 66, 45, 92), (45, 95), (36, 97), (34, 80, 27, 60), (23, 50), (22, 26))


def _long_sleeves(canvas: Canvas, cloth: Cloth, cuff: Cloth | None = None, height: Number = 6) -> None:
    _pair(canvas, _SLEEVE, cloth, folds=1.3, lift=0.2)
    if cuff is not None:
        band = path((35.4, 97 - height), (45.2, 95 - height), (45.8, 97), (36.6, 99), (35.4, 97 - height))
        _pair(canvas, band, cuff, round_edge=2.0, folds=0.3)


def t_shirt(canvas: Canvas, cloth: Cloth) -> None:
    """Short sleeves and a round neck."""
    canvas.part(both((0, 21), (6, 21, 10, 22), (8, 31, 0, 32)), cloth.darker(0.72), round_edge=1.0, folds=0)
    _pair(canvas, path((20, 25), (32, 28, 36, 36), (41, 46, 43, 55), (33, 60), (26, 50), (20, 25)), cloth, lift=0.2)
    body = both((0, 33), (8, 32, 11, 22), (26, 26), (24, 40, 25, 52), (24, 80, 26, 106), (14, 108, 0, 108))
    folds = [path((22, 56), (14, 66, 8, 82)), path((-22, 58), (-12, 72, -9, 90))]
    canvas.part(body, cloth, creases=folds, lift=0.25)
    neck = both((0, 33), (8, 32, 11, 22), (9, 21.2), (7, 29.8, 0, 30.4))
    canvas.part(neck, cloth, round_edge=1.0, folds=0, lift=0.3)
    _seams(canvas, path((33.2, 57.8), (38, 56, 42.6, 53)), path((26, 27), (24, 40, 25, 51)))
    canvas.seam(path((-25.6, 104), (0, 106.5, 25.6, 104)))


def shirt(canvas: Canvas, cloth: Cloth) -> None:
    """Collar, placket with buttons, cuffs."""
    canvas.part(both((0, 19), (7, 19, 10, 22), (0, 34)), cloth.darker(0.75), round_edge=1.0, folds=0)
    _long_sleeves(canvas, cloth, cloth, 8)
    body = both((0, 33), (10, 22), (25, 26), (25, 40, 24.5, 54), (23.5, 80, 25, 102), (22, 110, 14, 109), (0, 106))
    canvas.part(body, cloth, creases=[path((21, 58), (14, 68, 10, 84)), path((-20, 62), (-12, 78, -10, 92))])
    placket = path((-1.9, 33), (1.9, 33), (1.9, 107), (-1.9, 107), (-1.9, 33))
    canvas.part(placket, cloth, round_edge=0.8, folds=0.2, lift=0.15)
    for y in range(41, 105, 11):
        canvas.button(0, y, 1.1, (236, 232, 224) if sum(cloth.colour) < 560 else (205, 200, 190))
    _pair(
        canvas,
        path((0.3, 33.5), (9.4, 20), (13, 22), (9.5, 38), (0.3, 33.5)),
        cloth,
        round_edge=1.6,
        folds=0.2,
        lift=0.4,
    )
    pocket = path((8, 50), (18, 50), (18, 60), (13, 63), (8, 60), (8, 50))
    canvas.seam(pocket, dark=0.25)
    _seams(canvas, path((25, 27), (24, 40, 24.4, 53)))


def blouse(canvas: Canvas, cloth: Cloth) -> None:
    """Wide sleeves gathered at the wrist and a bow at the neck."""
    canvas.part(both((0, 20), (6, 20, 9, 22), (5, 30, 0, 31)), cloth.darker(0.75), round_edge=1.0, folds=0)
    sleeve = path((20, 25), (34, 28, 40, 48), (47, 70, 44, 86), (40, 92, 36, 88), (27, 76, 23, 54), (20, 25))
    _pair(canvas, sleeve, cloth, folds=1.8, lift=0.25)
    _pair(canvas, path((36, 87), (43.5, 87), (43, 93), (36.5, 93), (36, 87)), cloth, round_edge=1.5, folds=0.2)
    body = both((0, 31), (6, 30, 9.5, 22), (24, 26), (24, 45, 23, 56), (22, 76, 26, 104), (12, 107, 0, 107))
    canvas.part(body, cloth, folds=1.7, creases=[path((6, 36), (9, 60, 8, 96)), path((-7, 36), (-10, 64, -8, 92))])
    for side in (1, -1):
        tail = path((0, 33), (5, 46, 6, 68), (1.4, 70), (0, 50, -2.5, 36), (0, 33)) * (side, 1)
        canvas.part(tail, cloth, round_edge=2, folds=0.5, lift=0.4)
        loop = path((0, 33), (6, 26, 13, 30), (15, 35, 12, 38), (6, 38, 0, 35), (0, 33)) * (side, 1)
        canvas.part(loop, cloth, round_edge=3, folds=0.3, lift=0.4)
    canvas.part(ellipse(0, 34, 2.6, 2.8), cloth, round_edge=2, folds=0.2, lift=0.5)


def sweater(canvas: Canvas, cloth: Cloth) -> None:
    """Round neck, ribbed cuffs and hem."""
    rib = Cloth(colour=cloth.colour, weave="rib")
    canvas.part(both((0, 20), (7, 20, 10, 22), (7, 29, 0, 30)), cloth.darker(0.7), round_edge=1.0, folds=0)
    _long_sleeves(canvas, cloth, rib, 8)
    body = both((0, 32), (8, 31, 11, 22), (26, 26), (26, 40, 26, 54), (26, 80, 27, 98), (12, 100, 0, 100))
    canvas.part(
        body,
        cloth,
        round_edge=7,
        folds=1.3,
        creases=[path((24, 58), (15, 68, 11, 80)), path((-24, 60), (-14, 72, -12, 84))],
    )
    hem = both((0, 99), (14, 99, 26.8, 97), (26, 103, 25.4, 107), (12, 109, 0, 109))
    canvas.part(hem, rib, round_edge=2.5, folds=0.3, lift=0.2)
    canvas.part(
        both((0, 33), (9, 32, 12, 22), (8.6, 20.6), (6.4, 28, 0, 28.6)), rib, round_edge=1.8, folds=0, lift=0.35
    )


def cardigan(canvas: Canvas, cloth: Cloth) -> None:
    """Open at the front in a V, with buttons."""
    rib = Cloth(colour=cloth.colour, weave="rib")
    canvas.part(both((0, 21), (7, 21, 10, 23), (0, 58)), cloth.darker(0.68), round_edge=1.0, folds=0)
    _long_sleeves(canvas, cloth, rib, 8)
    half = path((0, 60), (10, 22), (26, 26), (26, 40, 26, 54), (26, 84, 27, 106), (14, 109, 0, 109), (0, 60))
    _pair(canvas, half, cloth, round_edge=4, folds=1.2, lift=0.15)
    canvas.part(
        both((0, 101), (14, 101, 27, 99), (26.4, 105, 26, 108), (14, 110, 0, 110)),
        rib,
        round_edge=2,
        folds=0.2,
        lift=0.15,
    )
    for side in (-1, 1):
        band = path(
            (10, 21.4), (13, 22.6), (6, 48, 2.6, 62), (2.6, 110), (-2.2, 110), (-2.2, 60), (5, 40, 10, 21.4)
        ) * (side, 1)
        canvas.part(band, rib, round_edge=1.4, folds=0, lift=0.3)
    for y in range(66, 106, 9):
        canvas.button(0, y, 1.5, (150, 118, 84))


def hoodie(canvas: Canvas, cloth: Cloth) -> None:
    """Hood, cords and a pouch."""
    rib = Cloth(colour=cloth.colour, weave="rib")
    canvas.part(both((0, 10), (16, 9, 17, 24), (12, 36, 0, 40)), cloth.darker(0.9), round_edge=5, folds=0.8)
    canvas.part(both((0, 15), (10, 15, 11, 26), (6, 36, 0, 38)), cloth.darker(0.6), round_edge=3, folds=0.4, lift=0.1)
    _long_sleeves(canvas, cloth, rib, 7)
    body = both((0, 39), (9, 36, 13, 25), (26, 28), (26, 42, 26, 54), (26, 80, 27, 100), (12, 102, 0, 102))
    canvas.part(body, cloth, round_edge=7, folds=1.4)
    canvas.part(
        both((0, 100), (14, 100, 26.8, 98), (26, 104, 25, 108), (12, 110, 0, 110)),
        rib,
        round_edge=2,
        folds=0.2,
        lift=0.2,
    )
    canvas.part(both((0, 74), (13, 74), (19, 90, 18, 99), (0, 99)), cloth, round_edge=2, folds=0.4, lift=0.25)
    _pair(
        canvas,
        path((1, 40), (10, 37, 16, 24), (17, 20), (12, 18, 11, 26), (8, 34, 1, 36), (1, 40)),
        cloth,
        round_edge=2.5,
        folds=0.4,
        lift=0.3,
    )
    for side in (-1, 1):
        canvas.stroke(path((4, 38), (5, 48, 4.6, 58)) * (side, 1), Cloth(colour=(238, 236, 230)), 0.9)


def camisole(canvas: Canvas, cloth: Cloth) -> None:
    """Thin straps and a satin front."""
    canvas.part(both((0, 46), (12, 44, 17, 42), (17, 52), (0, 54)), cloth.darker(0.7), round_edge=1, folds=0)
    for side in (-1, 1):
        canvas.stroke(path((13, 44), (11, 28, 12, 22), (14, 30, 16.5, 43)) * (side, 1), cloth, 1.1)
    body = both((0, 52), (7, 50, 13, 42), (17, 46, 20, 54), (18, 74, 22, 104), (10, 107, 0, 107))
    canvas.part(body, cloth, folds=2.0, creases=[path((9, 50), (5, 64, 7, 90)), path((-9, 50), (-6, 70, -9, 96))])
    canvas.seam(path((-13, 42.6), (-7, 50.6, 0, 52.6), (7, 50.6, 13, 42.6)))


def trousers(canvas: Canvas, cloth: Cloth) -> None:
    """Tailored, with a crease down each leg."""
    leg = path((0, 20), (18, 19), (21, 34, 22, 48), (23, 80, 22, 124), (9, 125), (6, 80, 1, 50), (0, 46), (0, 20))
    _pair(canvas, leg, cloth, folds=0.9, lift=0.2)
    _seams(canvas, path((11, 30), (14, 70, 15.5, 123)), dark=0.35)
    _seams(canvas, path((13, 22), (16, 30, 20.6, 36)), dark=0.3)
    canvas.part(both((0, 14), (18, 13.5), (18.6, 20.5), (0, 21)), cloth, round_edge=1.6, folds=0.2, lift=0.25)
    canvas.seam(path((0, 21), (0.4, 34, 0, 46)))
    canvas.button(0.2, 17.4, 1.1, (60, 54, 50))
    for x in (-11, 11):
        canvas.part(
            path((x - 0.9, 12.6), (x + 0.9, 12.6), (x + 0.9, 21.6), (x - 0.9, 21.6), (x - 0.9, 12.6)),
            cloth,
            round_edge=0.6,
            folds=0,
        )


def jeans(canvas: Canvas, cloth: Cloth) -> None:
    """Five pockets, yellow stitching, faded thighs."""
    stitch = 0.42
    leg = path((0, 20), (18, 19), (22, 36, 21.5, 50), (20, 86, 17.5, 124), (6.5, 125), (5, 84, 1, 52), (0, 46), (0, 20))
    _pair(canvas, leg, cloth, folds=1.0, lift=0.2)
    _seams(canvas, path((12.4, 21), (13, 27, 20.2, 30)), path((19.4, 40), (18, 84, 16, 123)), dashed=True, dark=-stitch)
    _seams(canvas, path((12.4, 21), (13, 28, 20.2, 31)), dark=0.35)
    canvas.part(both((0, 14), (18, 13.5), (18.6, 20.5), (0, 21)), cloth, round_edge=1.4, folds=0.2, lift=0.25)
    canvas.seam(path((-18, 15.2), (0, 15.6, 18, 15.2)), dashed=True, dark=-stitch)
    canvas.seam(path((0, 21), (0.4, 34, 0, 46)))
    canvas.seam(path((3.6, 21.4), (4, 36, 0.6, 42)), dashed=True, dark=-stitch)
    for x in (-11, 11, 0):
        if x:
            canvas.part(
                path((x - 0.9, 12.6), (x + 0.9, 12.6), (x + 0.9, 21.6), (x - 0.9, 21.6), (x - 0.9, 12.6)),
                cloth,
                round_edge=0.6,
                folds=0,
            )
    canvas.part(ellipse(0.2, 17.4, 1.4, 1.4), Cloth(colour=(176, 128, 76), weave="metal"), round_edge=1, folds=0)
    _seams(canvas, path((6.8, 121.6), (12, 121.6, 17.6, 120.8)), dashed=True, dark=-stitch)


def shorts(canvas: Canvas, cloth: Cloth) -> None:
    """Turned-up hems."""
    leg = path((0, 34), (21, 33), (25, 52, 27, 86), (5, 90), (3, 72, 0, 66), (0, 34))
    _pair(canvas, leg, cloth, folds=1.1, lift=0.2)
    _pair(
        canvas,
        path((5, 84), (16, 83, 26.6, 80), (27.6, 87), (16, 90, 4.6, 91), (5, 84)),
        cloth,
        round_edge=1.6,
        folds=0.2,
    )
    _seams(canvas, path((15, 36), (18, 46, 24, 52)))
    canvas.part(both((0, 28), (21, 27.5), (21.6, 34.5), (0, 35)), cloth, round_edge=1.6, folds=0.2, lift=0.25)
    canvas.seam(path((0, 35), (0.4, 50, 0, 66)))
    canvas.button(0.2, 31.4, 1.2, (70, 60, 52))


def pleated_skirt(canvas: Canvas, cloth: Cloth) -> None:
    """Long, with pleats from the waistband."""
    outline = both((0, 24), (14, 24), (22, 60, 31, 112), (16, 117, 0, 117))
    pleats = [path((x * 0.42, 26), (x * 0.75, 70, x, 117)) for x in range(-28, 29, 7)]
    canvas.part(outline, cloth, folds=0.5, creases=pleats)
    for pleat in pleats:
        canvas.seam(pleat, dark=0.16)
    canvas.part(both((0, 19), (13.6, 18.6), (14.4, 25), (0, 25.4)), cloth, round_edge=1.4, folds=0.2, lift=0.3)


def pencil_skirt(canvas: Canvas, cloth: Cloth) -> None:
    """Straight, to the knee."""
    outline = both((0, 28), (15, 27.6), (21, 42, 21.5, 56), (21, 86, 18, 112), (9, 113, 0, 113))
    canvas.part(outline, cloth, folds=0.9, creases=[path((14, 44), (6, 50, 0, 52))])
    _seams(canvas, path((8, 29), (9.4, 36, 9.6, 42)))
    canvas.part(both((0, 23), (15, 22.6), (15.4, 29), (0, 29.4)), cloth, round_edge=1.4, folds=0.2, lift=0.25)
    canvas.seam(path((0, 29), (0, 60, 0, 112)), dark=0.18)


def mini_skirt(canvas: Canvas, cloth: Cloth) -> None:
    """A short A-line with buttons."""
    canvas.part(both((0, 38), (15, 37.4), (21, 60, 26, 88), (12, 92, 0, 92)), cloth, folds=0.9)
    canvas.part(both((0, 32), (14.6, 31.6), (15.4, 38.6), (0, 39)), cloth, round_edge=1.4, folds=0.2, lift=0.25)
    canvas.seam(path((1.8, 39), (1.8, 60, 1.8, 92)))
    for y in (35.4, 46, 56, 66, 76, 86):
        canvas.button(0, y, 1.3, (206, 178, 128))


def dress(canvas: Canvas, cloth: Cloth) -> None:
    """Sleeveless, fitted to the waist, wide below."""
    canvas.part(both((0, 13), (6, 13, 9, 14), (6, 23, 0, 25)), cloth.darker(0.7), round_edge=1, folds=0)
    skirt = both((0, 54), (12.5, 53.5), (20, 72, 30, 118), (14, 123, 0, 123))
    canvas.part(
        skirt, cloth, folds=1.2, creases=[path((x * 0.4, 56), (x * 0.8, 84, x, 121)) for x in (-22, -11, 0, 11, 22)]
    )
    bodice = both((0, 27), (7, 26, 9.6, 13), (16, 14.5), (14, 24, 18.5, 32), (14, 44, 12.8, 55), (6, 56, 0, 56))
    canvas.part(
        bodice, cloth, folds=0.8, lift=0.15, creases=[path((8, 53), (9, 46, 10, 40)), path((-8, 53), (-9, 46, -10, 40))]
    )
    canvas.seam(path((-12.6, 54.6), (0, 56.6, 12.6, 54.6)), dark=0.4)
    canvas.seam(path((-9.4, 14), (-7, 27, 0, 28), (7, 27, 9.4, 14)), dark=0.2)


def slip_dress(canvas: Canvas, cloth: Cloth) -> None:
    """Long satin on thin straps."""
    for side in (-1, 1):
        canvas.stroke(path((10, 28), (8, 16, 9, 10), (11, 18, 13, 28)) * (side, 1), cloth, 1.0)
    body = both((0, 35), (6, 33, 10, 26), (14, 28, 16, 36), (12, 50, 14, 62), (20, 90, 22, 123), (10, 126, 0, 126))
    canvas.part(
        body,
        cloth,
        folds=2.2,
        creases=[path((8, 60), (10, 90, 12, 122)), path((-9, 64), (-6, 92, -8, 124)), path((3, 38), (0, 60, 3, 90))],
    )
    canvas.seam(path((-10, 26.8), (-6, 34, 0, 36), (6, 34, 10, 26.8)))


def wrap_dress(canvas: Canvas, cloth: Cloth) -> None:
    """Long sleeves, crossed front, belt with a bow."""
    canvas.part(both((0, 12), (6, 12, 8, 14), (0, 40)), cloth.darker(0.68), round_edge=1, folds=0)
    sleeve = path((17, 16), (26, 19, 30, 38), (34, 56, 35, 74), (28, 76), (24, 56, 19, 40), (17, 16))
    _pair(canvas, sleeve, cloth, folds=1.3, lift=0.2)
    skirt = both((0, 54), (13, 53.5), (19, 78, 27, 116), (12, 121, 0, 121))
    canvas.part(skirt, cloth, folds=1.4, creases=[path((-8, 57), (2, 84, 14, 120)), path((8, 60), (14, 90, 20, 116))])
    left = path((-8, 13), (-19, 16), (-18, 30, -18, 36), (-14, 46, -13, 55), (9, 55), (-2, 36, -8, 13))
    right = path((8, 13), (19, 16), (18, 30, 18, 36), (14, 46, 13, 55), (-12, 55), (2, 38, 8, 13))
    for side in (left, right):
        canvas.part(side, cloth, round_edge=2.5, folds=0.9, lift=0.3)
    canvas.part(
        path((-13.4, 52), (13.4, 52), (13.6, 57.4), (-13.6, 57.4), (-13.4, 52)),
        cloth,
        round_edge=1.8,
        folds=0.4,
        lift=0.3,
    )
    for tail in (
        path((8, 56), (14, 70, 13, 86), (9.6, 86), (10, 70, 6, 56), (8, 56)),
        path((7, 56), (8, 68, 5, 80), (2, 79), (5, 66, 5, 56), (7, 56)),
    ):
        canvas.part(tail, cloth, round_edge=1.4, folds=0.2, lift=0.35)
    canvas.part(ellipse(7.4, 55, 2.4, 2.6), cloth, round_edge=1.6, folds=0, lift=0.4)


def blazer(canvas: Canvas, cloth: Cloth) -> None:
    """Lapels, flap pockets, one button."""
    canvas.part(both((0, 18), (7, 18, 11, 21), (0, 66)), cloth.darker(0.6), round_edge=1, folds=0)
    _long_sleeves(canvas, cloth)
    for side in (-1, 1):
        front = path(
            (11, 20),
            (26, 25),
            (26, 40, 25.5, 54),
            (23.5, 70, 26, 108),
            (16, 113, 6, 110),
            (-2, 96, -2.5, 70),
            (2, 50, 11, 20),
        ) * (side, 1)
        canvas.part(front, cloth, round_edge=3.5, folds=0.9, lift=0.35)
    for side in (-1, 1):
        collar = path((9, 17.5), (14, 20), (18, 36), (12.5, 35), (7, 26, 9, 17.5)) * (side, 1)
        lapel = path((12, 22), (16.5, 36), (20, 41), (10, 56, -1.6, 70), (4, 48, 12, 22)) * (side, 1)
        canvas.part(lapel, cloth, round_edge=1.6, folds=0.3, lift=0.4)
        canvas.part(collar, cloth, round_edge=1.6, folds=0.2, lift=0.3)
        flap = path((10, 86), (21.5, 84.4), (22, 90), (10.4, 91.6), (10, 86)) * (side, 1)
        canvas.part(flap, cloth, round_edge=1.2, folds=0.2, lift=0.3)
    canvas.button(0, 72.5, 1.7, tuple(int(v * 0.5) for v in cloth.colour))  # type: ignore[arg-type]
    _seams(canvas, path((25.6, 27), (24.4, 40, 25, 53)))
    canvas.seam(path((12, 52), (17, 51, 20, 50)), dark=0.35)


def coat(canvas: Canvas, cloth: Cloth) -> None:
    """Long, double-breasted, with wide lapels."""
    canvas.part(both((0, 10), (7, 10, 10, 12), (0, 50)), cloth.darker(0.6), round_edge=1, folds=0)
    sleeve = path((20, 16), (29, 19, 33, 36), (37, 56, 39, 78), (30.5, 80), (28, 60, 22, 42), (20, 16))
    _pair(canvas, sleeve, cloth, folds=1.2, lift=0.2)
    left = path(
        (-10, 11),
        (-24, 16),
        (-23, 40, -22.5, 50),
        (-24, 90, -27, 124),
        (-10, 127, 4, 126),
        (2, 80, 0, 48),
        (-4, 30, -10, 11),
    )
    canvas.part(left, cloth, round_edge=3.5, folds=1.0)
    right = path(
        (10, 11), (24, 16), (23, 40, 22.5, 50), (24, 90, 27, 124), (10, 127, -6, 126), (-8, 80, -8, 52), (2, 32, 10, 11)
    )
    canvas.part(right, cloth, round_edge=3.0, folds=1.0, lift=0.4)
    for side in (-1, 1):
        lapel = path((10, 12), (17, 28), (21, 33), (12, 44, -4 if side > 0 else 1, 52), (3, 34, 10, 12)) * (side, 1)
        canvas.part(lapel, cloth, round_edge=1.8, folds=0.3, lift=0.4)
        canvas.part(
            path((8, 9.5), (13, 11), (18, 28), (12, 27), (7, 18, 8, 9.5)) * (side, 1),
            cloth,
            round_edge=1.6,
            folds=0.2,
            lift=0.3,
        )
        canvas.part(
            path((11, 82), (20, 80), (21, 85.4), (12, 87.4), (11, 82)) * (side, 1),
            cloth,
            round_edge=1.2,
            folds=0.1,
            lift=0.3,
        )
    dark: tuple[int, int, int] = tuple(int(v * 0.42) for v in cloth.colour)  # type: ignore[assignment]
    for y in (58, 70):
        for x in (-4.6, 8):
            canvas.button(x, y, 1.8, dark)


def jacket(canvas: Canvas, cloth: Cloth) -> None:
    """A biker's: zip, wide collar, hem band."""
    metal = Cloth(colour=(186, 188, 192), weave="metal")
    canvas.part(both((0, 22), (7, 22, 11, 25), (0, 46)), cloth.darker(0.55), round_edge=1, folds=0)
    _long_sleeves(canvas, cloth)
    left = path(
        (-11, 24), (-26, 28), (-26, 46, -25, 56), (-24, 76, -25, 98), (-10, 100, 2, 99), (2, 70, -1, 48), (-11, 24)
    )
    canvas.part(left, cloth, round_edge=3.5, folds=1.0)
    right = path(
        (11, 24), (26, 28), (26, 46, 25, 56), (24, 76, 25, 98), (10, 100, -5, 99), (-8, 74, -9, 52), (2, 44, 11, 24)
    )
    canvas.part(right, cloth, round_edge=3.0, folds=1.0, lift=0.4)
    canvas.stroke(path((-8.6, 53), (-7.4, 76, -4.6, 98)), metal, 1.3)
    for side in (-1, 1):
        canvas.part(
            path((10, 22), (14, 24), (22, 38), (8, 48, -3, 50), (4, 38, 10, 22)) * (side, 1),
            cloth,
            round_edge=1.6,
            folds=0.3,
            lift=0.4,
        )
        canvas.stroke(path((12, 74), (16, 70, 21, 68)) * (side, 1), metal, 1.1)
    canvas.part(
        both((0, 97), (12, 97, 25, 96), (25.4, 103), (12, 105, 0, 105)), cloth, round_edge=1.6, folds=0.3, lift=0.3
    )
    _seams(canvas, path((25.6, 29), (24.6, 42, 25, 55)), path((36, 88), (40, 88, 44.8, 86)))


def trench(canvas: Canvas, cloth: Cloth) -> None:
    """Storm flap, belt with a buckle."""
    coat(canvas, cloth)
    canvas.part(
        path((-22, 56), (22, 56), (22.6, 62.5), (-22.6, 62.5), (-22, 56)), cloth, round_edge=1.4, folds=0.3, lift=0.4
    )
    frame = path((-6, 55), (4, 55), (4, 63.5), (-6, 63.5), (-6, 55))
    canvas.stroke(frame, Cloth(colour=(112, 78, 48), weave="leather"), 1.5)
    canvas.part(
        path((4, 57), (12, 58, 16, 72), (12, 74), (10, 62, 4, 62), (4, 57)), cloth, round_edge=1.4, folds=0.2, lift=0.4
    )
    canvas.part(
        path((6, 17), (23, 17), (22.6, 34, 21, 40), (12, 40, 8, 34), (6, 17)),
        cloth,
        round_edge=1.4,
        folds=0.3,
        lift=0.3,
    )
