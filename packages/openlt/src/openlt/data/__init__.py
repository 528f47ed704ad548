"""What comes in: data sets by name, pictures as samples, the order in which they are shown."""

from openlt.data.registry import DATASETS, DatasetInfo, dataset_info
from openlt.data.splits import ImageSplit, LongTailData, load_data

__all__ = ["DATASETS", "DatasetInfo", "ImageSplit", "LongTailData", "dataset_info", "load_data"]
