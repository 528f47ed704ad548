from pathlib import Path

import pytest

from graphfit.data.checking import check, layout_of
from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from hr_common.errors import InputError


def test_a_sound_data_set_has_no_mistakes(tmp_path: Path, data: OutfitData) -> None:
    write_polyvore(tmp_path, data, "nondisjoint")
    (found,) = check(tmp_path)
    assert found.layout == "polyvore nondisjoint"
    assert found.mistakes == ()
    assert sum(found.outfits.values()) == sum(map(len, data.outfits.values()))
    assert found.missing_images == found.items == sum(found.categories.values())
    text = "\n".join(found.lines())
    assert f"{found.items} items, {found.items} without picture" in text
    assert "sizes: 3: " in text


def test_leaks_and_sizes_that_give_corrupted_outfits_away_are_found(tmp_path: Path, data: OutfitData) -> None:
    write_polyvore(tmp_path, data, "nondisjoint")
    folder = tmp_path / "nondisjoint"
    (folder / "valid.json").write_bytes((folder / "train.json").read_bytes())
    for name in ("compatibility_valid.txt", "fill_in_blank_valid.json"):
        (folder / name).unlink()
    lines = (folder / "compatibility_test.txt").read_text(encoding="utf-8").splitlines()
    shorter = [line.rpartition(" ")[0] if line.startswith("0") else line for line in lines]
    (folder / "compatibility_test.txt").write_text("\n".join(shorter), encoding="utf-8")
    (found,) = check(tmp_path)
    assert any("outfits are in more than one split" in mistake for mistake in found.mistakes)
    assert any("compatibility_test: real and corrupted outfits differ in size" in mistake for mistake in found.mistakes)


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("disjoint/train.json", "polyvore"), ("test_no_dup.json", "maryland"), ("tables/product_data.csv", "tables"),
        ("product_data.csv", "tables"), ("tops/shirt.jpg", "catalogue"),
    ],
)  # fmt: skip
def test_the_layout_is_told_by_the_files(tmp_path: Path, name: str, layout: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert layout_of(tmp_path) == layout


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        check(tmp_path / "nothing")


def test_repeated_outfits_of_tables_are_counted(tmp_path: Path) -> None:
    (tmp_path / "product_data.csv").write_text(
        "cod_modelo_color,des_product_family,des_filename\n1,Shirt,1.jpg\n2,Trousers,2.jpg\n", encoding="utf-8"
    )
    (tmp_path / "outfit_data.csv").write_text("cod_outfit,cod_modelo_color\na,1\na,2\nb,2\nb,1\n", encoding="utf-8")
    (found,) = check(tmp_path)
    assert found.mistakes == ("1 outfits are exact repetitions; `graphfit split` drops them",)
    assert found.sizes == {2: 2}
