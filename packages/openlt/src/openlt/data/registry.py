"""The data sets that are known by name: what belongs to them, where to get it, under which licence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from hr_common.errors import InputError
from openlt.data.splits import SplitName

Form = Literal["listed", "folder", "cifar", "inaturalist", "digits"]
Layout = Literal["places", "imagenet", "literal"]


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known of a data set before anything is read."""

    name: str
    title: str
    form: Form
    """Which reader it needs."""
    summary: str
    licence: str
    sources: tuple[tuple[str, str], ...] = ()
    """Each part and where to get it."""
    prefix: str | None = None
    """How the names of its list files begin."""
    layout: Layout = "literal"
    """How listed paths may differ from those on disk."""
    folders: tuple[str, ...] = ()
    """Names that its folder goes by."""
    num_classes: int | None = None
    sizes: Mapping[SplitName, int] = field(default_factory=dict)
    """Pictures of each split."""
    extremes: tuple[int, int] | None = None
    """Largest and smallest training count."""
    bands: Mapping[Literal["paper", "reference"], tuple[int, int, int]] = field(default_factory=dict)
    """Classes of the many, medium and few band under both rules."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Name of each known list file by its SHA-256."""
    required: tuple[SplitName, ...] = ("train", "val", "test")
    tree: tuple[str, ...] = ()
    """How its parts lie in a folder DIR."""

    def lines(self) -> list[str]:
        """What to tell somebody who asks about it."""
        bands = [f"{' / '.join(map(str, triple))} (rule {rule})" for rule, triple in self.bands.items()]
        rows = [
            ("what", self.summary),
            ("classes", "" if self.num_classes is None else f"{self.num_classes:,}"),
            ("pictures", ", ".join(f"{split} {size:,}" for split, size in self.sizes.items())),
            ("bands", "many / medium / few " + ", ".join(bands) if bands else ""),
            ("licence", self.licence),
            *self.sources,
            *(("layout", line) for line in self.tree),
        ]
        return [self.title, *(f"  {name:14}  {value}" for name, value in rows if value)]


_DRIVE = "the Google Drive folder under 'Data Preparation' of https://github.com/zhmiao/OpenLongTailRecognition-OLTR"
_RESEARCH = "research and education only, no commercial use; copyright of the pictures stays with their authors"

_KNOWN = (
    DatasetInfo(
        name="places-lt",
        title="Places-LT",
        form="listed",
        summary="365 scenes of Places365-Standard, 4980 to 5 training pictures each; open set from Places-Extra69",
        licence=f"Places365: {_RESEARCH}",
        sources=(
            ("images", "Places365-Standard, 256x256, train and val: http://places2.csail.mit.edu/download.html"),
            ("lists", f"Places_LT_{{train,val,test,open}}.txt: {_DRIVE}; replaced once: take the present ones"),
            ("open set", f"Places_LT_open/, 6,600 pictures: {_DRIVE}"),
        ),
        tree=(
            "DIR/train/<class>/*.jpg  or  DIR/data_256/<letter>/<class>/*.jpg",
            "DIR/val/<class>/*.jpg    or  DIR/val_256/*.jpg",
            "DIR/Places_LT/Places_LT_{train,val,test,open}.txt",
            "DIR/Places_LT_open/*.jpg  (for open-set evaluation)",
        ),
        prefix="Places_LT",
        layout="places",
        folders=("places-lt", "Places_LT", "places365_standard", "places365", "Places365", "places"),
        num_classes=365,
        sizes={"train": 62_500, "val": 7_300, "test": 36_500, "open": 6_600},
        extremes=(4980, 5),
        bands={"paper": (131, 163, 71), "reference": (132, 156, 77)},
        digests={
            "09410632a22045212fb3231623261e8426ba8dc1887a2b633afeab78ba9c8868": "Places train, official",
            "09cf0e5abf684f946f60b6bf9c526a5ee85d09f555d2c4b9cfaaf22b19d04974": "Places val, official",
            "3c34622e44f036b17c7926b0b6bbdd3d335fa63077409ebb06da68afa7073cd9": "Places test, official",
            "6e4092987f5b18e817dfd4ac849717e2026ff78615bdba441838d9b07840af59": "Places open",
            "726c4871dcbf07ce2f857703bfe32e9a83ffbf52d704239f6d95c4f4f4c247f7": "Places train, easy format",
            "719e3cf3766c09134ea28f56f1036c78def511ac1ed2c2532a6beef78f2439ba": "Places val, easy format",
            "44eee8441c8098c59195465abede425721bc35525d75209f9433b161a6eb37bc": "Places test, easy format",
        },
    ),
    DatasetInfo(
        name="imagenet-lt",
        title="ImageNet-LT",
        form="listed",
        summary="1000 classes of ILSVRC-2012, 1280 to 5 training pictures each; open set from ILSVRC-2010",
        licence=f"ImageNet: {_RESEARCH}",
        sources=(
            ("images", "ILSVRC-2012, train and val (an account is needed): https://image-net.org/download-images"),
            ("lists", f"ImageNet_LT_{{train,val,test,open}}.txt: {_DRIVE}"),
            ("open set", f"ImageNet_LT_open/, 18,000 pictures: {_DRIVE}"),
        ),
        tree=(
            "DIR/train/<n01440764 …>/*.JPEG",
            "DIR/val/<n01440764 …>/*.JPEG  or  DIR/val/*.JPEG",
            "DIR/ImageNet_LT/ImageNet_LT_{train,val,test,open}.txt",
            "DIR/ImageNet_LT_open/*.JPEG  (for open-set evaluation)",
        ),
        prefix="ImageNet_LT",
        layout="imagenet",
        folders=("imagenet-lt", "ImageNet_LT", "ImageNet", "imagenet", "ILSVRC2012", "ilsvrc2012"),
        num_classes=1000,
        sizes={"train": 115_846, "val": 20_000, "test": 50_000, "open": 18_000},
        extremes=(1280, 5),
        bands={"paper": (385, 479, 136), "reference": (391, 463, 146)},
        digests={
            "9af7ba688acf9532ff5845a8fb14a1e97fdc4c51ac48bc72c08ea9c3f7ff142e": "ImageNet val",
            "d1590191cf8a71fada7b1aaedaa2d139a2aea93ff2f1b755319d0bd8dbaa55d5": "ImageNet test",
            "20c916a1fe63302c0bd1dda1f282cd4e8719172b485c30e3e9ba45c8278ac987": "ImageNet open",
        },
    ),
    DatasetInfo(
        name="ms1m-lt",
        title="MS1M-LT",
        form="listed",
        summary="about 887,500 faces of 74,500 identities from MS1M-ArcFace; no recipe of it was ever published",
        licence="MS-Celeb-1M was withdrawn by its publisher; see to the rights of the people shown before you use it",
        sources=(("images and lists", f"MS1M_LT_train.txt and the pictures: {_DRIVE}"),),
        tree=("DIR/MS1M_LT/MS1M_LT_train.txt, with paths relative to DIR",),
        prefix="MS1M_LT",
        folders=("ms1m-lt", "MS1M_LT"),
        required=("train",),
    ),
    DatasetInfo(
        name="cifar10-lt",
        title="CIFAR-10-LT",
        form="cifar",
        summary="CIFAR-10 cut on loading, counts falling exponentially in the order of the labels",
        licence="no licence is stated by its authors; research use is customary",
        sources=(("images", "binary version, cifar-10-binary.tar.gz: https://www.cs.toronto.edu/~kriz/cifar.html"),),
        tree=("DIR/data_batch_{1,2,3,4,5}.bin, test_batch.bin, batches.meta.txt",),
        folders=("cifar10-lt", "cifar-10-batches-bin", "cifar10"),
        num_classes=10,
    ),
    DatasetInfo(
        name="cifar100-lt",
        title="CIFAR-100-LT",
        form="cifar",
        summary="CIFAR-100 cut on loading, counts falling exponentially in the order of the labels",
        licence="no licence is stated by its authors; research use is customary",
        sources=(("images", "binary version, cifar-100-binary.tar.gz: https://www.cs.toronto.edu/~kriz/cifar.html"),),
        tree=("DIR/train.bin, test.bin, fine_label_names.txt",),
        folders=("cifar100-lt", "cifar-100-binary", "cifar100"),
        num_classes=100,
    ),
    DatasetInfo(
        name="inat2018",
        title="iNaturalist 2018",
        form="inaturalist",
        summary="8142 species as they were seen; its validation pictures are the test set, validation is held out",
        licence=f"iNaturalist competition data: {_RESEARCH}",
        sources=(
            ("images", "train_val2018.tar.gz: https://github.com/visipedia/inat_comp/tree/master/2018"),
            ("lists", "train2018.json and val2018.json, from the same page"),
        ),
        tree=("DIR/train_val2018/…/*.jpg", "DIR/train2018.json, val2018.json"),
        folders=("inat2018", "iNaturalist18", "inaturalist2018"),
        num_classes=8142,
        sizes={"train": 437_513, "test": 24_426},
    ),
    DatasetInfo(
        name="lists",
        title="your own list files",
        form="listed",
        summary="<Set>_train.txt, _val, _test, _open and _open_val, lines of `<path> <label>`, open ones -1",
        licence="yours",
        tree=("DIR/<Set>_{train,val,test,open,open_val}.txt, with paths relative to DIR; train is needed",),
        required=("train",),
    ),
    DatasetInfo(
        name="folder",
        title="your own folders",
        form="folder",
        summary="train/, val/, test/ with one folder a class, and open/ and open_val/ with strangers",
        licence="yours",
        tree=(
            "DIR/train/<class>/*.jpg",
            "DIR/val/<class>/*.jpg, DIR/test/<class>/*.jpg",
            "DIR/open/**, DIR/open_val/**",
        ),
        required=("train",),
    ),
    DatasetInfo(
        name="digits-lt",
        title="Digits-LT",
        form="digits",
        summary="scikit-learn's handwritten digits, 8x8, embedded: eight classes made long-tailed, two held open",
        licence="UCI ML repository, Optical Recognition of Handwritten Digits, CC BY 4.0",
        num_classes=8,
    ),
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _KNOWN})
"""All data sets by name."""


def dataset_info(name: str) -> DatasetInfo:
    """Look a data set up.

    Raises:
        InputError: There is none of this name; the message suggests the nearest.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), DATASETS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise InputError(f"there is no data set {name!r}; {hint}Known are {', '.join(DATASETS)}")
