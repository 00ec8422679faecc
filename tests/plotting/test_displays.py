"""Displays show what they are given and leave matplotlib's state alone."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from skmimic import MimicAnomalyDetector, MimicGANProjector, PGDProjector
from skmimic.corruptions import Photometric
from skmimic.engine import Snapshot
from skmimic.exceptions import MissingExtraError
from skmimic.generators import linear_generator_from_data
from skmimic.metrics import d_proj
from skmimic.plotting import (
    AnomalyDisplay,
    DemoDisplay,
    Panel,
    ProjectionDisplay,
    Row,
    SurrogateDisplay,
    TrajectoryDisplay,
)
from skmimic.surrogates import KnownCorruption
from tests.helpers import gain_module, pictures, small, smooth_generator


@pytest.fixture
def axes():
    return Figure().add_subplot()


@pytest.fixture
def pair_of_axes():
    return Figure().subplots(1, 2)


@pytest.fixture
def path():
    """Snapshots of three images that brighten towards zero, as f^ = -x sees them."""
    images = np.random.default_rng(0).uniform(-1, 0, (3, 1, 8, 8))
    return [Snapshot(step, images * (1 - step / 200), -images) for step in range(0, 201, 25)]


@pytest.fixture
def panels():
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8)
    rows = (Row("before", images, 0.25, "small print"), Row("after", images, 1.0, is_main=True))
    return Panel("One", "sub", rows, "share", "a finding"), Panel("Two", "sub", rows[:1], "share")


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def drawn(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


def test_rows_are_drawn_in_order(axes):
    images = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).astype(float)
    display = ProjectionDisplay({"observed": images[0], "restored": images[1]}, data_range=(0, 100), main="restored")
    assert display.plot(axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert texts(axes) == ["observed", "restored"]
    np.testing.assert_array_equal(drawn(axes), images.reshape(6, 4, 4))
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
    np.testing.assert_allclose(drawn(axes)[0][0, 0], [1.0, 0.5, 0.5])


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


def pictures_in_rows(ax, length):
    images = drawn(ax)
    return [images[start : start + length] for start in range(0, len(images), length)]


@pytest.mark.parametrize("name", ["projection", "surrogate", "trajectory"])
def test_a_figure_of_its_own_is_large_enough(name, path):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    make = {
        "projection": lambda: ProjectionDisplay({"observed": np.zeros((3, 8, 8))}),
        "surrogate": lambda: SurrogateDisplay({"learned": np.zeros((5, 1, 8, 8))}, words="word " * 40),
        "trajectory": lambda: TrajectoryDisplay(path, path[0].images, path[-1].images),
    }
    figure = make[name]().plot().figure_
    assert figure.number in pyplot.get_fignums()
    figure.draw_without_rendering()
    for text in [text for ax in figure.axes for text in (*ax.texts, ax.title) if text.get_text()]:
        box = text.get_window_extent()
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1
    pyplot.close(figure)


def test_a_surrogate_is_shown_beside_the_true_corruption(axes):
    projector = small(MimicGANProjector).fit(0.6 * pictures())
    display = SurrogateDisplay.from_estimator(projector, Photometric(gain=-1), n_images=4, ax=axes)
    assert list(display.rows) == ["before", "true", "learned"]
    before, true, learned = display.rows.values()
    assert before.shape == (7, 1, 8, 8)
    np.testing.assert_array_equal(true, -before)
    np.testing.assert_array_equal(learned, projector.surrogate_.apply(before))
    np.testing.assert_array_equal(before[3:, 0], projector.generator_.sample(4, random_state=0)[:, 0])
    assert {"before", "true", "learned", "letter", "dots", "full", "images of the generator"} == set(texts(axes))
    assert axes.get_title().replace("\n", " ") == display.words
    assert "contrast times" in display.words


def test_each_of_several_surrogates_has_a_row(axes):
    projector = small(MimicGANProjector, n_surrogates=2).fit(np.concatenate([pictures(), -pictures()]))
    display = SurrogateDisplay.from_estimator(projector, ax=axes)
    assert list(display.rows) == ["before", "learned 1", "learned 2"]
    for name, surrogate in zip(("learned 1", "learned 2"), projector.surrogates_, strict=True):
        np.testing.assert_array_equal(display.rows[name], surrogate.apply(display.rows["before"]))
        assert f"{name}: " in display.words


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 24)])
def test_patterns_tell_every_turn_and_flip_apart(axes, shape):
    X = np.random.default_rng(0).uniform(-1, 1, (20, *shape))
    projector = PGDProjector(linear_generator_from_data(X.reshape(20, -1), 3, shape), T=1, T2=1).fit(X)
    display = SurrogateDisplay.from_estimator(projector, n_images=1, ax=axes)
    letter, dots, full = display.rows["before"][:3]
    assert display.words == "no corruption"
    assert set(np.unique([letter, dots])) == {-1, 1}
    assert (full == 1).all()
    turned = [turn[:, ::flip] for flip in (1, -1) for k in (0, 2) for turn in [np.rot90(letter, k, (1, 2))]]
    assert len({image.tobytes() for image in turned}) == 4
    np.testing.assert_array_equal(display.rows["learned"], display.rows["before"])


def test_a_detector_has_a_surrogate_to_show(axes):
    detector = small(MimicAnomalyDetector).fit(pictures())
    assert list(SurrogateDisplay.from_estimator(detector, ax=axes).rows) == ["before", "learned"]


class TestAnomalies:
    def fitted(self, **parameters):
        X = pictures().reshape(-1, 8, 8)
        return MimicAnomalyDetector(n_candidates=3, random_state=0, **parameters).fit(X)

    def test_the_strangest_stand_first_beside_their_nearest_normals(self, pair_of_axes):
        X = np.concatenate([pictures()[:3], np.random.default_rng(0).uniform(-1, 1, (2, 64))]).reshape(-1, 8, 8)
        detector = self.fitted()
        display = AnomalyDisplay.from_estimator(detector, X.astype(np.float32), n_images=4, axes=pair_of_axes)
        assert list(display.rows) == ["new", "nearest normal", "where"]
        new, normal, where = (np.asarray(images) for images in display.rows.values())
        assert new.shape == normal.shape == where.shape == (4, 1, 8, 8)
        assert (np.diff(display.scores) >= 0).all()
        np.testing.assert_allclose(new[0, 0], X[np.argmin(display.all_scores)], atol=1e-6)
        assert display.threshold == pytest.approx(detector.offset_)
        assert len(display.ax_.images) == 12

    def test_a_stream_is_compared_with_normals_after_its_corruption(self, pair_of_axes, monkeypatch):
        """Which is learned once."""
        detector = self.fitted(surrogate=KnownCorruption(Photometric(gain=-1)), adapt_on="transform")
        learned, calls = detector._estimate, []
        monkeypatch.setattr(detector, "_estimate", lambda *arguments: calls.append(1) or learned(*arguments))
        X = -pictures()[:6].reshape(-1, 8, 8)
        display = AnomalyDisplay.from_estimator(detector, X, n_images=2, axes=pair_of_axes)
        assert len(calls) == 1
        np.testing.assert_array_equal(display.normal_scores, detector.report(X, n_shown=0).normal_scores)

    def test_the_residual_has_maps_alone(self, pair_of_axes):
        detector = small(MimicAnomalyDetector).fit(pictures())
        display = AnomalyDisplay.from_estimator(detector, pictures()[:5], n_images=2, axes=pair_of_axes)
        assert list(display.rows) == ["new", "where"]
        assert len(display.all_scores) == 5


def test_a_trajectory_ends_beside_its_targets(path, pair_of_axes):
    observed, clean = np.full((3, 1, 8, 8), 0.25), np.full((3, 1, 8, 8), 0.5)
    display = TrajectoryDisplay(path, observed, clean, n_images=2, n_moments=4).plot(pair_of_axes)
    first, second = pictures_in_rows(display.ax_, 5)[:2]
    np.testing.assert_array_equal(first[-1], clean[0, 0])
    np.testing.assert_array_equal(second[-1], observed[0, 0])
    np.testing.assert_array_equal(first[0], path[0].images[0, 0])
    np.testing.assert_array_equal(first[-2], path[-1].images[0, 0])
    np.testing.assert_array_equal(second[-2], path[-1].mimicked[0, 0])
    assert len(display.ax_.images) == 2 * 2 * 5


def test_moments_begin_with_the_first_and_end_with_the_last(path, axes):
    for n_moments in (2, 3, 7, 99):
        display = TrajectoryDisplay(path, path[0].images, n_moments=n_moments).plot(axes)
        steps = [int(text) for text in texts(axes) if text.isdigit()]
        assert (steps[0], steps[-1]) == (0, 200)
        assert len(set(steps)) == len(steps) <= n_moments
        axes.clear()
    assert display.error_ax_ is None


def test_the_error_is_that_of_the_metric(path, pair_of_axes):
    clean = np.zeros((3, 1, 8, 8))
    display = TrajectoryDisplay(path, clean, clean, data_range=(0, 255)).plot(pair_of_axes)
    expected = [d_proj(clean, moment.images, data_range=(0, 255)) for moment in path]
    np.testing.assert_allclose(display.errors, expected)
    steps, means = display.error_ax_.lines[0].get_data()
    np.testing.assert_array_equal(steps, range(0, 201, 25))
    np.testing.assert_allclose(means, np.mean(expected, axis=1))


def test_without_clean_images_there_is_no_error(path, pair_of_axes):
    display = TrajectoryDisplay(path, path[0].images).plot(pair_of_axes)
    assert display.errors is None
    assert display.error_ax_ is None
    assert not pair_of_axes[1].lines


@pytest.mark.parametrize("solver", ["alternating", "joint"])
def test_a_trajectory_from_an_estimator(solver, pair_of_axes):
    X = (pictures() + 1) / 2
    projector = small(MimicGANProjector, solver=solver, data_range=(0, 1)).fit(X)
    display = TrajectoryDisplay.from_estimator(projector, X.reshape(40, 8, 8), X, ax=pair_of_axes)
    result = projector.project(X, trajectory=True)
    assert display.data_range == (0, 1)
    np.testing.assert_array_equal(display.trajectory[-1].images, result.trajectory[-1].images)
    np.testing.assert_allclose(
        display.errors[-1], d_proj(X.reshape(40, 1, 8, 8), result.images, data_range=(0, 1)), atol=1e-4
    )


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
    image = np.zeros((1, 1, 8, 8))
    path = [Snapshot(0, image, image)]
    displays = ProjectionDisplay({"x": image}), SurrogateDisplay({"x": image}), TrajectoryDisplay(path, image)
    for draw in [display.plot for display in (*displays, DemoDisplay(panels))]:
        with pytest.raises(MissingExtraError, match=r"skmimic\[plot\]"):
            draw()


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[[0, 7]]], np.uint8), (0, 255)),
        (np.array([[[0.0, 0.9]]]), (0, 1)),
        (np.array([[[-0.8, 0.9]]]), (-1, 1)),
        (np.array([[[0.0, 14.0]]]), (0, 14)),
        (np.array([[[np.nan, -2.5, 4.0]]]), (-2.5, 4)),
        (np.full((1, 1, 2), 3.0), (2, 4)),
        (np.array([[[False, True]]]), (0, 1)),
        (np.array([[[False, False]]]), (0, 1)),
        (np.array([[[0, 14]]]), (0, 14)),
        (np.full((1, 1, 2), np.nan), (-1, 1)),
    ],
)
def test_black_and_white_of_a_picture_are_those_of_its_images(images, expected):
    display = ProjectionDisplay({"some": np.ma.masked_invalid(images)}).plot()
    assert display.ax_.get_images()[0].get_clim() == expected


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[[0.0, np.nan]]]), (0, 1)),
        (np.array([[[np.nan, np.inf, 3.0, 9.0]]]), (3, 9)),
        (np.full((1, 1, 2), np.nan), (-1, 1)),
        (np.array([[[True, False]]]), (0, 1)),
    ],
)
def test_what_is_no_number_need_not_be_masked(images, expected, axes):
    ProjectionDisplay({"some": images, "none": images[:0]}).plot(axes)
    assert axes.images[0].get_clim() == expected
    assert np.ma.getmaskarray(axes.images[0].get_array()).sum() == (~np.isfinite(images)).sum()


@pytest.mark.parametrize("data_range", [np.array([0, 4]), [0.0, 4.0], (np.float32(0), np.int64(4))])
def test_a_range_is_any_pair(data_range, axes):
    ProjectionDisplay({"some": np.zeros((1, 2, 2))}, data_range=data_range).plot(axes)
    assert axes.images[0].get_clim() == (0, 4)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_may_be_last(channels):
    images = np.random.default_rng(0).random((2, channels, 6, 5))
    images[1, 0, 2, 3] = np.nan
    first, last = Figure().subplots(1, 2)
    ProjectionDisplay({"some": images}).plot(first)
    ProjectionDisplay({"some": np.moveaxis(images, 1, -1)}).plot(last)
    for one, other in zip(first.images, last.images, strict=True):
        np.testing.assert_array_equal(one.get_array(), other.get_array())
    lost, seen = (last.images[1].to_rgba(last.images[1].get_array())[at] for at in ((2, 3), (2, 2)))
    assert lost[0] > lost[2] + 0.2  # orange
    assert not np.allclose(seen, lost)


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (2, 8, 8, 2), (2, 64)])
def test_other_channels_are_named(shape, axes):
    with pytest.raises(ValueError, match=r"A picture must be .* one or three channels, got"):
        ProjectionDisplay({"some": np.zeros(shape)}).plot(axes)


def test_an_estimator_that_gives_latents_is_drawn_as_one_that_gives_images():
    X = pictures()[:6].reshape(-1, 8, 8)
    projectors = [small(MimicGANProjector, surrogate="identity", output=output) for output in ("images", "latents")]
    shown = [ProjectionDisplay.from_estimator(projector.fit(X), X, X_true=X) for projector in projectors]
    assert list(shown[0].rows) == list(shown[1].rows)
    for name, images in shown[0].rows.items():
        np.testing.assert_allclose(shown[1].rows[name], images, atol=1e-5)


def test_every_row_is_put_through_its_own_of_several_corruptions():
    X = np.concatenate([pictures()[:8], -pictures()[8:16]])
    projector = small(MimicGANProjector, n_surrogates=2, surrogate=gain_module).fit(X)
    display = ProjectionDisplay.from_estimator(projector, X, n_images=16)
    expected = projector.inverse_transform(projector.transform(X), labels=projector.assign(X))
    np.testing.assert_array_equal(display.rows["corrupted again"].reshape(16, -1), expected)


def test_a_trajectory_reads_channels_that_are_last(pair_of_axes):
    X = pictures(6, (3, 8, 8)).reshape(6, 3, 8, 8)
    projector = small(PGDProjector, smooth_generator((3, 8, 8))).fit(X)
    last = np.moveaxis(X, 1, -1)
    display = TrajectoryDisplay.from_estimator(projector, last, last, ax=pair_of_axes)
    np.testing.assert_array_equal(display.observed, X)
    np.testing.assert_array_equal(display.clean, X)


@pytest.mark.parametrize("to", [lambda X: X.reshape(-1, 8, 8), lambda X: X.reshape(-1, 8, 8, 1), list])
def test_images_come_in_any_form_that_the_estimator_takes(to):
    X = pictures()[:6].reshape(-1, 8, 8)
    display = ProjectionDisplay.from_estimator(small(PGDProjector).fit(X), to(X), n_images=4)
    np.testing.assert_allclose(display.rows["observed"], X[:4, None], atol=1e-6)
    assert all(images.shape == (4, 1, 8, 8) for images in display.rows.values())


def test_pixels_that_were_not_seen_are_masked():
    X = pictures()[:6].copy()
    X[:, 10:14] = np.nan
    display = ProjectionDisplay.from_estimator(small(PGDProjector).fit(X), X)
    assert display.rows["observed"].mask.reshape(6, -1)[:, 10:14].all()
    assert not display.rows["restored"].mask.any()
