"""Commands of who wears: score, complete, compose, look."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hr_common.errors import InputError
from hr_common.options import (
    ANY,
    FILE,
    FOLDER,
    OUTPUT,
    device_option,
    force_option,
    json_option,
    refuse_existing,
    seed_option,
)

if TYPE_CHECKING:
    from graphfit.collocation import Collocator
    from graphfit.looks import Look

_WHEELS = click.Choice(["ryb", "hsv", "oklch"])


def stock_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--catalogue``, ``--column``, ``--features``, ``--index``, ``--run`` and ``--device``."""
    for option in (
        device_option,
        click.option("--run", type=ANY, help="Run folder or weights of a network. [default: the weights that ship]"),
        click.option("--index", type=FOLDER, help="Index of the catalogue by `graphfit index`; takes its place."),
        click.option("--features", type=FILE, help="Features of the catalogue by `graphfit embed`."),
        click.option(
            "--column", "columns", multiple=True, metavar="NAME=YOURS", help="A column's name, e.g. image=photo."
        ),
        click.option(
            "--catalogue", "-c", type=click.Path(path_type=Path),
            help="Folder of pictures, .csv, .json or .jsonl. [default: a wardrobe drawn by graphfit]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


class _SpreadCandidates(click.Command):
    """Takes ``--candidates A B C D`` as well as ``--candidates A,B,C,D``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each value that follows it."""
        spread: list[str] = []
        inside = False
        for word in args:
            if word.startswith("-") and word != "-":
                inside = word == "--candidates"
                spread += [] if inside else [word]
            else:
                spread += ["--candidates", word] if inside else [word]
        return super().parse_args(ctx, spread)


@click.command()
@click.argument("outfits", nargs=-1, required=True)
@stock_options
@click.option("--out", "-o", type=OUTPUT, help="Board to write: .png, .jpg or .html.")
@force_option
@json_option
def score(outfits: tuple[str, ...], out: Path | None, force: bool, as_json: bool, **stock: Any) -> None:
    """Score OUTFITS: pictures or ids of a catalogue.

    An argument with commas is an outfit of its own, a folder the outfit of its pictures; all other arguments together
    are one outfit. Write CATEGORY=FILE to say what a picture shows.

    \b
    graphfit score top.jpg skirt.jpg shoes=boots.jpg
    graphfit score dress-red,pumps-black,clutch-silver t-shirt-white,jeans-denim
    """  # noqa: D301 - click reads the backspace itself
    _refuse_board(out, force)
    collocator, sets = _outfits(outfits, **stock)
    looks = collocator.looks(sets)
    for number, look in enumerate(looks, start=1):
        if len(look.items) < 2:
            click.echo(f"outfit {number} has one garment: its score is undetermined", err=True)
    if as_json:
        click.echo(json.dumps([look.as_dict() for look in looks], indent=2, ensure_ascii=False))
    else:
        for number, look in enumerate(looks, start=1):
            click.echo("\n".join(_lines(look, f"outfit {number}")))
    _write_boards(out, looks, as_json)


@click.command("fill-blank", cls=_SpreadCandidates)
@click.argument("items", nargs=-1, required=True)
@click.option("--candidates", multiple=True, help="Ids or pictures to choose from, separated by blanks or commas.")
@click.option("--category", help="Category of the catalogue to choose from instead.")
@click.option("-k", "count", type=click.IntRange(1), default=5, show_default=True, help="How many to show.")
@click.option("--exclude", multiple=True, help="Id that must not be used. Repeatable.")
@click.option("--max-price", type=float, help="Of the garment.")
@stock_options
@click.option("--out", "-o", type=OUTPUT, help="Board of the best completion: .png, .jpg or .html.")
@force_option
@json_option
def fill_blank(
    items: tuple[str, ...],
    candidates: tuple[str, ...],
    category: str | None,
    count: int,
    exclude: tuple[str, ...],
    max_price: float | None,
    out: Path | None,
    force: bool,
    as_json: bool,
    **stock: Any,
) -> None:
    """Rank what could complete the outfit of ITEMS.

    \b
    graphfit fill-blank dress-red pumps-black --category bags -k 3
    graphfit fill-blank top.jpg skirt.jpg --candidates a.jpg b.jpg c.jpg d.jpg
    """  # noqa: D301 - click reads the backspace itself
    _refuse_board(out, force)
    offered = [part for word in candidates for part in word.split(",") if part]
    if bool(offered) == (category is not None):
        raise InputError("give either --candidates A B C D or --category CATEGORY")
    # One outfit for the items and one for each candidate, so that pictures are embedded together.
    collocator, sets = _outfits([",".join(items), *(f"{one}," for one in offered)], whole=bool(category), **stock)
    ids = [[collocator.catalogue.items[one].id for one in members] for members in sets]
    ranked = collocator.complete(
        ids[0],
        candidates=[one for members in ids[1:] for one in members],
        category=category,
        k=count,
        exclude=exclude,
        max_price=max_price,
    )
    if as_json:
        rows = [{"item": one.item.id, "score": round(one.score, 4), "logit": round(one.logit, 4)} for one in ranked]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for number, one in enumerate(ranked, start=1):
            click.echo(f"{number}. {one.item.id:30} {one.score:.3f}  {one.item.title}".rstrip())
    if out is not None:
        best = [*sets[0], collocator.catalogue.index(ranked[0].item.id)]
        _write_boards(out, collocator.looks([best], query=ids[0]), as_json)


@click.command()
@click.argument("queries", metavar="QUERY...", nargs=-1, required=True)
@click.option("--style", "styles", default="all", show_default=True, help="One of the six, all, or any: no matter.")
@click.option("--length", default="3-6", show_default=True, help="Fewest and most garments, the query's included.")
@click.option("-k", "count", type=click.IntRange(1), default=3, show_default=True, help="Outfits of each style.")
@click.option("--keep-category", "keep", multiple=True, help="Category that every outfit must have. Repeatable.")
@click.option("--exclude", multiple=True, help="Id or category that must not be used. Repeatable.")
@click.option("--max-price", type=float, help="Of each garment that is added.")
@click.option("--outfits", type=FILE, help="Real outfits of the catalogue, to learn from what is worn together.")
@click.option("--category", help="What a QUERY picture shows. [default: guessed from similar items]")
@click.option(
    "--temperature", type=click.FloatRange(0), default=0.0, show_default=True, help="Above 0: draw, in logits."
)
@click.option("--wheel", type=_WHEELS, default="ryb", show_default=True, help="Hue circle.")
@click.option("--beam", type=click.IntRange(1), help="Width of the search; 1 is greedy.")
@stock_options
@click.option("--out", "-o", type=OUTPUT, help="Folder for boards, sheet, page and JSON.")
@seed_option
@force_option
@json_option
def collocate(
    queries: tuple[str, ...],
    styles: str,
    length: str,
    count: int,
    keep: tuple[str, ...],
    exclude: tuple[str, ...],
    max_price: float | None,
    outfits: Path | None,
    category: str | None,
    temperature: float,
    wheel: Any,
    beam: int | None,
    out: Path | None,
    seed: int,
    force: bool,
    as_json: bool,
    **stock: Any,
) -> None:
    """Compose outfits around QUERY: ids of the catalogue, or a picture.

    \b
    graphfit collocate blazer-blue --style triadic -o outfits
    graphfit collocate my-coat.jpg --catalogue shop.csv --style all --length 3-6 -k 3 -o outfits
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.collocation import Answer
    from graphfit.colour.schemes import STYLES

    lengths = parse_length(length)
    wanted = STYLES if styles == "all" else tuple(styles.split(","))
    if wrong := [style for style in wanted if style not in (*STYLES, "any")]:
        raise InputError(f"--style {wrong[0]} is unknown; choose one of {', '.join(STYLES)}, all or any")
    if out is not None:
        _refuse_filled(out, force)
    _refuse_missing_files(queries, stock["catalogue"], stock["index"])
    collocator = _open(**stock, wheel=wheel, beam=beam, outfits=outfits)
    names: list[str] = []
    for query in queries:
        name = query
        if query not in collocator.catalogue and Path(query).is_file():
            collocator, name = collocator.with_picture(query, category)
            click.echo(f"{query} is taken for {collocator.catalogue[name].category}", err=True)
        elif query not in collocator.catalogue:
            _refuse_unknown(query, collocator)
        names.append(name)
    answers: list[Answer] = [
        collocator.compose(
            names, style=style, length=lengths, k=count, keep=keep, exclude=exclude, max_price=max_price,
            temperature=temperature, seed=seed,
        )
        for style in wanted
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps([answer.as_dict() for answer in answers], indent=2, ensure_ascii=False))
    if not any(answer.looks for answer in answers):
        raise InputError(f"there is no such outfit: {'; '.join(dict.fromkeys(answer.reason for answer in answers))}")
    for answer in () if as_json else answers:
        click.echo(answer.style)
        for number, look in enumerate(answer.looks, start=1):
            click.echo("\n".join(f"  {line}" for line in _lines(look, str(number), blame=False)))
        if answer.reason:
            click.echo(f"  {'none: ' if not answer.looks else ''}{answer.reason}")
    if out is not None:
        from graphfit.pages import write_answers

        written = write_answers(out, answers, title=", ".join(names), note=f"from {collocator.catalogue.name}")
        click.echo(f"wrote {written}", err=as_json)


@click.command()
@click.argument("item")
@click.option("-k", "count", type=click.IntRange(1), default=10, show_default=True, help="How many to show.")
@stock_options
@json_option
def similar(item: str, count: int, as_json: bool, **stock: Any) -> None:
    """List the garments that look most like ITEM: an id of the catalogue, or a picture.

    \b
    graphfit similar sweater-green -k 5
    """  # noqa: D301 - click reads the backspace itself
    _refuse_missing_files([item], stock["catalogue"], stock["index"])
    collocator, name = _open(**stock), item
    if item not in collocator.catalogue:
        if not Path(item).is_file():
            _refuse_unknown(item, collocator)
        collocator, name = collocator.with_picture(item)
    found = collocator.similar(name, count)
    if as_json:
        click.echo(json.dumps([{"item": one.id, "cosine": round(value, 4)} for one, value in found], indent=2))
        return
    for number, (one, value) in enumerate(found, start=1):
        click.echo(f"{number}. {one.id:30} {value:.3f}  {one.title}".rstrip())


@click.command()
@click.argument("outfits", nargs=-1, required=True)
@click.option("--wheel", type=_WHEELS, default="ryb", show_default=True, help="Hue circle.")
@click.option(
    "--catalogue", "-c", type=click.Path(path_type=Path), help="Where ids are from. [default: the drawn wardrobe]"
)
@click.option("--out", "-o", type=OUTPUT, help="Picture of the hue circle to write.")
@force_option
@json_option
def style(
    outfits: tuple[str, ...], wheel: Any, catalogue: Path | None, out: Path | None, force: bool, as_json: bool
) -> None:
    """Name the colour style of OUTFITS by the rule, with palette, hues and margin. Loads no network.

    \b
    graphfit style t-shirt-red,jeans-denim,tote-yellow -o circle.png
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.colour.palette import garment_palette
    from graphfit.colour.schemes import classify
    from graphfit.config import ColourConfig
    from graphfit.looks import Look
    from graphfit.plots import hue_wheel
    from hr_common import image

    if out is not None:
        refuse_existing(out, force=force)
    found, sets = _gather(outfits, catalogue, ())
    looks = []
    for members in sets:
        items = tuple(found.items[one] for one in members)
        palettes = tuple(garment_palette(image.read(_picture(item), "RGBA")) for item in items)
        scheme = classify(palettes, [item.category for item in items], config=ColourConfig(wheel=wheel))
        looks.append(Look(items, palettes, scheme))
    if as_json:
        from graphfit.boards import rgb

        rows = [
            {**look.as_dict(), "palettes": [[[*colour] for colour in rgb(palette)] for palette in look.palettes]}
            for look in looks
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for number, look in enumerate(looks, start=1):
            click.echo("\n".join(_style_lines(look, number)))
    if out is not None:
        if len(looks) > 1:
            raise InputError("-o takes the hue circle of one outfit; give one at a time")
        image.write(out, hue_wheel(looks[0].scheme, 480))
        click.echo(f"wrote {out}", err=as_json)


@click.command()
@click.argument("outfits", nargs=-1, required=True)
@stock_options
@click.option("--out", "-o", type=OUTPUT, required=True, help="Board to write: .png, .jpg or .html.")
@force_option
@json_option
def board(outfits: tuple[str, ...], out: Path, force: bool, as_json: bool, **stock: Any) -> None:
    """Draw the boards of OUTFITS, each given as for `graphfit score`; several outfits make a sheet.

    \b
    graphfit board dress-red,pumps-black,clutch-silver -o board.png
    """  # noqa: D301 - click reads the backspace itself
    _refuse_board(out, force)
    collocator, sets = _outfits(outfits, **stock)
    looks = collocator.looks(sets)
    if as_json:
        click.echo(json.dumps([look.as_dict() for look in looks], indent=2, ensure_ascii=False))
    _write_boards(out, looks, as_json)


@click.command()
@click.argument("features", type=FILE)
@click.option(
    "--catalogue", "-c", type=click.Path(path_type=Path), help="What the features are of. [default: the drawn wardrobe]"
)
@click.option("--column", "columns", multiple=True, metavar="NAME=YOURS", help="A column's name, e.g. image=photo.")
@click.option("--run", type=ANY, help="Run folder or weights of a network. [default: the weights that ship]")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder to make.")
@click.option(
    "--contexts", type=click.IntRange(10), default=1500, show_default=True, help="Unfinished outfits to learn from."
)
@click.option("--steps", type=click.IntRange(1), default=1200, show_default=True, help="Of training the towers.")
@seed_option
@device_option
@force_option
@json_option
def index(
    features: Path,
    catalogue: Path | None,
    columns: tuple[str, ...],
    run: Path | None,
    out: Path,
    contexts: int,
    steps: int,
    seed: int,
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Make an index that prunes a large catalogue, from FEATURES by `graphfit embed`, and report its recall.

    \b
    graphfit embed shop.csv -o shop.npz && graphfit index shop.npz -c shop.csv -o shop-index
    """  # noqa: D301 - click reads the backspace itself
    _refuse_filled(out, force)
    collocator = _open(catalogue=catalogue, columns=columns, features=features, index=None, run=run, device=device)
    made = collocator.make_index(out, seed=seed, contexts=contexts, steps=steps)
    recall = made.recall
    assert recall is not None
    if as_json:
        click.echo(json.dumps({"index": str(out), "items": len(made.ids), "recall": vars(recall)}, indent=2))
        return
    if recall.contexts:
        for category, share in recall.by_category.items():
            click.echo(f"{category:12} recall@{recall.at} at {recall.shortlist}: {share:.3f}")
        click.echo(
            f"{'all':12} recall@{recall.at} at {recall.shortlist}: {recall.mean:.3f} ({recall.contexts} outfits)"
        )
    else:
        click.echo(f"no category has more than {recall.shortlist} items, so nothing is pruned")
    click.echo(f"wrote {out}: {len(made.ids)} items")


@click.command()
@click.option("--out", "-o", type=OUTPUT, default=Path("graphfit-demo"), show_default=True, help="Folder to make.")
@seed_option
@force_option
def demo(out: Path, seed: int, force: bool) -> None:
    """Draw a small wardrobe and compose outfits from it in all six styles: boards, a sheet and a page."""
    _refuse_filled(out, force)
    from graphfit.demo import run_demo

    for line in run_demo(out, seed=seed):
        click.echo(line)


def parse_length(text: str) -> tuple[int, int]:
    """Read ``3-6`` or ``4``.

    Raises:
        InputError: It is neither, or the wrong way round.
    """
    low, _, high = text.partition("-")
    if not low.isdigit() or not (high or low).isdigit() or text.endswith("-"):
        raise InputError(f"--length {text} is no length; write fewest and most, such as 3-6, or one number")
    fewest, most = int(low), int(high or low)
    if fewest > most:
        raise InputError(f"--length {text} is the wrong way round; write {most}-{fewest}")
    if not 2 <= fewest <= most <= 20:
        raise InputError(f"--length {text} is out of range; an outfit has from 2 to 20 garments")
    return fewest, most


def _open(
    *,
    catalogue: Path | None,
    columns: Sequence[str],
    features: Path | None,
    index: Path | None,
    run: Path | None,
    device: str,
    wheel: Any = "ryb",
    beam: int | None = None,
    outfits: Path | None = None,
) -> "Collocator":
    """Open what a command was pointed at."""
    from dataclasses import replace

    from graphfit.collocation import Collocator
    from graphfit.config import ColourConfig, ComposeConfig
    from graphfit.data.catalogue import read_outfits
    from graphfit.features import Features
    from graphfit.scoring import OutfitScorer
    from hr_common.device import resolve

    if index is not None and (catalogue is not None or features is not None):
        raise InputError("--index holds its catalogue and features; leave --catalogue and --features out")
    scorer = OutfitScorer.from_pretrained(run, device=str(resolve(device)))
    compose = ComposeConfig() if beam is None else replace(ComposeConfig(), beam=beam)
    options: dict[str, Any] = {"config": compose, "colour": ColourConfig(wheel=wheel), "cache": _cache()}
    if index is not None:
        found = Collocator.from_index(index, scorer, **options)
    else:
        stock = _read(catalogue, columns)
        given = None if features is None else Features.load(features, encoder=scorer.encoder)
        found = Collocator(stock, scorer, features=given, **options)
    if outfits is not None:
        found.use_outfits(read_outfits(outfits, found.catalogue))
    return found


def _read(catalogue: Path | None, columns: Sequence[str] = ()) -> Any:
    from graphfit.data.catalogue import read_catalogue
    from graphfit.data.wardrobe import draw_wardrobe
    from hr_common.files import data_root

    if catalogue is None:
        return draw_wardrobe(data_root("graphfit", "wardrobe"))
    pairs = [column.partition("=") for column in columns]
    if wrong := [column for column, (_, sign, _) in zip(columns, pairs, strict=True) if not sign]:
        raise InputError(f"--column {wrong[0]}: expected NAME=YOURS, such as image=photo")
    return read_catalogue(catalogue, aliases={name: yours for name, _, yours in pairs})


def _cache() -> Path:
    from hr_common.files import data_root

    return data_root("graphfit", "features.sqlite")


def _outfits(outfits: Sequence[str], *, whole: bool = False, **stock: Any) -> "tuple[Collocator, list[list[int]]]":
    """Open the pictures and ids of some outfits; ``whole`` keeps the rest of the catalogue to choose from."""
    from graphfit.collocation import Collocator
    from graphfit.data.items import Catalogue
    from graphfit.scoring import OutfitScorer
    from hr_common.device import resolve

    parsed = _parse(outfits)
    _refuse_missing_files([part for parts in parsed for _, part in parts], stock["catalogue"], stock["index"])
    if whole or stock["index"] is not None or stock["features"] is not None:
        collocator = _open(**stock)
        sets = []
        for parts in parsed:
            members = []
            for category, part in parts:
                name = part
                if part not in collocator.catalogue and Path(part).is_file():
                    collocator, name = collocator.with_picture(part, category)
                elif part not in collocator.catalogue:
                    _refuse_unknown(part, collocator)
                members.append(collocator.catalogue.index(name))
            sets.append(members)
        return collocator, sets
    catalogue, sets = _gather(outfits, stock["catalogue"], stock["columns"])
    scorer = OutfitScorer.from_pretrained(stock["run"], device=str(resolve(stock["device"])))
    used = sorted({one for members in sets for one in members})
    small = Catalogue(catalogue.name, tuple(catalogue.items[one] for one in used))
    return Collocator(small, scorer, cache=_cache()), [[used.index(one) for one in members] for members in sets]


def _gather(outfits: Sequence[str], catalogue: Path | None, columns: Sequence[str]) -> tuple[Any, list[list[int]]]:
    """Find the items of outfits without loading a network; the catalogue is read only if ids are given."""
    from graphfit.data.items import Catalogue, Item, known_category

    parsed = _parse(outfits)
    _refuse_missing_files([part for parts in parsed for _, part in parts], catalogue, None)
    needs_ids = catalogue is not None or any(not Path(part).is_file() for parts in parsed for _, part in parts)
    items: list[Any] = list(_read(catalogue, columns)) if needs_ids else []
    known = {item.id: place for place, item in enumerate(items)}
    stock = Catalogue("pictures" if not needs_ids else str(catalogue or "the drawn wardrobe"), tuple(items))
    sets = []
    for parts in parsed:
        members = []
        for category, part in parts:
            if part not in known:
                if not Path(part).is_file():
                    _refuse_unknown(part, stock)
                known[part] = len(items)
                shown = "unknown" if category is None else known_category(category)
                items.append(Item(part, Path(part), shown, title=Path(part).stem))
            members.append(known[part])
        if len(set(members)) < len(members):
            raise InputError(f"a garment is given twice in {', '.join(part for _, part in parts)}")
        sets.append(members)
    return Catalogue(stock.name, tuple(items)), sets


def _parse(outfits: Sequence[str]) -> list[list[tuple[str | None, str]]]:
    """Split arguments into outfits, and CATEGORY=FILE into both."""
    from graphfit.data.catalogue import PICTURES

    groups: list[list[str]] = []
    single: list[str] = []
    for word in outfits:
        if Path(word).is_dir():
            groups.append(sorted(str(file) for file in Path(word).iterdir() if file.suffix.lower() in PICTURES))
            if not groups[-1]:
                raise InputError(f"the folder {word} holds no pictures")
        elif "," in word and not Path(word).is_file():
            groups.append([part for part in word.split(",") if part])
        else:
            single.append(word)
    if single:
        groups.insert(0, single)
    if not all(groups):
        raise InputError("an outfit is empty; give it at least one picture or id")
    return [[_split_category(part) for part in group] for group in groups]


def _refuse_missing_files(names: Sequence[str], catalogue: Path | None, index: Path | None) -> None:
    """Say that a picture is missing before the wardrobe is drawn, which has no ids that look like files."""
    if catalogue is not None or index is not None:
        return
    for name in names:
        if not Path(name).exists() and _looks_like_a_file(name):
            raise InputError(f"there is no file {name}")


def _looks_like_a_file(name: str) -> bool:
    from graphfit.data.catalogue import PICTURES

    return Path(name).suffix.lower() in PICTURES or "/" in name


def _split_category(part: str) -> tuple[str | None, str]:
    category, sign, rest = part.partition("=")
    return (category, rest) if sign and not Path(part).is_file() else (None, part)


def _refuse_unknown(name: str, where: Any) -> None:
    """Say that something is neither a file nor an id."""
    if _looks_like_a_file(name):
        raise InputError(f"there is no file {name}")
    getattr(where, "catalogue", where).index(name)


def _refuse_board(out: Path | None, force: bool) -> None:
    if out is None:
        return
    from graphfit.pages import check_suffix

    check_suffix(out)
    if out is not None:
        refuse_existing(out, force=force)


def _refuse_filled(out: Path, force: bool) -> None:
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InputError(f"the folder {out} is not empty; give another --out, or --force to write into it")


def _picture(item: Any) -> Path:
    if item.image is None:
        raise InputError(f"item {item.id} has no picture")
    return Path(item.image)


def _write_boards(out: Path | None, looks: "Sequence[Look]", as_json: bool) -> None:
    if out is None:
        return
    from graphfit.pages import write_boards

    write_boards(out, looks)
    click.echo(f"wrote {out}", err=as_json)


def _lines(look: "Look", name: str, blame: bool = True) -> list[str]:
    rating = look.rating
    assert rating is not None
    if rating.undetermined:
        head = f"{name}: undetermined (one garment)"
    else:
        head = (
            f"{name}: score {rating.score:.3f}, above {rating.percentile_real:.0f} % of real "
            f"and {rating.percentile_corrupted:.0f} % of corrupted outfits"
        )
    lines = [head, f"   {look.scheme.style}: {look.scheme.rule}; {_margin(look)}"]
    if blame:
        for item, effect in zip(look.items, rating.blame, strict=True):
            lines.append(f"   {item.id:30} {effect:+.3f} without it")
    else:
        lines.append(f"   {', '.join(look.ids)}")
    return lines


def _style_lines(look: "Look", number: int) -> list[str]:
    from graphfit.boards import rgb

    lines = [f"outfit {number}: {look.scheme.style}: {look.scheme.rule} ({look.scheme.wheel} wheel); {_margin(look)}"]
    for item, palette in zip(look.items, look.palettes, strict=True):
        colours = ", ".join(
            f"#{red:02x}{green:02x}{blue:02x} {100 * weight:.0f} %"
            for (red, green, blue), weight in zip(rgb(palette), palette.weights, strict=True)
        )
        lines.append(f"   {item.id:30} {colours}")
    return lines


def _margin(look: "Look") -> str:
    unit = " ΔE00" if look.scheme.margin_unit == "delta_e" else "°"
    return f"margin {look.scheme.margin:.0f}{unit}"


COMMANDS: tuple[click.Command, ...] = (score, fill_blank, collocate, similar, style, board, index, demo)
