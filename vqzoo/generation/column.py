"""The generation column: what priors of the same size and training generate from the tokens of each tokenizer.

`python -m trainers.column run` writes a JSON file for each row; reading them needs no torch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqzoo.files.storage import read_json

FOLDER = Path(__file__).with_name("rows")
"""Folder of the measured rows."""
FORMAT = 1
REAL = "real"
"""Ending of the name of a row that measures real images, "mnist-real": what the metrics are without any model."""
_KEYS = {"format", "name", "dataset", "protocol", "seconds", "samples"}
_KEYS_OF_PRIOR = {"tokenizer", "prior", "reconstructions"}
PROTOCOL = ("images", "samples")
"""What rows need to have in common to be compared: images that the prior learned from, and number of samples."""


@dataclass(frozen=True)
class Row:
    """A row of the column.

    name: that of the prior, <tokenizer>-<kind>-<size>, or <dataset>-real.
    protocol: {"images", "samples", "reference", "sampling", "classifier", "inception", "device"}: how it was measured.
    samples: {"fid_squeeze", "fid", "agreement", "nearest", "copies", "intervals"} of the samples.
    tokenizer: {"name", "sha256", "tokens", "bits_per_image", "psnr", ...}. prior: {"kind", "prior_bits", "weights",
    ...}. reconstructions: the same metrics as of `samples`, of test images that went through the tokenizer. All three
    are empty for real images.
    """

    name: str
    dataset: str
    protocol: dict[str, Any]
    samples: dict[str, Any]
    tokenizer: dict[str, Any]
    prior: dict[str, Any]
    reconstructions: dict[str, Any]
    seconds: dict[str, float]

    @property
    def real(self) -> bool:
        """Whether the row measures real images."""
        return not self.prior


def read_rows(folder: Path = FOLDER) -> list[Row]:
    """Return all rows, sorted by name; a ValueError names a file that is no row."""
    return [_row(path) for path in sorted(folder.glob("*.json"))]


def _row(path: Path) -> Row:
    record = read_json(path, path.parent.name)
    keys = _KEYS if record.get("name") == f"{record.get('dataset')}-{REAL}" else _KEYS | _KEYS_OF_PRIOR
    if record.keys() != keys or record["format"] != FORMAT or record["name"] != path.stem:
        raise ValueError(
            f"{path.name}: expected format {FORMAT}, name={path.stem!r} and the keys {', '.join(sorted(keys))}; "
            "`python -m trainers.column run` writes such files"
        )
    del record["format"]
    return Row(**{**dict.fromkeys(_KEYS_OF_PRIOR, {}), **record})
