"""Answers that are known beforehand: with a linear generator least squares gives the truth."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skmimic import KnownCorruptionProjector, MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.corruptions import BlockLoss, Compose, GaussianBlur, Invert, MissingPixels, Photometric, Rotation, Zoom
from skmimic.datasets import load_mnist_sample
from tests.helpers import (
    LEARNING,
    PROJECTORS,
    MatrixCorruption,
    corrupt,
    digits,
    pca_generator,
    pictures,
    small,
    smooth_generator,
)

GAN = pca_generator()
CANONICAL = {"data_range": (-1, 1)}  # known corruptions are functions of values in this range
overshooting = pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")  # components know no bounds


@pytest.fixture(scope="module")
def on_manifold():
    """Digits as ten principal components show them: the truth."""
    return PCA(10, random_state=0).fit(digits()).inverse_transform(PCA(10, random_state=0).fit_transform(digits()))[:60]


def matrix_and_offset():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 64)) / 8 + np.eye(64), rng.normal(size=64) / 4


@pytest.mark.parametrize("cls", PROJECTORS, ids=lambda cls: cls.__name__)
def test_clean_rows_come_back(cls, on_manifold):
    given = {"surrogate": "identity"} if cls in LEARNING else {}
    found = cls(GAN, **given, random_state=0).fit(on_manifold).transform(on_manifold)
    np.testing.assert_allclose(found, on_manifold, atol=1e-10)


def test_any_row_goes_to_the_nearest_point_of_the_manifold():
    """Projection onto principal components is PCA itself."""
    pca = PCA(10, random_state=0).fit(digits())
    expected = pca.inverse_transform(pca.transform(digits()))
    np.testing.assert_allclose(PGDProjector(pca).fit_transform(digits()), expected, atol=1e-10)


@overshooting
def test_a_known_affine_map_is_undone(on_manifold):
    matrix, offset = matrix_and_offset()
    surrogate = MatrixCorruption(matrix, offset)
    projector = MimicGANProjector(GAN, surrogate=surrogate, **CANONICAL).fit(on_manifold @ matrix + offset)
    np.testing.assert_allclose(projector.transform(on_manifold @ matrix + offset), on_manifold, atol=1e-6)
    np.testing.assert_allclose(projector.inverse_transform(on_manifold), on_manifold @ matrix + offset, atol=1e-5)


def test_a_known_affine_map_equals_least_squares_off_the_manifold():
    matrix, offset = matrix_and_offset()
    components, mean = GAN.linear_map()
    observed = digits()[:40]
    z, *_ = np.linalg.lstsq((components @ matrix).T, (observed - offset - mean @ matrix).T, rcond=None)
    projector = KnownCorruptionProjector(GAN, f=MatrixCorruption(matrix, offset)).fit(observed)
    np.testing.assert_allclose(projector.encode(observed), z.T, atol=1e-8)


KNOWN = {
    "rotation": Rotation(35.0),
    "zoom": Zoom(1.2),
    "blur": GaussianBlur(0.6),
    "inversion": Invert(),
    "block": BlockLoss(0.3),
    "missing": MissingPixels(0.3),
    "rotated and inverted": Compose(Rotation(20.0), Invert()),
}


@overshooting
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_corruption_is_undone(name, on_manifold):
    f = KNOWN[name]
    assert f.is_affine_in_images
    found = KnownCorruptionProjector(GAN, f=f, **CANONICAL).fit(on_manifold).transform(corrupt(on_manifold, f))
    np.testing.assert_allclose(found, on_manifold, atol=1e-6)


def test_a_corruption_that_clips_is_not_taken_for_affine(on_manifold):
    clips = Photometric(-2.0, 0.0)
    assert not clips.is_affine_in_images
    assert not Compose(Rotation(20.0), clips).is_affine_in_images
    assert not MissingPixels(0.3, shared=False).is_affine_in_images
    observed = corrupt(on_manifold[:8], clips)
    known = KnownCorruptionProjector(GAN, f=clips, random_state=0, T=4).fit_transform(observed)
    unknown = PGDProjector(GAN).fit_transform(observed)
    left = [np.abs(corrupt(found, clips) - observed).mean() for found in (known, unknown)]
    assert left[0] < 0.5 * left[1]


@overshooting
@pytest.mark.parametrize("surrogate", ["affine", "auto"])
def test_an_unknown_rotation_is_found(surrogate, on_manifold):
    observed = corrupt(on_manifold, Rotation(25.0))
    projector = MimicGANProjector(GAN, surrogate=surrogate, T=8, random_state=0, **CANONICAL).fit(observed)
    told = projector.surrogate_.describe()
    assert told["rotation_deg"] == pytest.approx(25, abs=2)
    assert told["scale"] == pytest.approx((1, 1), rel=0.05)
    errors = [
        np.linalg.norm(model.transform(observed) - on_manifold, axis=1).mean()
        for model in (projector, PGDProjector(GAN, **CANONICAL).fit(observed))
    ]
    assert errors[0] < 0.2 * errors[1]


def test_an_unknown_gain_and_bias_are_found():
    """With a linear generator of free scale a gain is not identifiable; pictures of bounded values show it."""
    projector = small(MimicGANProjector, surrogate="photometric", T=20, T1=25)
    told = projector.fit(0.6 * pictures() + 0.2).surrogate_.describe()
    assert told["gain"][0] == pytest.approx(0.6, abs=0.05)
    assert told["bias"][0] == pytest.approx(0.2, abs=0.05)


# One engine, many methods: settings of one are the other, to the last bit.


@pytest.mark.parametrize("solver", ["joint", "alternating"])
@pytest.mark.parametrize("generator", [smooth_generator(), GAN], ids=["smooth", "linear"])
def test_identity_surrogate_is_pgd(solver, generator):
    mimic = small(MimicGANProjector, generator, surrogate="identity", solver=solver).fit(pictures())
    pgd = small(PGDProjector, generator, solver=solver).fit(pictures())
    for method in ("transform", "encode", "score_samples"):
        np.testing.assert_array_equal(getattr(mimic, method)(pictures()), getattr(pgd, method)(pictures()))


def test_known_identity_is_pgd():
    known = small(KnownCorruptionProjector, f=lambda images: images).fit(pictures())
    nothing = small(KnownCorruptionProjector).fit(pictures())
    pgd = small(PGDProjector).fit(pictures())
    np.testing.assert_array_equal(known.transform(pictures()), pgd.transform(pictures()))
    np.testing.assert_array_equal(nothing.transform(pictures()), pgd.transform(pictures()))


def test_aligner_and_projector_agree_once_they_know_the_same():
    aligner = small(MimicDomainAligner, surrogate="affine").fit(pictures()).adapt(pictures()[:20])
    projector = small(MimicGANProjector, surrogate="affine").fit(pictures()[:20])
    np.testing.assert_array_equal(aligner.transform(pictures()), projector.transform(pictures()))


class TestRoughComponents:
    """Forty components leave a fifth of digits undrawn; that is not taken for a corruption."""

    @staticmethod
    def answer(corrupt, surrogate="auto"):
        rows = load_mnist_sample(size=16).images
        train, clean = rows[600:].reshape(-1, 256), rows[:100].astype(np.float64)
        pca, known = PCA(40, random_state=0).fit(train), {"data_range": (0, 255), "random_state": 0}
        projector = MimicGANProjector(pca, surrogate=surrogate, **known).fit(corrupt(clean.copy()))
        drawn = pca.inverse_transform(pca.transform(clean.reshape(-1, 256))).reshape(clean.shape)
        errors = [((images - clean) ** 2).mean() ** 0.5 for images in (projector.transform(corrupt(clean)), drawn)]
        return *errors, projector.surrogate_.describe()

    def test_clean_rows_are_left_alone(self):
        error, best, found = self.answer(lambda clean: clean)
        assert found["family"] == "identity"
        assert error == pytest.approx(best, rel=0.01)

    @pytest.mark.parametrize(("gain", "bias"), [(0.5, 0.0), (0.6, 0.3), (0.85, -0.1), (-0.7, 0.1)])
    def test_a_gain_is_found(self, gain, bias):
        error, best, found = self.answer(lambda clean: 127.5 * (gain * (clean / 127.5 - 1) + bias + 1))
        assert found["gain"] == pytest.approx((gain,), rel=0.1), "these rows have 7 % less contrast than all"
        assert found["bias"] == pytest.approx((bias,), abs=0.06)
        assert error < 1.1 * best

    def test_hidden_pixels_are_found_and_filled(self):
        def corrupt(clean):
            clean = clean.copy()
            clean[:, 5:10, 5:10] = 0
            return clean

        error, _, found = self.answer(corrupt)
        named, _, _ = self.answer(corrupt, "mask")
        assert found["fraction_masked"] == 25 / 256
        assert "gain" not in found
        assert error < 1.05 * named
        clean = load_mnist_sample(size=16).images[:100].astype(np.float64)
        assert named < 0.75 * ((corrupt(clean) - clean) ** 2).mean() ** 0.5
