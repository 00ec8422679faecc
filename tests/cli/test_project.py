"""`skmimic project` does what the estimator does, on files."""

import json

import numpy as np
import pytest
from PIL import Image

from skmimic import MimicGANProjector
from skmimic.cli import _project
from skmimic.generators import Generator, architectures, linear_generator, linear_generator_from_data
from tests.helpers import assert_same

BYTES = ["--data-range", "0", "255"]


def expected(gan, X, **parameters):
    projector = MimicGANProjector(gan, surrogate="identity", random_state=0, **parameters)
    return projector.fit(X).transform(X)


@pytest.fixture
def project(command, linear_model, tmp_path):
    """Project with the linear model, without a surrogate."""

    def run(source, target, *options, gan=linear_model):
        argv = [tmp_path / source, tmp_path / target, "--gan", gan, "--surrogate", "identity", *options]
        status, out, err = command("project", *argv)
        assert status == 0, err
        return out, err

    return run


@pytest.fixture
def declared(tmp_path):
    """Model file of a linear generator whose black is 0 and whose white is 1, and the generator."""
    gan = linear_generator_from_data(np.random.default_rng(0).uniform(0, 1, (50, 64)), 5, data_range=(0, 1))
    gan.save(tmp_path / "declared.safetensors")
    return str(tmp_path / "declared.safetensors"), gan


def save_pictures(folder, images, suffix=".png"):
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"digit {index}{suffix}")


@pytest.mark.parametrize("shape", [(30, 64), (30, 8, 8), (30, 1, 8, 8)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npy_is_the_estimator(project, linear, images, tmp_path, shape, dtype):
    X = images.reshape(shape).astype(dtype)
    np.save(tmp_path / "in.npy", X)
    out, err = project("in.npy", "out.npy")
    restored = np.load(tmp_path / "out.npy", allow_pickle=False)
    assert (restored.shape, restored.dtype) == (shape, dtype)
    np.testing.assert_array_equal(restored, expected(linear, X))
    assert "no corruption" in out
    assert "30 of 30 images" in err


def test_npz_to_npz_takes_x_or_the_named_array(project, linear, images, tmp_path):
    np.savez(tmp_path / "in.npz", y=np.arange(30), X=images, Z=images[:5])
    project("in.npz", "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["X"], expected(linear, images))
    project("in.npz", "out.npz", "--key", "Z")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        assert archive.files == ["Z"]
        np.testing.assert_array_equal(archive["Z"], expected(linear, images[:5]))


def test_npz_without_x_gives_its_first_array(project, images, tmp_path):
    np.savez(tmp_path / "in.npz", images)
    project("in.npz", "out.npy")
    assert np.load(tmp_path / "out.npy").shape == (30, 8, 8)


def test_blocks_and_workers_do_not_change_a_bit(project, generator, model, tmp_path, monkeypatch):
    np.save(tmp_path / "in.npy", generator.sample(20, random_state=0))
    project("in.npy", "whole.npy", "--batch-size", "8", gan=model)
    project("in.npy", "jobs.npy", "--batch-size", "8", "--jobs", "2", gan=model)
    monkeypatch.setattr(_project, "BLOCK_ROWS", 7)
    project("in.npy", "blocks.npy", "--batch-size", "8", gan=model)
    whole, blocks, jobs = ((tmp_path / f"{name}.npy").read_bytes() for name in ("whole", "blocks", "jobs"))
    assert whole == blocks
    assert whole == jobs


def test_blocks_of_a_linear_generator_agree(project, images, tmp_path, monkeypatch):
    np.save(tmp_path / "in.npy", images)
    project("in.npy", "whole.npy")
    monkeypatch.setattr(_project, "BLOCK_ROWS", 7)
    project("in.npy", "blocks.npy")
    np.testing.assert_allclose(np.load(tmp_path / "blocks.npy"), np.load(tmp_path / "whole.npy"), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, ">f4", ">i8"])
def test_other_numbers_are_taken_too(project, declared, images, tmp_path, dtype):
    np.save(tmp_path / "in.npy", (255 * images.clip(0, 1)).astype(dtype))
    project("in.npy", "out.npy", *BYTES, gan=declared[0])
    assert np.load(tmp_path / "out.npy").dtype == np.float32


def test_nan_is_a_pixel_that_was_not_seen(project, linear, images, tmp_path):
    images[::2, 2:4, 3:7] = np.nan
    np.save(tmp_path / "in.npy", images)
    project("in.npy", "out.npy")
    restored = np.load(tmp_path / "out.npy")
    assert np.isfinite(restored).all()
    np.testing.assert_array_equal(restored, expected(linear, images))


def test_fortran_order_is_read_right(project, images, tmp_path):
    np.save(tmp_path / "c.npy", images)
    np.save(tmp_path / "f.npy", np.asfortranarray(images))
    project("c.npy", "c_out.npy")
    project("f.npy", "f_out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "c_out.npy"), np.load(tmp_path / "f_out.npy"))


def test_a_learned_corruption_is_that_of_the_estimator(command, model, generator, tmp_path):
    X = generator.sample(24, random_state=0)
    np.save(tmp_path / "in.npy", X)
    argv = ["in.npy", "out.npy", "--surrogate", "photometric", "--seed", "3", "--n-adapt", "20", "--batch-size", "32"]
    paths = [tmp_path / name for name in argv[:2]]
    status, out, err = command("project", *paths, "--gan", model, *argv[2:])
    assert status == 0
    assert "corruption: " in out
    assert "learned the family 'photometric'" in err
    chosen = _project.sample(24, 20, 3)
    projector = MimicGANProjector(generator, surrogate="photometric", n_adapt=20, random_state=3, batch_size=32)
    restored = projector.fit(X[chosen]).transform(X)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), restored)


def test_the_sample_is_all_images_or_spread_over_them():
    np.testing.assert_array_equal(_project.sample(5, 9, 0), np.arange(5))
    chosen = _project.sample(10_000, 100, 0)
    assert len(np.unique(chosen)) == 100
    assert np.all(np.diff(chosen) > 0)
    assert chosen[0] < 1000
    assert chosen[-1] > 9000


def test_quiet_says_nothing(project, images, tmp_path):
    np.save(tmp_path / "in.npy", images)
    assert project("in.npy", "out.npy", "--quiet") == ("", "")


def test_an_existing_file_is_replaced(project, images, tmp_path):
    np.save(tmp_path / "in.npy", images)
    (tmp_path / "out.npy").write_bytes(b"old")
    project("in.npy", "out.npy")
    assert np.load(tmp_path / "out.npy").shape == images.shape


def test_pictures_to_pictures(project, declared, images, tmp_path):
    grey = (255 * images[:12].clip(0, 1)).astype(np.uint8)
    save_pictures(tmp_path / "in", grey)
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    model, gan = declared
    _, err = project("in", "out", *BYTES, gan=model)
    assert "note: not read: notes.txt (" in err
    assert err.count("note:") == 1
    order = sorted(range(12), key=lambda i: f"digit {i}.png")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"digit {i}.png" for i in order]
    wanted = expected(gan, grey[order][:, None], data_range=(0, 255)).round().clip(0, 255)
    restored = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").iterdir())]
    np.testing.assert_array_equal(restored, wanted[:, 0])


def test_pictures_are_resized_and_recoloured_with_a_note(project, declared, tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (3, 20, 12, 3), dtype=np.uint8)
    save_pictures(tmp_path / "in", colour, ".JPG")
    _, err = project("in", "out.npy", *BYTES, gan=declared[0])
    assert "note: 3 of 3 images are resized to 8x8 pixels" in err
    assert "note: 3 of 3 images are converted to grey" in err
    assert np.load(tmp_path / "out.npy").shape == (3, 1, 8, 8)


def test_rgb_pictures(project, tmp_path):
    rng = np.random.default_rng(0)
    gan = linear_generator(rng.normal(0, 0.1, (3, 192)), np.zeros(192), (3, 8, 8), data_range=(-1, 1))
    gan.save(tmp_path / "rgb.safetensors")
    clean = (127.5 * (gan.sample(6, random_state=0) + 1)).round().clip(0, 255).astype(np.uint8)
    save_pictures(tmp_path / "in", clean.transpose(0, 2, 3, 1))
    project("in", "out", *BYTES, gan=tmp_path / "rgb.safetensors")
    restored = np.stack([np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").iterdir())])
    assert np.abs(restored.transpose(0, 3, 1, 2).astype(float) - clean).max() <= 2


def test_an_array_becomes_numbered_pictures(project, images, tmp_path):
    np.save(tmp_path / "in.npy", images)
    (tmp_path / "out").mkdir()
    project("in.npy", "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{i:02d}.png" for i in range(30)]


def test_equal_stems_stay_apart(project, tmp_path):
    grey = np.zeros((8, 8), np.uint8)
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.jpg", "b.png"):
        Image.fromarray(grey).save(tmp_path / "in" / name)
    project("in", "out", *BYTES)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png.png", "a.jpg.png", "b.png.png"}


def test_one_image_is_projected_without_a_corruption(command, model, generator, tmp_path):
    np.save(tmp_path / "in.npy", generator.sample(1, random_state=0))
    status, out, err = command("project", tmp_path / "in.npy", tmp_path / "out.npy", "--gan", model)
    assert status == 0
    assert "skmimic: warning: MimicGANProjector: one distinct row" in err
    assert "no corruption" in out


def test_an_interruption_leaves_no_half_file(command, linear_model, images, tmp_path, monkeypatch):
    np.save(tmp_path / "in.npy", images)
    before = set(tmp_path.iterdir())

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_project, "_project", interrupted)
    for target in ("out.npy", "out.npz", "out"):
        argv = [tmp_path / "in.npy", tmp_path / target, "--gan", linear_model, "--surrogate", "identity"]
        assert command("project", *argv) == (
            130,
            "",
            f"skmimic: error: {tmp_path / target}: interrupted, not written\n",
        )
        assert set(tmp_path.iterdir()) == before


def test_the_saved_description(command, model, generator, tmp_path):
    np.save(tmp_path / "in.npy", generator.sample(10, random_state=0))
    argv = [tmp_path / "in.npy", tmp_path / "out.npy", "--gan", model, "--surrogate", "affine"]
    assert command("project", *argv, "--save-surrogate", tmp_path / "found.json")[0] == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["family"] == "affine"
    assert {"rotation_deg", "scale", "in_words"} <= set(found)


def test_a_saved_surrogate_gives_the_same_bits_again(command, model, generator, tmp_path):
    np.save(tmp_path / "in.npy", generator.sample(10, random_state=0))
    paths = [tmp_path / "in.npy", tmp_path / "out.npy", "--gan", model]
    saved = tmp_path / "found.npz"
    argv = ["--surrogate", "affine+photometric+convolution+mask", "--save-surrogate", saved]
    _, learned, _ = command("project", *paths, *argv)
    first = np.load(tmp_path / "out.npy")
    status, loaded, err = command("project", *paths, "--load-surrogate", saved)
    assert (status, loaded) == (0, learned)
    assert "learned" not in err
    assert_same(np.load(tmp_path / "out.npy"), first)


def test_a_generator_with_two_channels_has_no_pictures(refused, tmp_path):
    config = {"latent_dim": 4, "image_shape": [2, 8, 8], "width": 4}
    Generator.from_modules(architectures.build("dense_generator", config)).save(tmp_path / "two.safetensors")
    save_pictures(tmp_path / "in", np.zeros((2, 8, 8), np.uint8))
    assert "2 channels" in refused("project", tmp_path / "in", tmp_path / "out", "--gan", tmp_path / "two.safetensors")
