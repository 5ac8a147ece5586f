"""Tables to read: sorted as numbers, shown as text."""

from vqzoo.ui.components.dataframe import table_value


def test_a_metric_has_its_digits_and_other_numbers_are_as_they_are():
    columns = ("model", "PSNR, dB", "true bits", "usage", "MB", "images")
    rows = [["a", 25.4, 640.0, 67.2, 0.9, 204800], ["b", None, 65536, 100.0, 12.0, None]]
    value = table_value(columns, rows)
    assert value["headers"] == list(columns) and value["data"] == rows
    assert value["metadata"]["display_value"] == [
        ["a", "25.40", "640", "67.2", "0.9", "204,800"],
        ["b", "–", "65,536", "100", "12", "–"],
    ]
