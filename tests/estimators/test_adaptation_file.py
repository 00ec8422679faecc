"""Phase A in files: what is written comes back, and nothing else is believed."""

import io
import json
import pickle
import tracemalloc
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skmimic import MimicGANProjector
from skmimic.engine import Encoder, FittedEncoder
from skmimic.estimators._adaptation_file import read_adaptation, write_adaptation
from skmimic.exceptions import GeneratorMismatchError, InvalidModelFileError, SkmimicWarning
from skmimic.generators import Generator, architectures
from skmimic.surrogates import Affine, Composition, Convolution, FittedSurrogate, Identity, Mask, build_family
from skmimic.utils import CANONICAL
from tests.helpers import Bend, gain_module, pictures, small, smooth_generator


@pytest.fixture(scope="module")
def generator():
    config = {"latent_dim": 4, "image_shape": [1, 8, 8], "width": 16}
    return Generator.from_modules(architectures.build("dense_generator", config))


def blank(generator):
    """An adaptation with the settings of a fitted projector, without a corruption."""
    return MimicGANProjector(generator, adapt_on=None, random_state=0).fit(generator.sample(4))._adaptation


def an_encoder(generator):
    random = torch.Generator().manual_seed(5)
    encoder = Encoder(generator.image_shape, generator.latent_dim, generator.prior, True, random)
    return FittedEncoder(encoder, generator.image_shape, True)


@pytest.fixture
def adaptation(generator):
    """As if phase A had learned all that it can learn."""
    surrogate = build_family("affine+photometric+convolution+mask", generator.image_shape)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in surrogate.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=random)
    fitted = FittedSurrogate(surrogate, "everything")
    return replace(blank(generator), surrogate=fitted, deviation_sd=0.2, encoder=an_encoder(generator), seed=7)


@pytest.fixture
def path(adaptation, generator, tmp_path):
    write_adaptation(tmp_path / "saved.npz", adaptation, generator, CANONICAL)
    return tmp_path / "saved.npz"


def assert_same_arrays(one, other):
    assert set(one) == set(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def test_round_trip(path, adaptation, generator):
    loaded = read_adaptation(path, generator).put_into(blank(generator))
    assert (loaded.deviation_sd, loaded.seed, loaded.surrogate.family) == (0.2, 7, "everything")
    assert loaded.settings == adaptation.settings
    assert loaded.surrogate.describe() == adaptation.surrogate.describe()
    assert_same_arrays(loaded.surrogate.arrays, adaptation.surrogate.arrays)
    assert_same_arrays(loaded.encoder.arrays, adaptation.encoder.arrays)
    assert loaded.encoder.with_deviations


def test_a_read_mask_comes_back(generator, tmp_path):
    mask = Mask(generator.image_shape, learn=False)
    mask.set_dead(torch.eye(8, dtype=torch.bool)[None], torch.full((1, 8, 8), 0.5))
    fitted = FittedSurrogate(Composition([Affine(generator.image_shape), mask]), "affine+mask")
    write_adaptation(tmp_path / "m.npz", replace(blank(generator), surrogate=fitted), generator, CANONICAL)
    loaded = read_adaptation(tmp_path / "m.npz", generator).surrogate
    images = generator.sample(3, random_state=0)
    np.testing.assert_array_equal(loaded.apply(images), fitted.apply(images))


def test_standard_errors_come_back(generator, tmp_path):
    errors = {"rotation_deg": 0.25, "scale": (0.01, 0.02)}
    fitted = FittedSurrogate(Affine(generator.image_shape), "affine", errors)
    write_adaptation(tmp_path / "e.npz", replace(blank(generator), surrogate=fitted), generator, CANONICAL)
    assert read_adaptation(tmp_path / "e.npz", generator).surrogate.describe() == fitted.describe()
    tampered(tmp_path / "e.npz", forget=["standard_errors"])
    assert "standard_errors" not in read_adaptation(tmp_path / "e.npz", generator).surrogate.describe()


@pytest.mark.parametrize("surrogate", [Identity(), Affine((1, 8, 8)), build_family("paper", (1, 8, 8))])
def test_other_surrogates(generator, tmp_path, surrogate):
    fitted = FittedSurrogate(surrogate)
    write_adaptation(tmp_path / "s.npz", replace(blank(generator), surrogate=fitted), generator, CANONICAL)
    assert_same_arrays(read_adaptation(tmp_path / "s.npz", generator).surrogate.arrays, fitted.arrays)


def test_another_generator_brings_no_encoder(path):
    config = {"latent_dim": 6, "image_shape": [1, 8, 8], "width": 8}
    other = Generator.from_modules(architectures.build("dense_generator", config))
    with pytest.warns(SkmimicWarning, match="another generator, so its encoder is not used"):
        assert read_adaptation(path, other).encoder is None


def test_images_of_another_shape(path):
    config = {"latent_dim": 4, "image_shape": [1, 12, 8], "width": 8}
    other = Generator.from_modules(architectures.build("dense_generator", config))
    with pytest.raises(GeneratorMismatchError, match=r"\(1, 8, 8\), but the generator gives \(1, 12, 8\)"):
        read_adaptation(path, other)


@pytest.mark.parametrize(("shape", "part"), [((1, 12, 8), "Affine"), ((1, 8, 8), "Affine"), ((1, 12, 8), "Mask")])
def test_maps_of_oblong_images_from_before_are_refused(shape, part, tmp_path):
    """The first version gave each axis its own unit; in square images and without a map it says the same as today."""
    config = {"latent_dim": 4, "image_shape": list(shape), "width": 8}
    generator = Generator.from_modules(architectures.build("dense_generator", config))
    fitted = FittedSurrogate(build_family(part.lower(), shape), part)
    write_adaptation(tmp_path / "old.npz", replace(blank(generator), surrogate=fitted), generator, CANONICAL)
    assert_same_arrays(read_adaptation(tmp_path / "old.npz", generator).surrogate.arrays, fitted.arrays)
    tampered(tmp_path / "old.npz", version=1, forget=["data_range"])
    if shape[1] != shape[2] and part == "Affine":
        with pytest.raises(InvalidModelFileError, match=r"0\.1\.0 for oblong images \(1, 12, 8\).*Learn .* again"):
            read_adaptation(tmp_path / "old.npz", generator)
    else:
        assert_same_arrays(read_adaptation(tmp_path / "old.npz", generator).surrogate.arrays, fitted.arrays)


def tampered(path, *, drop=(), forget=(), arrays=None, **changes):
    """Change the description and the arrays of a file, or leave some of them out."""
    with np.load(path, allow_pickle=False) as archive:
        content = {name: archive[name] for name in archive.files}
    description = {**json.loads(str(content["description"])), **changes}
    description = {name: value for name, value in description.items() if name not in forget}
    content["description"] = np.array(json.dumps(description))
    content.update(arrays or {})
    np.savez(path, **{name: array for name, array in content.items() if name not in drop})


DAMAGES = {
    "version": {"version": 4},
    "an old version with a range": {"version": 2},
    "an old version with standard errors": {"version": 2, "forget": ["data_range"], "standard_errors": {"gain": 0.1}},
    "standard errors that are no table": {"standard_errors": [0.1]},
    "a standard error below zero": {"standard_errors": {"gain": -0.1}},
    "a standard error that is not finite": {"standard_errors": {"gain": [0.1, float("inf")]}},
    "a standard error of another type": {"standard_errors": {"gain": [True]}},
    "very many standard errors": {"standard_errors": {"gain": [0.1] * 1000}},
    "no range": {"forget": ["data_range"]},
    "a range the wrong way round": {"data_range": [1.0, -1.0]},
    "a range that is not finite": {"data_range": [0.0, float("inf")]},
    "a range of another type": {"data_range": [False, True]},
    "another format": {"format": "other"},
    "an additional key": {"extra": 1},
    "a class of Python": {"parts": [["builtins.eval", {}]]},
    "a hidden attribute": {"parts": [["__class__", {}]]},
    "a wrong keyword": {"parts": [["Affine", {"x": 1}]]},
    "an enormous part": {"parts": [["Convolution", {"width": 10**9}]]},
    "very many layers": {"parts": [["Convolution", {"n_layers": 10**6}]]},
    "a width that is no number": {"parts": [["Convolution", {"width": "8"}]]},
    "very many parts": {"parts": [["Affine", {}]] * 1000},
    "parts that are no list": {"parts": 3},
    "other parts": {"parts": [["Affine", {}]]},
    "solver": {"solver": "sgd"},
    "seed": {"seed": -1},
    "seed of another type": {"seed": True},
    "deviation": {"deviation_sd": float("nan")},
    "deviation of another type": {"deviation_sd": "0.2"},
    "family": {"family": 3},
    "shape": {"image_shape": ["1", 8, 8]},
    "shape of another type": {"image_shape": 64},
    "encoder": {"encoder": {"with_deviations": 3}},
    "encoder of another size": {"encoder": {"with_deviations": False}},
    "no description": {"drop": ["description"]},
    "a description that is no JSON": {"arrays": {"description": np.array("{")}},
    "a description that is a list": {"arrays": {"description": np.array("[]")}},
    "a deep description": {"arrays": {"description": np.array("[" * 100_000)}},
    "a missing array": {"drop": ["surrogate.parts.0.theta"]},
    "an additional array": {"arrays": {"surrogate.x": np.zeros(1, np.float32)}},
    "an array of another shape": {"arrays": {"surrogate.parts.0.theta": np.zeros((3, 2), np.float32)}},
    "an array of another type": {"arrays": {"surrogate.parts.0.theta": np.zeros((2, 3))}},
    "an array with NaN": {"arrays": {"surrogate.parts.0.theta": np.full((2, 3), np.nan, np.float32)}},
    "an encoder with NaN": {"arrays": {"encoder.head.2.bias": np.full(10, np.nan, np.float32)}},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_file_is_refused(path, generator, damage):
    tampered(path, **DAMAGES[damage])
    with pytest.raises(InvalidModelFileError, match="not a saved surrogate of skmimic"):
        read_adaptation(path, generator)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01.", b"{}"])
def test_a_damaged_file_is_refused(path, generator, content):
    path.write_bytes(content)
    with pytest.raises(InvalidModelFileError, match="not a saved surrogate of skmimic"):
        read_adaptation(path, generator)


def test_a_truncated_file_is_refused(path, generator):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidModelFileError, match="not a saved surrogate of skmimic"):
        read_adaptation(path, generator)


def test_an_array_that_claims_more_than_any_memory_is_refused(path, generator):
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("surrogate.x.npy", header.getvalue())
    with pytest.raises(InvalidModelFileError, match="not a saved surrogate of skmimic"):
        read_adaptation(path, generator)


def refused(path, generator, words="not a saved surrogate of skmimic"):
    """A file is refused by name, for hardly any memory."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidModelFileError, match=words) as caught:
            read_adaptation(path, generator)
        assert str(path) in str(caught.value)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def members(path):
    """Names and contents of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(path, content, compression=zipfile.ZIP_STORED):
    """Write pairs of names and contents as a zip archive."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of duplicate names
        for name, data in content:
            archive.writestr(name, data)


def npy(array=None, **claims):
    """Bytes of a .npy whose header may claim other things."""
    stream = io.BytesIO()
    array = np.zeros((2, 3), np.float32) if array is None else array
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(stream, {**header, **claims})
    return stream.getvalue() + array.tobytes()


THETA = "surrogate.parts.0.theta.npy"
LIES = {
    "a larger shape": npy(shape=(2, 3000)),
    "a smaller shape": npy(shape=(1, 3)),
    "a huge shape": npy(shape=(2, 10**13)),
    "a negative shape": npy(shape=(-2, -3)),
    "another type": npy(descr="<f8"),
    "a huge type": npy(descr="<U1000000000", shape=()),
    "objects": npy(descr="|O", shape=(2,)),
    "a structure": npy(descr=[("a", "<f4")]),
    "bytes that follow": npy() + b"more",
    "no bytes": b"",
    "a long header": b"\x93NUMPY\2\0" + (2**31).to_bytes(4, "little") + b" " * 100,
    "another version": b"\x93NUMPY\3\0" + npy()[8:],
    "a header that is no Python": b"\x93NUMPY\1\0\x08\0((((((((",
    "a nested archive": b"PK\x03\x04",
    "a pickle": pickle.dumps(np.zeros(3)),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_lie_in_a_header_is_refused(path, generator, lie, compression):
    repacked(path, {**members(path), THETA: LIES[lie]}.items(), compression)
    refused(path, generator)


def test_a_name_twice_is_refused(path, generator):
    content = list(members(path).items())
    for name, data in content:
        repacked(path, [*content, (name, data)])
        refused(path, generator, "two arrays are called")


@pytest.mark.parametrize("name", ["../surrogate.x.npy", "/etc/x.npy", "a/b.npy", "notes.txt", "more.npz", "x.npy.npy"])
def test_what_does_not_belong_there_is_refused(path, generator, name):
    repacked(path, [*members(path).items(), (name, npy())])
    refused(path, generator, "unexpected")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack_are_refused(path, generator, compression):
    """Python unpacks them without a bound."""
    repacked(path, members(path).items(), compression)
    refused(path, generator, "packed in a way")


def test_columns_first_are_read_right(path, adaptation, generator):
    theta = adaptation.surrogate.arrays["parts.0.theta"]
    fortran = npy(np.ascontiguousarray(theta.T), shape=theta.shape, fortran_order=True)
    repacked(path, {**members(path), THETA: fortran}.items())
    assert_same_arrays(read_adaptation(path, generator).surrogate.arrays, adaptation.surrogate.arrays)


@pytest.mark.parametrize("name", [THETA, "description.npy", "surrogate.x.npy"])
def test_a_bomb_is_not_unpacked(path, generator, name):
    """40 MB of zeros in 40 kB, under a true header."""
    bomb = npy(np.zeros(10_000_000, np.float32))
    repacked(path, {**members(path), name: bomb}.items(), zipfile.ZIP_DEFLATED)
    refused(path, generator)


def test_a_size_that_no_packing_reaches_is_refused(path, generator):
    """The directory claims a gigabyte for some hundred bytes, and so does the header."""
    claimed = npy(shape=(2**28,))
    true_size = len(claimed).to_bytes(4, "little")
    repacked(path, {**members(path), THETA: claimed}.items())
    content = path.read_bytes()
    entry = content.rindex(THETA.encode()) - 46  # of the directory
    assert content[entry + 24 : entry + 28] == true_size
    size = (len(claimed) - 24 + 2**30).to_bytes(4, "little")
    path.write_bytes(content[: entry + 24] + size + content[entry + 28 :])
    refused(path, generator, "more than .* packed ones can hold")


def test_a_directory_of_a_hundred_thousand_names_is_not_read(path, generator):
    repacked(path, [(f"{i}.npy", b"") for i in range(30_000)])
    refused(path, generator, "table of contents claims")


def test_parts_larger_than_the_file_are_not_built(path, generator):
    tampered(path, parts=[["Convolution", {"width": 256, "n_layers": 32}]] * 8)
    refused(path, generator, "cannot have the sizes")


def test_parts_that_could_not_be_read_back_are_not_written(generator, tmp_path):
    fitted = FittedSurrogate(Convolution(generator.image_shape, width=300))
    with pytest.raises(ValueError, match=r"save_adaptation: Convolution cannot have the sizes .*Pickle the estimator"):
        write_adaptation(tmp_path / "s.npz", replace(blank(generator), surrogate=fitted), generator, CANONICAL)
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(path, adaptation, generator, place, bit):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    damaged = path.with_name("damaged.npz")
    damaged.write_bytes(content)
    try:
        saved = read_adaptation(damaged, generator)
    except InvalidModelFileError:
        return
    assert_same_arrays(saved.surrogate.arrays, adaptation.surrogate.arrays)
    assert_same_arrays(saved.encoder.arrays, adaptation.encoder.arrays)
    assert (saved.seed, saved.deviation_sd) == (adaptation.seed, adaptation.deviation_sd)


class TestOfTheProjector:
    """`save_adaptation` and `load_adaptation`."""

    @pytest.mark.parametrize("solver", ["joint", "alternating", pytest.param("amortized", marks=pytest.mark.slow)])
    def test_another_projector_gives_the_same_bits(self, solver, tmp_path):
        steps = {"T2": 4, "random_state": 0}
        first = MimicGANProjector(smooth_generator(), surrogate="affine", solver=solver, T=2, **steps).fit(pictures())
        first.save_adaptation(tmp_path / "saved")
        second = MimicGANProjector(smooth_generator(), adapt_on="transform", T=2, **steps).fit(pictures()[:3])
        assert second.load_adaptation(tmp_path / "saved") is second
        assert second.surrogate_.describe() == first.surrogate_.describe()
        np.testing.assert_array_equal(second.transform(pictures()), first.transform(pictures()))

    def test_the_rest_of_a_projector_stays(self, tmp_path):
        X = (pictures() + 1) * 100
        model = small(MimicGANProjector, data_range=(0, 200)).fit(X)
        before, expected = model.get_params(), model.transform(X)
        model.save_adaptation(tmp_path / "saved")
        model.adapt(X[:, ::-1].copy()).load_adaptation(tmp_path / "saved")
        assert model.get_params() == before
        np.testing.assert_array_equal(model.transform(X), expected)

    @pytest.mark.parametrize("surrogate", [gain_module, Bend((1, 8, 8)), Composition([Bend((1, 8, 8))])])
    def test_code_of_the_user_is_not_saved(self, surrogate, tmp_path):
        model = small(MimicGANProjector, surrogate=surrogate).fit(pictures())
        with pytest.raises(ValueError, match=r"save_adaptation: .*cannot hold the surrogate .*Pickle the estimator"):
            model.save_adaptation(tmp_path / "saved")
        assert not list(tmp_path.iterdir())

    def test_only_fitted_projectors_have_an_adaptation(self, path):
        with pytest.raises(NotFittedError):
            MimicGANProjector(smooth_generator()).save_adaptation(path)

    @pytest.mark.filterwarnings("ignore:.*could be in:skmimic.exceptions.DataRangeWarning")
    @pytest.mark.parametrize(
        ("data_range", "bounds"), [("auto", (-1, 1)), ((0.0, 255.0), (0, 255)), ("auto", (0, 255)), ("auto", (0, 1))]
    )
    def test_a_projector_that_is_not_fitted_takes_one(self, tmp_path, data_range, bounds):
        """And answers as one that was fitted on the rows and took it, in the range of the rows it was learned from."""
        X = bounds[0] + (pictures() + 1) * ((bounds[1] - bounds[0]) / 2)
        small(MimicGANProjector, surrogate="affine", data_range=data_range).fit(X).save_adaptation(tmp_path / "saved")
        fresh = small(MimicGANProjector, data_range=data_range).load_adaptation(tmp_path / "saved")
        fitted = small(MimicGANProjector, data_range=data_range, adapt_on=None).fit(X)
        fitted.load_adaptation(tmp_path / "saved")
        np.testing.assert_array_equal(fresh.transform(X), fitted.transform(X))
        np.testing.assert_array_equal(fresh.decode(fresh.encode(X)), fitted.decode(fitted.encode(X)))
        np.testing.assert_array_equal(fresh.inverse_transform(X), fitted.inverse_transform(X))
        assert fresh.transform(X.reshape(-1, 1, 8, 8)).shape == (len(X), 1, 8, 8)
        assert fresh.n_features_in_ == fitted.n_features_in_

    def test_decompositions_take_the_saved_range(self, tmp_path):
        X = 255 * pictures()
        pca = PCA(5).fit(X)
        learned = small(MimicGANProjector, gan=pca, surrogate="affine").fit(X)
        learned.save_adaptation(tmp_path / "saved")
        fresh = small(MimicGANProjector, gan=pca).load_adaptation(tmp_path / "saved")
        assert fresh.data_range_ == learned.data_range_
        np.testing.assert_array_equal(fresh.transform(X), learned.transform(X))

    def test_a_range_that_nobody_knows_is_asked_for(self, tmp_path):
        X = pictures()
        small(MimicGANProjector, gan=PCA(5).fit(X), surrogate="affine").fit(X).save_adaptation(tmp_path / "saved.npz")
        tampered(tmp_path / "saved.npz", version=2, forget=["data_range", "standard_errors"])
        model = small(MimicGANProjector, gan=PCA(5).fit(X))
        with pytest.raises(NotFittedError, match=r"nobody told what black and white are.*data_range=\(low, high"):
            model.load_adaptation(tmp_path / "saved.npz")
        assert model.set_params(data_range=(-1, 1)).load_adaptation(tmp_path / "saved.npz").data_range_ == (-1, 1)

    def test_without_a_generator_there_is_nothing_to_load_into(self, path):
        for gan in (None, PCA(3)):
            model = MimicGANProjector(gan)
            with pytest.raises(NotFittedError, match="the generator is made of the X of fit"):
                model.load_adaptation(path)
            assert not hasattr(model, "generator_")

    def test_a_refused_file_changes_nothing(self, tmp_path):
        model = small(MimicGANProjector).fit(pictures())
        adaptation = model._adaptation
        (tmp_path / "bad.npz").write_bytes(b"nothing")
        with pytest.raises(InvalidModelFileError):
            model.load_adaptation(tmp_path / "bad.npz")
        with pytest.raises(FileNotFoundError, match=r"other\.npz: no such file"):
            model.load_adaptation(tmp_path / "other.npz")
        assert model._adaptation is adaptation
