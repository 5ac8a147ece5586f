"""The bundled photographs are there, readable as they are, small, and each has an owner on record."""

from vqzoo.analysis.examples import examples
from vqzoo.files.images import load_image


def test_six_pictures_load_without_a_remark():
    assert len(examples()) == 6
    for label, path in examples().items():
        loaded = load_image(path)
        assert loaded.pixels.shape == (256, 256, 3) and loaded.notes == (), label
        assert loaded.pixels.std() > 20, f"{label} is nearly blank"


def test_labels_lead_to_different_files_and_none_is_left_over():
    paths = list(examples().values())
    assert sorted(paths) == sorted(paths[0].parent.glob("*.webp"))


def test_every_picture_has_a_row_in_the_licences():
    folder = next(iter(examples().values())).parent
    rows = [line for line in (folder / "LICENSES.md").read_text().splitlines() if line.startswith("| ")]
    for path in examples().values():
        assert sum(row.startswith(f"| {path.name} |") for row in rows) == 1, path.name


def test_they_stay_under_a_mebibyte():
    assert sum(path.stat().st_size for path in examples().values()) < 2**20
