"""Figures say what the counts say."""

import numpy as np
import plotly.graph_objects as go

from vqzoo.views.usage import Use, usage_figure


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_bars_are_shares_in_the_order_of_the_test_split():
    use = Use("m", np.array([[1, 0, 3]]), np.array([[10, 70, 20]]), (0,))
    figure = usage_figure([use])
    (test,), (image,) = traces(figure, "test split"), traces(figure, "this image")
    assert list(test.y) == [0.7, 0.2, 0.1]
    assert list(image.y) == [0.0, 0.75, 0.25]
    assert list(image.customdata) == [1, 2, 0], "hovering has to name the codevector, not its rank"


def test_columns_that_share_a_codebook_are_added_up():
    counts = np.array([[1, 0], [0, 3]])
    (shared,) = traces(usage_figure([Use("m", counts, None, (0, 0))]), "this image")
    assert list(shared.y) == [0.75, 0.25]
    (separate,) = traces(usage_figure([Use("m", counts, None, (0, 1))]), "this image")
    assert sorted(separate.y) == [0, 0, 0.25, 0.75]


def test_codebooks_of_different_sizes_have_their_own_codevectors():
    """Two levels: 2 codevectors, then a column pair that shares 3; unused room of the smaller one is no codevector."""
    counts = [np.array([4, 0]), np.array([1, 0, 0]), np.array([0, 0, 3])]
    (bars,) = traces(usage_figure([Use("m", counts, counts, (0, 1, 1))]), "this image")
    assert list(bars.customdata) == [0, 4, 2, 1, 3] and list(bars.y) == [0.5, 0.375, 0.125, 0, 0]


def test_one_panel_a_model():
    use = Use("m", np.array([[1, 1]]), np.array([[1, 1]]), (0,))
    figure = usage_figure([use, use, use])
    assert len(traces(figure, "this image")) == 3
    validated = go.Figure(figure.to_dict())
    assert validated.to_dict() == figure.to_dict(), "valid, although it is built without validation"
    assert [bool(trace.showlegend) for trace in traces(figure, "this image")] == [True, False, False]


def test_without_a_codebook_the_figure_says_so():
    figure = usage_figure([])
    assert not figure.data
    assert "codebook" in figure.layout.annotations[0].text


def test_of_a_huge_codebook_the_most_used_are_drawn_and_the_title_says_so():
    image, test = np.zeros((1, 10_000), dtype=np.int64), np.zeros((1, 10_000), dtype=np.int64)
    image[0, [9_000, 5]] = 1, 3
    test[0, 7_000] = 2
    figure = usage_figure([Use("m", image, test, (0,))])
    (bars,) = traces(figure, "this image")
    assert len(bars.x) == len(bars.y) == 4096
    assert list(bars.customdata[:3]) == [7_000, 5, 9_000] and list(bars.y[:3]) == [0, 0.75, 0.25]
    assert figure.layout.annotations[0].text == "m: the 4,096 most used of 10,000 codevectors"
