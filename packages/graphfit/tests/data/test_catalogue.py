"""Reading catalogues and outfits: all layouts, other names for columns, and every mistake in one message."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfit.data.catalogue import read_catalogue, read_outfits
from hr_common.errors import InputError

ROWS = (
    {"id": "a", "image": "a.png", "category": "tops", "title": "red top", "colour": "red", "price": 19.5, "url": "x"},
    {"id": "b", "image": "b.png"},
)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 9, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def as_csv(delimiter: str = ",") -> str:
    lines = [["id", "image", "category", "title", "colour", "price", "url"]]
    lines += [[str(row.get(name, "")) for name in lines[0]] for row in ROWS]
    return "\n".join(delimiter.join(line) for line in lines)


LAYOUTS = {
    "shop.csv": as_csv(),
    "semicolon.csv": as_csv(";"),
    "tab.csv": as_csv("\t"),
    "shop.json": json.dumps(ROWS),
    "by_id.json": json.dumps({row["id"]: {key: row[key] for key in row if key != "id"} for row in ROWS}),
    "shop.jsonl": "\n\n".join(json.dumps(row) for row in ROWS),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_catalogue(shop: Path, name: str) -> None:
    catalogue = read_catalogue(write(shop, name, LAYOUTS[name]))
    assert catalogue.name == Path(name).stem
    first, second = catalogue
    assert (first.id, first.category, first.title, first.colour, first.price, first.url) == (
        "a", "tops", "red top", "red", 19.5, "x",
    )  # fmt: skip
    assert first.image == shop / "a.png"
    assert (second.category, second.title, second.price) == ("unknown", "", None)


def test_a_folder_is_a_catalogue_and_its_sub_folders_are_categories(tmp_path: Path) -> None:
    for file in ("dresses/d1.jpg", "shoes/s1.png", "summer/x1.webp", "plain.jpg", ".hidden/h.jpg"):
        picture(tmp_path / file)
    write(tmp_path, "notes.txt", "no picture")
    found = {item.id: item.category for item in read_catalogue(tmp_path)}
    assert found == {"d1": "all-body", "s1": "shoes", "x1": "unknown", "plain": "unknown"}


@pytest.mark.parametrize(
    ("header", "word", "category"),
    [
        ("product_type", "ankle boots", "shoes"),
        ("type", "Leather Jackets", "outerwear"),
        ("category", "Handbags", "bags"),
    ],
)
def test_other_names_for_columns_and_words_for_categories_are_known(
    shop: Path, header: str, word: str, category: str
) -> None:
    path = write(shop, "c.csv", f"SKU,Photo,{header},Base_Colour\n17,a.png,{word},teal\n")
    (item,) = read_catalogue(path)
    assert (item.id, item.category, item.fine, item.colour) == ("17", category, word, "teal")


def test_the_fine_category_settles_what_the_category_leaves_open(shop: Path) -> None:
    path = write(shop, "c.csv", "id,image,category,fine\na,a.png,women,skirts\n")
    assert read_catalogue(path).items[0].category == "bottoms"


def test_own_names_of_columns_can_be_given(shop: Path) -> None:
    path = write(shop, "c.csv", "nr,bild\na,a.png\n")
    assert read_catalogue(path, aliases={"id": "nr", "image": "Bild"}).items[0].id == "a"
    with pytest.raises(InputError, match="has no column id and no column image; it has nr, bild"):
        read_catalogue(path)
    with pytest.raises(InputError, match="has no column 'photo'; it has nr, bild"):
        read_catalogue(path, aliases={"id": "nr", "image": "photo"})
    with pytest.raises(InputError, match="no column 'size' can have another name"):
        read_catalogue(path, aliases={"size": "nr"})


@pytest.mark.parametrize(("text", "price"), [("19,90", 19.9), ("€ 1,299.00", 1299.0), ("$5", 5.0)])
def test_prices_are_read_as_people_write_them(shop: Path, text: str, price: float) -> None:
    path = write(shop, "c.csv", f'id;image;price\na;a.png;"{text}"\n')
    assert read_catalogue(path).items[0].price == price


def test_all_mistakes_of_a_table_are_reported_together_with_their_lines(shop: Path) -> None:
    write(shop, "text.png", "this is no picture")
    (shop / "cut.png").write_bytes((shop / "a.png").read_bytes()[:40])
    lines = [
        "id,image,category,price",
        "a,a.png,tops,10",
        "a,b.png,tops,10",
        ",b.png,tops,10",
        "c,nowhere.png,tops,10",
        "d,text.png,tops,10",
        "e,cut.png,tops,10",
        "f,b.png,furniture,10",
        "g,b.png,tops,cheap",
        "h,b.png,tops,10,more",
    ]
    with pytest.raises(InputError) as caught:
        read_catalogue(write(shop, "c.csv", "\n".join(lines)))
    said = str(caught.value)
    assert said.startswith(f"8 mistakes in {shop / 'c.csv'}: ")
    for words in (
        "line 3: the id 'a' was given before, at",
        "line 4: there is no id",
        f"line 5: there is no picture {shop / 'nowhere.png'}",
        "text.png is no picture that can be read",
        "cut.png is ",
        "line 8: unknown category 'furniture'; choose one of tops, bottoms",
        "line 9: the price 'cheap' is no number",
        "line 10: more fields than the header has",
    ):
        assert words in said
    assert "\n" not in said


def test_mistakes_in_json_name_the_item_or_the_line(shop: Path) -> None:
    with pytest.raises(InputError, match="item 2: expected an object"):
        read_catalogue(write(shop, "c.json", '[{"id": "a", "image": "a.png"}, 7]'))
    with pytest.raises(InputError, match=r"line 2: no valid JSON: .*; .*line 3: expected an object"):
        read_catalogue(write(shop, "c.jsonl", '{"id": "a", "image": "a.png"}\n{"id": \n[1]'))
    with pytest.raises(InputError, match="holds a str; expected a list of items"):
        read_catalogue(write(shop, "d.json", '"a"'))


def test_two_pictures_of_one_name_in_a_folder_are_a_mistake(tmp_path: Path) -> None:
    picture(tmp_path / "tops/one.jpg"), picture(tmp_path / "shoes/one.jpg")
    with pytest.raises(InputError, match="the id 'one' is also that of"):
        read_catalogue(tmp_path)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: it lists no items"):
        read_catalogue(tmp_path / "empty")
    with pytest.raises(InputError, match="there is no catalogue"):
        read_catalogue(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is no catalogue; give a folder of pictures"):
        read_catalogue(write(tmp_path, "c.xlsx", "?"))
    with pytest.raises(InputError, match="empty: it lists no items"):
        read_catalogue(write(tmp_path, "c.csv", "id,image\n"))


def test_outfits_are_read_from_json_and_from_rows(shop: Path) -> None:
    catalogue = read_catalogue(write(shop, "shop.json", LAYOUTS["shop.json"]))
    listed = write(shop, "o.json", '[{"id": 1, "items": ["a", "b", "a"]}, {"items": ["b"]}]')
    rows = write(shop, "o.csv", "outfit,item\n1,a\n1,b\n2,b\n")
    for path in (listed, rows):
        assert [(one.id, one.items) for one in read_outfits(path, catalogue)] == [("1", ("a", "b")), ("2", ("b",))]


def test_all_mistakes_of_outfits_are_reported_together(shop: Path) -> None:
    catalogue = read_catalogue(write(shop, "shop.json", LAYOUTS["shop.json"]))
    rows = write(shop, "o.csv", "outfit,item\n1,a\n1,zebra\n,b\n2,c\n")
    with pytest.raises(InputError) as caught:
        read_outfits(rows, catalogue)
    said = str(caught.value)
    assert said.startswith("3 mistakes in")
    for words in ("line 3: outfit 1: catalogue shop has no item 'zebra'", "line 4: the outfit or the item", "line 5: "):
        assert words in said
    listed = write(shop, "o.json", '[{"id": "1", "items": ["a"]}, {"id": "1", "items": ["b"]}, {"id": "3"}]')
    with pytest.raises(InputError, match=r"outfit 2: the id '1' was given before; .*outfit 3: expected"):
        read_outfits(listed, catalogue)
    with pytest.raises(InputError, match="lists no outfits"):
        read_outfits(write(shop, "none.json", "[]"))
    with pytest.raises(InputError, match="has columns x, y; expected outfit and item"):
        read_outfits(write(shop, "x.csv", "x,y\n1,2\n"))
