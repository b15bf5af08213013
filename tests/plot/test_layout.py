"""The pictures of which value stands at which pixel."""

from matplotlib.axes import Axes

from ganlab.arrangement.order import reversed_z, transposed, z
from ganlab.plot.layout import draw_layouts


def texts(axes: Axes, gid: str) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in axes.texts if text.get_gid() == gid]


def test_corners_have_the_numbers_of_table_6_3() -> None:
    orders = {"z": z(45), "transposed": transposed(45), "reversed": reversed_z(45)}
    figure = draw_layouts({name: order.view(45, 45).tolist() for name, order in orders.items()})
    corners = [set(texts(axes, "corner")) for axes in figure.axes]
    assert corners == [{"1", "45", "1981", "2025"}] * 3
    first = [next(text.get_text() for text in axes.texts) for axes in figure.axes]
    assert first == ["1", "1", "2025"]
    second = [axes.texts[1].get_text() for axes in figure.axes]
    assert second == ["45", "1981", "1981"]


def test_cells_of_a_table_hold_their_features_and_null() -> None:
    figure = draw_layouts({"thyroid": [["Age", "TSH", None], ["Query_on_thyroxine", "T3", None]]})
    assert texts(figure.axes[0], "cell") == ["Age", "TSH", "NULL", "Query on thyroxine", "T3", "NULL"]
