import numpy as np
import pytest

from ganlab.plot.images import SIDE, draw_grid, draw_grids, draw_named, outside, pixels


def shades(*values, shape=(1, 48, 48)):
    return np.stack([np.full(shape, value) for value in values])


def middles(picture, columns, count):
    """The colour in the middle of each tile, row by row."""
    down = -(-count // columns)
    high, wide = picture.shape[0] // down, picture.shape[1] // columns
    return [
        tuple(picture[k // columns * high + high // 2, k % columns * wide + wide // 2]) for k in range(down * columns)
    ]


def test_images_stand_in_rows_from_left_to_right_and_what_they_leave_is_white():
    found = middles(draw_grid(shades(-1, 0.2, -0.6, 0.6)), 3, 4)
    assert found == [(0,) * 3, (153,) * 3, (51,) * 3, (204,) * 3, (255,) * 3, (255,) * 3]


def test_few_images_are_as_large_as_many():
    assert draw_grid(shades(0)).shape[1] == draw_grid(shades(*np.zeros(9))).shape[1]
    assert draw_grid(shades(0), columns=6).shape[1] == 2 * draw_grid(shades(0)).shape[1]


@pytest.mark.parametrize(("shape", "scale"), [((45, 45), 5), ((400, 275), 1), ((240, 320), 1), ((7, 7), 34)])
def test_small_images_are_enlarged_in_whole_steps_and_large_ones_left_as_they_are(shape, scale):
    image = -np.ones((1, 1, *shape))
    image[..., 0, 0] = 1
    picture = draw_grid(image, columns=1)
    assert (picture[:, :, 0] == 0).sum() == (shape[0] * shape[1] - 1) * scale**2
    assert max(shape) * scale > 0.9 * SIDE or scale == 1


def test_three_channels_are_a_colour_and_two_stand_beside_each_other():
    red = np.full((1, 3, 8, 8), -1.0)
    red[:, 0] = 1
    assert middles(draw_grid(red, columns=1), 1, 1) == [(255, 0, 0)]
    assert draw_grid(np.zeros((1, 2, 48, 48)), columns=1).shape[1] > 2 * 48


def test_levels_become_pixels_and_what_cannot_be_shown_is_counted():
    assert pixels(np.array([0, 127.5, 255])).tolist() == [-1, 0, 1]
    assert outside(pixels(np.array([0, 255, 255.1, -1, np.nan, np.inf]))) == 4


def test_each_name_has_its_image_and_a_row_takes_what_it_has_room_for():
    named = {"z": shades(-1)[0], "rgb": np.zeros((3, 45, 45)), "six": np.zeros((6, 45, 45)), "hilbert": shades(0)[0]}
    figure = draw_named(named, columns=3)
    boxes = {axes.get_title(loc="left"): axes.get_position() for axes in figure.axes}
    assert list(boxes) == list(named)
    assert boxes["z"].y0 == boxes["rgb"].y0 > boxes["six"].y1
    assert boxes["six"].width == pytest.approx(2 * boxes["z"].width, rel=0.05)
    assert boxes["hilbert"].y0 == boxes["six"].y0
    assert boxes["hilbert"].x0 > boxes["six"].x1
    assert all(0 <= box.x0 < box.x1 <= 1 + 1e-9 and -1e-9 <= box.y0 < box.y1 < 1 for box in boxes.values())
    width, height = figure.get_size_inches()
    assert boxes["z"].width * width == pytest.approx(boxes["z"].height * height)


@pytest.mark.parametrize(("shape", "down"), [((1, 45, 45), 1), ((12, 50, 67), 1), ((8, 45, 45), 2), ((15, 10, 700), 2)])
def test_grids_of_wide_images_have_a_page_s_width(shape, down):
    """Twelve leads of two sets stood in one row of 17,729 pixels."""
    figure = draw_grids({"Real": np.zeros((9, *shape)), "Synthetic": np.zeros((4, *shape))})
    width, height = figure.get_size_inches()
    assert width <= 20.01
    assert 0.05 * width < height <= 20
    assert len({axes.get_subplotspec().rowspan.start for axes in figure.axes}) == down
