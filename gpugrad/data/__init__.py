"""Data: reading tables, preparing them by the training part's statistics, splitting, and loading batches.

dataset = load("data.csv", target="price")
training, held_out = dataset.split((0.8, 0.2), seed=0)
prepare = Preprocessor.fit(dataset, training)
X, notes = prepare.transform(dataset)
y = prepare.encode_target(dataset)
for x_batch, y_batch in Loader(X[training], y[training], batch_size=64):
    ...
"""

from .arrays import from_arrays
from .bundled import DatasetInfo, list_datasets
from .csv_file import read_csv
from .dataset import Dataset
from .idx_file import read_idx, read_idx_array
from .loader import Loader
from .npz_file import read_npz
from .parquet_file import read_parquet
from .preprocess import Preprocessor
from .scaling import Scaler
from .sources import load, read
from .splitting import split
from .table import Table, Texts

__all__ = [
    "Dataset",
    "DatasetInfo",
    "Loader",
    "Preprocessor",
    "Scaler",
    "Table",
    "Texts",
    "from_arrays",
    "list_datasets",
    "load",
    "read",
    "read_csv",
    "read_idx",
    "read_idx_array",
    "read_npz",
    "read_parquet",
    "split",
]
