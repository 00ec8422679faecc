"""Displays show what they are given and leave matplotlib's state alone."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from skmimic import MimicGANProjector
from skmimic.exceptions import MissingExtraError
from skmimic.generators import linear_generator_from_data
from skmimic.plotting import DemoDisplay, Panel, ProjectionDisplay, Row


@pytest.fixture
def axes():
    return Figure().add_subplot()


@pytest.fixture
def panels():
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8)
    rows = (Row("before", images, 0.25, "small print"), Row("after", images, 1.0, is_main=True))
    return Panel("One", "sub", rows, "share", "a finding"), Panel("Two", "sub", rows[:1], "share")


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def pictures(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


def test_rows_are_drawn_in_order(axes):
    images = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).astype(float)
    display = ProjectionDisplay({"observed": images[0], "restored": images[1]}, data_range=(0, 100), main="restored")
    assert display.plot(axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert texts(axes) == ["observed", "restored"]
    np.testing.assert_array_equal(pictures(axes), images.reshape(6, 4, 4))
    assert {image.get_clim() for image in axes.images} == {(0, 100)}


def test_the_main_row_is_set_off(axes):
    images = np.zeros((2, 4, 4))
    ProjectionDisplay({"a": images, "b": images}, main="b").plot(axes)
    weights = {text.get_text(): text.get_weight() for text in axes.texts}
    assert (weights["a"], weights["b"]) == ("normal", "bold")


def test_colours_are_kept(axes):
    images = np.zeros((1, 3, 4, 4))
    images[0, 0] = 1.0
    ProjectionDisplay({"red": images}, data_range=(-1, 1)).plot(axes)
    np.testing.assert_allclose(pictures(axes)[0][0, 0], [1.0, 0.5, 0.5])


def test_masked_pixels_have_a_colour_of_their_own(axes):
    image = np.ma.masked_equal(np.array([[[0, 1], [2, 3]]]), 0)
    ProjectionDisplay({"lost": image}, data_range=(0, 3)).plot(axes)
    drawn = axes.images[0].to_rgba(axes.images[0].get_array())
    assert drawn[0, 0, 0] > drawn[0, 0, 2] + 0.2  # orange
    assert np.ptp(drawn[1, 0, :3]) < 0.1  # grey


def test_from_estimator_shows_what_the_estimator_gives(axes):
    X = np.random.default_rng(0).uniform(-1, 1, (20, 64))
    projector = MimicGANProjector(linear_generator_from_data(X, 3), surrogate="identity").fit(X)
    display = ProjectionDisplay.from_estimator(projector, X, X_true=X, n_images=4, ax=axes)
    assert list(display.rows) == ["clean", "observed", "restored", "corrupted again"]
    np.testing.assert_array_equal(display.rows["restored"], projector.transform(X)[:4].reshape(4, 1, 8, 8))
    assert display.data_range == projector.data_range_
    without = ProjectionDisplay.from_estimator(projector, X.reshape(20, 8, 8), n_images=4, ax=axes)
    assert list(without.rows) == ["observed", "restored", "corrupted again"]
    np.testing.assert_array_equal(without.rows["restored"], display.rows["restored"])


def test_a_figure_of_its_own():
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    display = ProjectionDisplay({"observed": np.zeros((3, 8, 8))}).plot()
    assert display.figure_.number in pyplot.get_fignums()
    pyplot.close(display.figure_)


def test_the_demo_picture_holds_all_that_is_said(panels):
    figure = DemoDisplay(panels).plot().figure_
    assert len(figure.axes) == 2
    assert {"One", "Two", "sub", "share", "a finding"} <= set(texts(figure))
    assert {"before", "after", "small print", "25 %", "100 %"} <= set(texts(figure.axes[0]))


def test_bars_are_as_long_as_the_shares(panels):
    ax = DemoDisplay(panels).plot().figure_.axes[0]
    widths = [patch.get_width() for patch in ax.patches if np.isclose(patch.get_height(), 0.4)]
    full, quarter, _, whole = widths
    assert np.isclose(quarter, 0.25 * full)
    assert np.isclose(whole, full)


def test_nothing_is_cut_off(panels):
    figure = DemoDisplay(panels).plot().figure_
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else figure._get_renderer()
    width, height = figure.bbox.size
    for text in [*figure.texts, *(text for ax in figure.axes for text in ax.texts)]:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y0 >= 0
        assert box.y1 <= height


def test_the_demo_picture_is_written_whole(panels, tmp_path):
    DemoDisplay(panels).plot().save(tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, skmimic.plotting; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_without_matplotlib_the_extra_is_named(panels, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"] + ["matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (ProjectionDisplay({"x": np.zeros((1, 8, 8))}).plot, DemoDisplay(panels).plot):
        with pytest.raises(MissingExtraError, match=r"skmimic\[plot\]"):
            draw()
