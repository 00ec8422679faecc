"""`skmimic detect` says what the detector says, as a table and as one page that needs nothing else."""

import base64
import csv
import io
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from scipy.stats import false_discovery_control

from skmimic import MimicAnomalyDetector
from skmimic.cli import _detect, _project
from skmimic.cli._findings import n_discoveries
from skmimic.datasets import load_mnist_sample
from tests.helpers import assert_same

VOID = {"meta", "img", "line", "path"}  # elements without an end tag


@pytest.fixture(scope="module")
def digits():
    """Normal images, zeros, and new ones: zeros with ones among them; bytes (n, 16, 16)."""
    sample = load_mnist_sample(size=16)
    zeros, ones = (sample.images[sample.target == digit] for digit in (0, 1))
    return zeros[:80], np.concatenate([zeros[80:95], ones[:5]])


@pytest.fixture
def detect(command, digits, tmp_path):
    """Save normal and new images, and compare them; return table, page, standard output and standard error."""

    def run(*options, normal=digits[0], new=digits[1]):
        sources = [saved(tmp_path / name, images) for name, images in (("normal", normal), ("new", new))]
        written = tmp_path / "scores.csv", tmp_path / "page.html"
        status, out, err = command("detect", *sources, "-o", written[0], "--report", written[1], *options)
        assert status == 0, err
        with open(written[0], encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream)), Page(written[1].read_text(encoding="utf-8")), out, err

    return run


@pytest.fixture
def refuse(refused, digits, tmp_path):
    """Refuse a request, and leave nothing behind."""

    def run(*options, normal=digits[0], new=digits[1]):
        sources = [saved(tmp_path / name, images) for name, images in (("normal", normal), ("new", new))]
        before = sorted(tmp_path.rglob("*"))
        line = refused("detect", *sources, "--quiet", "-o", tmp_path / "out.csv", *options)
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return run


def saved(path, images):
    """Save an array as .npy, or a dictionary of arrays as pictures by name; what is a path is there already."""
    if isinstance(images, np.ndarray):
        np.save(path.with_suffix(".npy"), images)
        return path.with_suffix(".npy")
    if isinstance(images, dict):
        path.mkdir()
        for name, image in images.items():
            Image.fromarray(image).save(path / name)
        return path
    return images


class Page(HTMLParser):
    """A page whose tags must match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.words, self.cells, self.source = [], [], [], [], text
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1].append(data)

    def images(self):
        """All pictures, by their descriptions."""
        sources = [value for tag, name, value in self.attributes if (tag, name) == ("img", "src")]
        words = [value for tag, name, value in self.attributes if (tag, name) == ("img", "alt")]
        contents = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]
        pictures = [np.asarray(Image.open(io.BytesIO(content))) for content in contents]
        return dict(zip(words, pictures, strict=True))


def fitted(normal, **parameters):
    return MimicAnomalyDetector(contamination=0.05, random_state=0, **parameters).fit(normal)


def assert_is_that_of(detector, table, X):
    report = detector.report(X)
    assert_same([float(row["score"]) for row in table], report.scores)
    assert_same([float(row["p_value"]) for row in table], report.p_values)
    assert [int(row["label"]) for row in table] == report.labels.tolist()
    return report


@pytest.mark.parametrize("score_by", ["auto", "patches", "residual"])
def test_the_table_is_that_of_the_estimator(detect, digits, monkeypatch, score_by):
    monkeypatch.setattr(_project, "BLOCK_ROWS", 7)
    table, page, out, _ = detect("--score-by", score_by)
    assert [row["image"] for row in table] == [str(index) for index in range(20)]
    report = assert_is_that_of(fitted(digits[0], score_by=score_by), table, digits[1])
    found = int((report.labels == -1).sum())
    assert f"{found} are below the threshold; if all were normal, about 1 would be (false alarms: 5 %)" in out
    assert any(f"{found} are below the threshold" in words for words in page.words)


def test_the_page_needs_nothing_else(detect):
    _, page, _, _ = detect()
    tags = {tag for tag, _, _ in page.attributes}
    assert not tags & {"script", "link", "iframe", "a", "object"}
    for _, name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in ("href", "src") or value.startswith("data:image/png;base64,")
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r'src="[^"]*"', "", page.source))
    assert page.source.startswith("<!DOCTYPE html>")
    assert page.words.count("threshold") == 1


def test_the_strangest_stand_first_beside_what_is_like_them(detect, digits):
    table, page, out, _ = detect("--n-shown", "4")
    head, *lines = page.cells
    assert head == ["image", "new", "nearest normal", "where", "score", "p-value"]
    order = np.argsort([float(row["score"]) for row in table], kind="stable")
    assert [line[1] for line in lines] == [str(row) for row in order[:4]]
    assert [float(line[2]) for line in lines] == [float(f"{float(table[row]['score']):.4g}") for row in order[:4]]
    images, detector = page.images(), fitted(digits[0])
    for row in order[:4]:
        np.testing.assert_array_equal(images[f"{row}, new"], digits[1][row])
        normal = detector.nearest_normals(digits[1][row : row + 1])[0]
        np.testing.assert_array_equal(images[f"{row}, nearest normal"], normal.round())
        spot = detector.score_maps(digits[1][row : row + 1])[0].argmax()
        brightness = images[f"{row}, where"].astype(int).sum(axis=2)
        assert brightness.flat[spot] == brightness.max()
    assert out.index("strangest") < out.index(f"\n{order[0]} ")


def test_the_page_says_how_it_was_made_and_is_the_same_again(detect, tmp_path):
    _, page, _, _ = detect("--seed", "3")
    text = "".join(page.words)
    assert f"skmimic detect {tmp_path / 'normal.npy'} {tmp_path / 'new.npy'} -o" in text
    assert "--seed 3" in text
    assert re.search(r"skmimic \d.*Python \d.*torch \d", text)
    assert detect("--seed", "3")[1].source == page.source


def test_folders_of_pictures(detect, digits):
    """Names are escaped on the page, and stand in the table as they are."""
    names = ['<b>"&amp;.png', "a, b.png", "plain.png"]
    normal = {f"{index}.png": image for index, image in enumerate(digits[0])}
    new = dict(zip(names, digits[1][-3:], strict=True))
    table, page, _, err = detect(normal=normal, new=new)
    assert [row["image"] for row in table] == names
    assert '<b>"' not in page.source
    assert {line[1] for line in page.cells[1:]} == set(names)
    assert "note:" not in err
    assert_is_that_of(fitted(np.stack([normal[name] for name in sorted(normal)])), table, digits[1][-3:])


def test_pictures_are_brought_to_the_normal_ones(detect, digits):
    normal = {f"{index:02d}.png": image for index, image in enumerate(digits[0])}
    coloured = np.repeat(digits[1][:2].repeat(2, axis=1).repeat(2, axis=2)[..., None], 3, axis=3)
    table, _, _, err = detect(normal=normal, new={"a.png": coloured[0], "b.png": coloured[1]})
    assert "note: NEW: 2 of 2 images are resized to 16x16 pixels" in err
    assert "note: NEW: 2 of 2 images are converted to grey" in err
    assert len(table) == 2


@pytest.mark.parametrize(("size", "shape"), [("8", (8, 8)), ("8x12", (8, 12))])
def test_a_size(detect, digits, size, shape):
    normal = {f"{index:02d}.png": image[: 10 + index % 4] for index, image in enumerate(digits[0])}
    _, page, _, _ = detect("--size", size, normal=normal, new={"a.png": digits[1][0]})
    assert page.images()["a.png, new"].shape == shape


def test_colours(detect):
    rng = np.random.default_rng(0)
    normal = {f"{index:02d}.png": rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for index in range(20)}
    table, page, _, _ = detect(normal=normal, new={"a.png": normal["03.png"], "b.png": 255 - normal["04.png"]})
    assert float(table[0]["score"]) > float(table[1]["score"])
    np.testing.assert_array_equal(page.images()["a.png, new"], normal["03.png"])
    assert page.images()["a.png, where"].shape == (8, 8, 3)


def test_arrays_of_one_archive(command, digits, tmp_path):
    np.savez(tmp_path / "both.npz", train=digits[0], test=digits[1])
    path = tmp_path / "both.npz"
    argv = ["detect", path, path, "--normal-key", "train", "--new-key", "test", "-o", tmp_path / "scores.csv"]
    assert command(*argv)[0] == 0
    with open(tmp_path / "scores.csv", encoding="utf-8") as stream:
        assert_is_that_of(fitted(digits[0]), list(csv.DictReader(stream)), digits[1])


@pytest.fixture
def stream(linear):
    """Normal images of a linear generator, and other ones seen in a mirror of brightness."""
    images = linear.sample(70, random_state=0)[:, 0]
    return images[:50], -images[50:]


def test_a_corruption_that_all_new_images_share(detect, linear, linear_model, stream):
    options = ["--adapt", "--gan", linear_model, "--n-adapt", "15", "--data-range", "-2", "2", "--score-by", "edges"]
    table, page, out, _ = detect(*options, normal=stream[0], new=stream[1])
    parameters = {"n_adapt": 15, "data_range": (-2, 2), "score_by": "edges"}
    detector = fitted(stream[0], gan=linear, **parameters)
    detector.adapt(stream[1][_project.sample(20, 15, 0)])
    assert_is_that_of(detector, table, stream[1])
    assert re.search("corruption: .*", out)
    assert "corruption that the new images share: " in "".join(page.words)


def test_without_a_generator_the_corruption_is_learned_by_the_normal_images(detect, digits):
    table, _, out, _ = detect("--adapt", "--n-adapt", "8")
    assert len(table) == 20
    assert "corruption: " in out


def test_rows_that_are_no_images(command, refuse, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 10))
    assert "has rows of 10 values" in refuse("--report", tmp_path / "page.html", normal=X[:50], new=X[50:])
    argv = ["detect", tmp_path / "normal.npy", tmp_path / "new.npy", "-o", tmp_path / "scores.csv"]
    assert command(*argv)[0] == 0
    with open(tmp_path / "scores.csv", encoding="utf-8") as stream:
        assert_is_that_of(fitted(X[:50]), list(csv.DictReader(stream)), X[50:])


def test_one_image_and_equal_ones(detect, digits):
    table, page, _, _ = detect(new=digits[1][:1])
    assert len(table) == 1
    assert len(page.cells) == 2
    table, page, _, _ = detect(new=digits[1][[3, 3, 3]])
    assert len({row["score"] for row in table}) == 1
    assert [line[1] for line in page.cells[1:]] == ["0", "1", "2"]


def test_few_or_equal_normal_images_are_judged_by_the_residual(detect, digits):
    for normal in (digits[0][:11], digits[0][np.arange(30) % 2]):
        _, page, _, _ = detect(normal=normal)
        assert "score by residual" in "".join(page.words)
        assert "nearest normal" not in page.cells[0]


def test_pixels_that_were_not_seen(detect, refuse, linear, linear_model, stream):
    normal, new = stream[0], stream[1].copy()
    new[2, 3:5] = np.nan
    assert "NaN" in refuse(normal=normal, new=new)
    table, page, _, _ = detect("--score-by", "residual", "--gan", linear_model, normal=normal, new=new)
    assert_is_that_of(fitted(normal, gan=linear, score_by="residual"), table, new)
    assert len(page.images()) == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--contamination", "0"], "above 0 and up to 0.5"),
        (["--contamination", "0.6"], "above 0 and up to 0.5"),
        (["--contamination", "many"], "above 0 and up to 0.5"),
        (["--score-by", "raw"], "--score-by"),
        (["--n-shown", "0"], "at least 1"),
        (["--size", "8x8x8"], "HEIGHTxWIDTH"),
        (["--size", "0x8"], "HEIGHTxWIDTH"),
        (["--size", "8"], "--size is for folders of pictures"),
        (["--normal-key", "X"], "--normal-key names an array inside a .npz file"),
        (["--new-key", "X"], "--new-key names an array inside a .npz file"),
        (["--gan", "mnist16"], "leave it out, or add one"),
        (["--gan", "nothing", "--adapt"], "no such file"),
        (["--gan", "mnist", "--adapt"], "(1, 28, 28)"),
        (["--gan", "mnist16", "--adapt", "--size", "16"], "leave --size or --gan out"),
        (["--report", "page.txt"], "--report page.txt"),
        (["--report", "nowhere/page.html"], "--report nowhere/page.html"),
        (["-o", "scores.txt"], "-o scores.txt"),
        (["--data-range", "1", "0"], "low < high"),
        (["--device", "abacus"], "device='abacus' cannot be used here"),
        (["--seed", "-1"], "at least 0"),
    ],
)
def test_options(refuse, options, words):
    assert words in refuse(*options)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (
            np.zeros((5, 8, 8)),
            "the normal images are of shape (1, 16, 16), 256 values, but the array has shape (5, 8, 8)",
        ),
        (np.zeros((5, 3, 16, 16)), "name other normal ones"),
        (np.zeros((5, 16, 16, 1)), "transpose"),
        (np.full((5, 16, 16), np.inf), "image 0 contains infinity"),
        (np.zeros((0, 16, 16)), ""),
        (np.full((5, 16, 16), "x"), "<U1"),
        ("nothing.npy", "no such file"),
        ({}, "there is no picture in it"),
    ],
)
def test_new_images(refuse, new, words):
    assert words in refuse(new=new)


@pytest.mark.parametrize(
    ("normal", "words"),
    [
        (np.zeros((30, 16, 16, 3)), "transpose"),
        (np.zeros((30, 0, 16)), "pixels"),
        (np.zeros(30), "(30,)"),
        ("nothing", "no such file"),
        ({}, "there is no picture in it"),
        ({"a.png": np.zeros((8, 8), np.uint8), "b.png": np.zeros((8, 9), np.uint8)}, "Pass --size HEIGHTxWIDTH"),
    ],
)
def test_normal_images(refuse, normal, words):
    assert words in refuse(normal=normal)


def test_too_few_for_what_is_asked(refuse, digits):
    assert "11 distinct rows" in refuse("--score-by", "edges", normal=digits[0][:11])


def test_a_damaged_picture(refuse, digits, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "a.png" in refuse(normal=tmp_path / "bad")
    assert "a.png" in refuse(new=tmp_path / "bad")


def test_places_and_silence(refused, digits, tmp_path):
    np.save(tmp_path / "a.npy", digits[0])
    np.save(tmp_path / "b.npy", digits[1])
    a, b = tmp_path / "a.npy", tmp_path / "b.npy"
    assert "each is like itself" in refused("detect", a, a)
    assert "nothing would be told" in refused("detect", a, b, "--quiet")
    (tmp_path / "b.csv").symlink_to(b)
    assert "is the same file as NEW" in refused("detect", a, b, "-o", tmp_path / "b.csv")


def test_a_summary_alone(command, digits, tmp_path):
    np.save(tmp_path / "a.npy", digits[0])
    np.save(tmp_path / "b.npy", digits[1])
    before = set(tmp_path.iterdir())
    status, out, _ = command("detect", tmp_path / "a.npy", tmp_path / "b.npy")
    assert status == 0
    assert out.startswith("20 new images, ")
    assert set(tmp_path.iterdir()) == before


def test_quiet(detect):
    assert detect("--quiet")[2:] == ("", "")


@pytest.mark.parametrize("stopped", ["_fit", "_judge", "anomaly_page"])
def test_an_interruption_leaves_nothing(command, digits, tmp_path, monkeypatch, stopped):
    np.save(tmp_path / "a.npy", digits[0])
    np.save(tmp_path / "b.npy", digits[1])
    before = set(tmp_path.iterdir())

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_detect, stopped, interrupted)
    page = tmp_path / "page.html"
    argv = ["detect", tmp_path / "a.npy", tmp_path / "b.npy", "--quiet", "-o", tmp_path / "scores.csv"]
    status, out, err = command(*argv, "--report", page)
    assert (status, out, err) == (130, "", f"skmimic: error: {page}: interrupted, not written\n")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_during_work(digits, tmp_path):
    np.save(tmp_path / "a.npy", digits[0])
    np.save(tmp_path / "b.npy", np.tile(digits[1], (500, 1, 1)))
    argv = ["detect", str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), "-o", str(tmp_path / "scores.csv")]
    process = subprocess.Popen(
        [sys.executable, "-m", "skmimic.cli", *argv],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which shells switch off in the background
    )
    assert process.stderr.readline() == "learning from 80 normal images\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"skmimic: error: {tmp_path / 'scores.csv'}: interrupted, not written"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_of_very_many_normal_images_some_are_taken(detect, monkeypatch):
    monkeypatch.setattr(_detect, "MOST_NORMALS", 40)
    assert "learning from 40 of 80 normal images" in detect()[3]


def test_discoveries_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = rng.uniform(size=20) ** rng.uniform(1, 6)
        assert n_discoveries(p_values, 0.1) == (false_discovery_control(p_values) <= 0.1).sum()
    assert n_discoveries(np.ones(3), 0.1) == 0
