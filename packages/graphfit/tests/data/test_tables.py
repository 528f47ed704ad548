from pathlib import Path

import pytest

from graphfit.data.tables import read_tables
from hr_common.errors import InputError

PRODUCTS = (
    "cod_modelo_color,des_product_category,des_product_family,des_product_type,des_agrup_color_eng,"
    """des_color_specification_esp,des_filename
41-01,Clothes,Shirt,Blouse,WHITE,BLANCO,images/41-01.jpg
52-99,Clothes,Trousers,Jeans,BLUE,AZUL,images/52-99.jpg
63-02,Accesories,"Hats, scarves and gloves",Hat,BROWN,CAMEL,images/63-02.jpg
70-00,Home,Bedding,Sheet,WHITE,BLANCO,images/70-00.jpg
"""
)
OUTFITS = """cod_outfit,cod_modelo_color
1,41-01
1,52-99
1,70-00
2,41-01
2,41-01
3,52-99
3,63-02
"""


def write(root: Path, products: str = PRODUCTS, outfits: str = OUTFITS) -> Path:
    root.mkdir(exist_ok=True)
    (root / "product_data.csv").write_text(products, encoding="utf-8")
    (root / "outfit_data.csv").write_text(outfits, encoding="utf-8")
    return root


def test_garments_and_outfits_are_read_and_home_textiles_are_not(tmp_path: Path) -> None:
    catalogue, outfits = read_tables(write(tmp_path / "shop"))
    assert [item.id for item in catalogue] == ["41-01", "52-99", "63-02"]
    assert [item.category for item in catalogue] == ["tops", "bottoms", "hats"]
    assert catalogue["41-01"].colour == "white blanco"
    assert catalogue["41-01"].image == tmp_path / "shop" / "images" / "41-01.jpg"
    # Outfit 2 has one garment, twice.
    assert [(outfit.id, outfit.items) for outfit in outfits] == [("1", ("41-01", "52-99")), ("3", ("52-99", "63-02"))]


def test_tables_in_a_folder_of_their_own_point_beside_it(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write(tmp_path / "shop" / "tables")
    catalogue, _ = read_tables(tmp_path / "shop")
    assert catalogue["41-01"].image == tmp_path / "shop" / "images" / "41-01.jpg"


def test_missing_columns_and_unknown_products_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"product_data.csv has no column des_filename \(found: cod_modelo_color\)"):
        read_tables(write(tmp_path / "a", products="cod_modelo_color\n1\n"))
    with pytest.raises(InputError, match=r"names 1 products .* \(line 9: 99-99\)"):
        read_tables(write(tmp_path / "b", outfits=OUTFITS + "4,99-99\n"))
