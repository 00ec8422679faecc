"""Model files: exact round trips, and a named refusal of everything else."""

import json
import os
import pickle
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmimic.exceptions import GeneratorMismatchError, InvalidModelFileError
from skmimic.generators import (
    Generator,
    NormalPrior,
    architectures,
    linear_generator,
    linear_generator_from_data,
    model_info,
    verify_model,
)
from skmimic.generators._format import MODEL
from skmimic.generators.architectures import DCGANGenerator
from skmimic.utils import _container
from skmimic.utils._container import open_container, pack, strict_json


@pytest.fixture
def saved(registered, tmp_path):
    path = tmp_path / "model.safetensors"
    registered.save(path)
    return path


def refused(path, reason):
    """Every reader refuses a file and names it with the reason."""
    for read in (Generator.load, model_info, verify_model):
        with pytest.raises(InvalidModelFileError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)


def forged(path, edit):
    """Rewrite a file with a correct checksum after an edit of its configuration and arrays."""
    configuration, arrays = unpacked(path)
    edit(configuration, arrays)
    pack(path, MODEL, configuration, arrays)
    return path


def unpacked(path):
    """Configuration and arrays of a file."""
    with open_container(path, MODEL) as container:
        return container.configuration, container.arrays()


def with_header(path, change):
    """Rewrite the safetensors header as text."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = change(content[8 : 8 + size].decode().rstrip()).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])
    return path


# -- round trips ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["registered", "linear"])
def test_everything_comes_back(request, kind, tmp_path):
    generator = request.getfixturevalue(kind)
    generator.save(tmp_path / "model")
    again = Generator.load(tmp_path / "model")
    assert again.fingerprint == generator.fingerprint
    assert again.get_params() == generator.get_params()
    assert again.notes == generator.notes
    assert (again.has_discriminator, again.has_encoder) == (generator.has_discriminator, generator.has_encoder)
    np.testing.assert_array_equal(again.sample(6, random_state=0), generator.sample(6, random_state=0))
    images = torch.from_numpy(generator.sample(6, random_state=0))
    if generator.has_discriminator:
        assert torch.equal(again.on("cpu").discriminate(images), generator.on("cpu").discriminate(images))
        assert torch.equal(again.on("cpu").encode(images), generator.on("cpu").encode(images))


@given(
    st.integers(1, 5),
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.floats(-300, 0), st.floats(1, 300)),
    st.one_of(st.just("uniform"), st.just("normal"), st.tuples(st.floats(-9, 0), st.floats(1, 9))),
    st.text(min_size=1, max_size=20),
    st.integers(0, 2**31),
)
def test_linear_generators_round_trip_in_float64(latent_dim, shape, data_range, prior, name, seed):
    random = np.random.RandomState(seed)
    components, mean = random.normal(size=(latent_dim, int(np.prod(shape)))), random.normal(size=int(np.prod(shape)))
    generator = linear_generator(components, mean, shape, data_range=data_range, prior=prior, name=name)
    path = folder() / "linear"
    generator.save(path)
    again = Generator.load(path)
    assert again.fingerprint == generator.fingerprint
    assert again.name == name
    assert again.prior == generator.prior
    for one, two in zip(again.linear_map(), generator.linear_map(), strict=True):
        np.testing.assert_array_equal(one, two)


def folder(cache=[]):  # noqa: B006 - hypothesis does not mix with function-scoped fixtures
    import pathlib
    import tempfile

    if not cache:
        cache.append(tempfile.TemporaryDirectory())
    return pathlib.Path(cache[0].name)


CONFIGS = {
    "dcgan_generator": {"latent_dim": 5, "image_shape": [3, 16, 9], "width": 3, "batch_norm": True},
    "dense_generator": {"latent_dim": 5, "image_shape": [1, 4, 3], "width": 7},
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("half", [False, True])
def test_registered_generators_round_trip(name, half, tmp_path):
    module = architectures.build(name, CONFIGS[name])
    generator = Generator.from_modules(module, prior=NormalPrior(0.9), data_range=(0, 1))
    generator.save(tmp_path / "model", half=half)
    again = Generator.load(tmp_path / "model")
    tolerance = 5e-3 if half else 0
    np.testing.assert_allclose(again.sample(5, random_state=0), generator.sample(5, random_state=0), atol=tolerance)
    assert (again.fingerprint == generator.fingerprint) is not half


def test_half_precision_halves_the_file_and_is_widened(registered, tmp_path):
    registered.save(tmp_path / "full")
    registered.save(tmp_path / "half", half=True)
    assert os.path.getsize(tmp_path / "half") < 0.7 * os.path.getsize(tmp_path / "full")
    assert model_info(tmp_path / "half")["parts"]["generator"]["dtypes"] == ["float16"]
    parts = Generator.load(tmp_path / "half").__getstate__()["parts"]
    assert {array.dtype for part in parts.values() for array in part.arrays.values()} == {np.dtype(np.float32)}


def test_weights_beyond_half_precision_are_refused(tmp_path):
    generator = linear_generator(np.full((2, 64), 1e5))
    with pytest.raises(GeneratorMismatchError, match="exceeds half precision"):
        generator.save(tmp_path / "model", half=True)
    assert not (tmp_path / "model").exists()


def test_the_same_generator_gives_the_same_bytes(registered, tmp_path):
    registered.save(tmp_path / "one")
    Generator.load(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_plain_safetensors_can_read_the_file(saved, registered):
    arrays = safetensors.numpy.load_file(saved)
    assert all(name.split(".")[0] in ("generator", "discriminator", "encoder") for name in arrays)


def test_saving_replaces_a_file_as_a_whole(registered, linear, tmp_path):
    path = tmp_path / "model"
    linear.save(path)
    registered.save(path)
    assert Generator.load(path).fingerprint == registered.fingerprint
    assert os.listdir(tmp_path) == ["model"]


def test_a_failed_save_leaves_nothing(registered, tmp_path):
    with pytest.raises(FileNotFoundError):
        registered.save(tmp_path / "no folder" / "model")
    assert os.listdir(tmp_path) == []


def test_loaded_arrays_are_read_only_and_own_their_memory(saved):
    for part in Generator.load(saved).__getstate__()["parts"].values():
        for array in part.arrays.values():
            assert not array.flags.writeable
            assert array.flags.aligned
    assert pickle.loads(pickle.dumps(Generator.load(saved))).fingerprint == Generator.load(saved).fingerprint


def test_modules_outside_the_registry_cannot_be_saved(generator, tmp_path):
    with pytest.raises(GeneratorMismatchError, match=r"Sequential, not a network of skmimic's registry.*joblib.dump"):
        generator.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_a_changed_registry_module_is_no_longer_of_the_registry(tmp_path):
    module = architectures.build("dense_generator", CONFIGS["dense_generator"])
    module.layers[1] = nn.Tanh()
    with pytest.raises(GeneratorMismatchError, match="DenseGenerator, not a network"):
        Generator(module).save(tmp_path / "model")


@pytest.mark.parametrize("facts", [{"name": "x" * 300}, {"notes": {"text": "x" * 30_000}}, {"notes": {"a": [[[[1]]]]}}])
def test_what_could_not_be_read_back_is_not_written(facts, tmp_path):
    module = architectures.build("dense_generator", CONFIGS["dense_generator"])
    with pytest.raises(GeneratorMismatchError, match=r"Generator\.save: "):
        Generator.from_modules(module, **facts).save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


# -- reports --------------------------------------------------------------------------------------------------------


def test_model_info_is_json_and_says_what_is_inside(saved, registered):
    info = json.loads(json.dumps(model_info(saved)))
    assert info["fingerprint"] == registered.fingerprint
    assert info["notes"] == {"trained_on": "nothing", "n_images": 0}
    assert info["parts"]["discriminator"]["architecture"] == "dcgan_discriminator"
    assert info["size_bytes"] == os.path.getsize(saved)
    n_values = sum(p.numel() for p in registered.on("cpu")._modules["generator"].parameters())
    assert info["parts"]["generator"]["n_values"] == n_values


def test_verify_tries_the_generator(saved, tmp_path):
    report = verify_model(saved)
    assert report["ok"] is all(report["checks"].values()) is True
    assert report["info"] == model_info(saved)
    constant = tmp_path / "constant"
    network = DCGANGenerator(2, (1, 16, 16), 8)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    Generator.from_modules(network).save(constant)  # as training may leave it
    assert verify_model(constant)["checks"]["images_differ"] is False
    assert verify_model(constant)["ok"] is False


# -- damage ---------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Generator.load(tmp_path / "none")


def test_a_folder_or_device_is_no_model(tmp_path):
    refused(tmp_path, "not a regular file")
    refused("/dev/zero", "not a regular file")


@pytest.mark.parametrize("content", [b"", b"\0", b"1234567", b"\0" * 8, b"\xff" * 64, b"GIF89a" * 20, b"{}" * 50])
def test_other_contents_are_no_model(tmp_path, content):
    path = tmp_path / "model"
    path.write_bytes(content)
    refused(path, "truncated, or no skmimic model")


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    refused(saved, "truncated")


def test_appended_bytes_are_refused(saved):
    saved.write_bytes(saved.read_bytes() + b"more")
    refused(saved, "something was added")


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.booleans())
def test_any_flipped_bit_is_noticed(place, bit, in_header):
    path = folder() / "flipped"
    content = bytearray(small_file())
    size = 8 + int.from_bytes(content[:8], "little") if in_header else len(content)
    content[int(place * size)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(InvalidModelFileError, match="flipped"):
        Generator.load(path)


def small_file():
    path = folder() / "small"
    if not path.exists():
        linear_generator_from_data(np.random.RandomState(0).rand(9, 16), 2).save(path)
    return path.read_bytes()


def test_a_changed_weight_fails_the_checksum(saved):
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    saved.write_bytes(content)
    refused(saved, "sha256 does not match")


# -- hostility ------------------------------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return os.mkdir, (str(folder() / "exploded"),)


def test_pickles_and_archives_are_never_opened(tmp_path, make_dense):
    for protocol in range(2, 6):
        path = tmp_path / f"pickle{protocol}"
        path.write_bytes(pickle.dumps([Bomb(), list(range(1000))], protocol=protocol))
        refused(path, "a Python pickle, which could run code")
    torch.save(make_dense(), tmp_path / "module.pt")
    refused(tmp_path / "module.pt", "zip archive such as torch.save writes")
    with zipfile.ZipFile(tmp_path / "archive.npz", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Bomb()))
    refused(tmp_path / "archive.npz", "zip archive")
    assert not (folder() / "exploded").exists()


def test_a_safetensors_file_of_somebody_else_is_no_model(tmp_path):
    safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "other")
    refused(tmp_path / "other", "name no skmimic model")
    safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "other", metadata={"format": "pt"})
    refused(tmp_path / "other", "name no skmimic model")


def test_duplicate_keys_are_refused_wherever_they_are(saved):
    original = saved.read_bytes()
    with_header(saved, lambda text: text.replace("{", '{"generator.first.bias":{"dtype":"F32"},', 1))
    refused(saved, "'generator.first.bias' appears twice")
    saved.write_bytes(original)
    with_header(saved, lambda text: text.replace('"version":"1"', '"version":"1","version":"1"'))
    refused(saved, "'version' appears twice")
    with pytest.raises(InvalidModelFileError, match="'a' appears twice"):
        strict_json('{"b": [{"a": 1, "a": 2}]}', 100)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1e999}', "1e999"),
        ('{"a": 1', "invalid JSON"),
        ('{"a": ' + "9" * 5000 + "}", "invalid JSON"),
        ("[" * 50_000, "invalid JSON"),
        ("[1]", "expected a JSON object"),
        ('{"a": "' + "x" * 60_000 + '"}', "at most 50001 are read"),
    ],
)
def test_json_is_read_strictly(text, reason):
    with pytest.raises(InvalidModelFileError, match=reason):
        strict_json(text, 50_001)


@pytest.mark.parametrize("version", ["2", "0", "1.0", ""])
def test_other_versions_are_refused(saved, version):
    with_header(saved, lambda text: text.replace('"version":"1"', f'"version":"{version}"'))
    refused(saved, "reads version 1. Update skmimic")


def test_additional_metadata_are_refused(saved):
    with_header(saved, lambda text: text.replace('"version":"1"', '"version":"1","hook":"os.system"'))
    refused(saved, "metadata must be texts under the keys")


def test_enormous_headers_are_not_parsed(saved):
    saved.write_bytes((2**40).to_bytes(8, "little") + b"{" * 100)
    refused(saved, "truncated, or no")
    saved.write_bytes((2**21).to_bytes(8, "little") + b" " * 2**21)
    refused(saved, "truncated, or no")


def test_tensors_that_point_outside_or_overlap_are_refused(saved):
    original = saved.read_bytes()
    size = int.from_bytes(original[:8], "little")
    header = json.loads(original[8 : 8 + size])
    name = next(name for name in header if name != "__metadata__")
    for offsets in ([0, 2**40], [-8, 0], [0, 1], [8, 4]):
        saved.write_bytes(original)
        odd = {**header, name: {**header[name], "data_offsets": offsets}}
        with_header(saved, lambda text, odd=odd: json.dumps(odd))
        refused(saved, "a false header|that are none")


def set_config(role, **changes):
    return lambda configuration, arrays: configuration["parts"][role]["config"].update(changes)


def set_fact(**changes):
    return lambda configuration, arrays: configuration["facts"].update(changes)


def set_part(role, value):
    return lambda configuration, arrays: configuration["parts"].update({role: value})


HOSTILE = {
    "unknown architecture": (
        set_part("generator", {"architecture": "os.system", "config": {}}),
        "unknown architecture",
    ),
    "no text": (set_part("generator", {"architecture": ["linear"], "config": {}}), "unknown architecture"),
    "wrong role": (set_part("hook", {"architecture": "linear", "config": {}}), "parts must be a generator"),
    "part no object": (set_part("encoder", "linear"), "encoder must have the keys"),
    "part with more": (set_part("encoder", {"architecture": "linear", "config": {}, "code": 1}), "must have the keys"),
    "config no object": (set_part("encoder", {"architecture": "linear", "config": [1]}), "must be an object"),
    "config argument": (set_config("generator", hook=1), "does not accept"),
    "config type": (set_config("generator", width="wide"), "does not accept"),
    "config negative": (set_config("generator", width=-3), "does not accept"),
    "config huge": (set_config("generator", width=2**40), "more than 16777216"),
    "config large": (set_config("generator", width=2**24), "has shape|does not accept"),
    "config infinite": (set_config("generator", width=1e300), "more than 16777216"),
    "config huge shape": (set_config("generator", image_shape=[2**24] * 3), "has shape|does not accept"),
    "config long": (set_config("generator", image_shape=[1] * 5000), "too large or too deep"),
    "config deep": (set_config("generator", image_shape=[[[[[1]]]]]), "too large or too deep"),
    "config text": (set_config("generator", width="x" * 300), "a text of 300 characters"),
    "another size": (set_config("generator", width=5), "has shape"),
    "another latent size": (set_fact(latent_dim=7), "generator does not accept|gives shape"),
    "huge latent size": (set_fact(latent_dim=2**30), "latent_dim must be an integer"),
    "boolean latent size": (set_fact(latent_dim=True), "latent_dim must be an integer"),
    "text latent size": (set_fact(latent_dim="6"), "latent_dim must be an integer"),
    "another shape": (set_fact(image_shape=[1, 8, 12]), "gives shape"),
    "huge shape": (set_fact(image_shape=[1, 2**24, 2**24]), "gives shape"),
    "enormous shape": (set_fact(image_shape=[1, 2**60, 8]), "more than 16777216"),
    "odd shape": (set_fact(image_shape="abc"), "image_shape must be"),
    "odd range": (set_fact(data_range=[1, -1]), "data_range must be"),
    "odd prior": (set_fact(prior={"kind": "cauchy"}), "describes no prior"),
    "wide prior": (set_fact(prior={"kind": "box", "low": -1e300, "high": 1e300}), "describes no prior"),
    "odd name": (set_fact(name=3), "name must be a text"),
    "odd notes": (set_fact(notes=[]), "notes an object"),
    "more facts": (set_fact(hook="os.system"), "exactly the keys"),
    "no generator": (lambda c, a: c["parts"].pop("generator"), "parts must be a generator"),
    "no facts": (lambda c, a: c.pop("facts"), "keys facts and parts"),
    "facts no object": (lambda c, a: c.update(facts=3), "exactly the keys"),
    "parts no object": (lambda c, a: c.update(parts=[]), "parts must be a generator"),
    "missing tensor": (lambda c, a: a.pop("generator.first.bias"), "'generator.first.bias' is missing"),
    "extra tensor": (lambda c, a: a.update({"generator.hook": np.zeros(3)}), "'generator.hook' is unexpected"),
    "tensor of no part": (lambda c, a: a.update({"hook": np.zeros(3)}), "unexpected tensor 'hook'"),
    "tensor of a dropped part": (lambda c, a: c["parts"].pop("encoder"), "unexpected tensor 'encoder"),
    "wrong shape": (lambda c, a: a.update({"generator.first.bias": np.zeros(3)}), "has shape"),
    "integer weights": (
        lambda c, a: a.update({"generator.first.bias": a["generator.first.bias"].astype(np.int32)}),
        "no floating-point numbers",
    ),
    "NaN weights": (lambda c, a: a.update({"generator.first.bias": a["generator.first.bias"] * np.nan}), "NaN"),
    "infinite weights": (
        lambda c, a: a.update({"generator.first.bias": a["generator.first.bias"] + np.inf}),
        "infinity",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_with_correct_checksums_are_refused(saved, case):
    edit, reason = HOSTILE[case]
    refused(forged(saved, edit), reason)


def test_tensors_of_odd_types_are_refused(saved):
    with_header(saved, lambda text: text.replace('"F32"', '"I32"'))
    refused(saved, "has type int32, no floating-point numbers")


def test_types_outside_the_list_are_refused(saved, monkeypatch):
    monkeypatch.setitem(_container.CODES, np.dtype(np.uint16), "U16")
    forged(saved, lambda c, a: a.update({"generator.first.bias": a["generator.first.bias"].astype(np.uint16)}))
    refused(saved, "has type U16; expected one of F16, F32")


def test_integer_buffers_must_be_integers(tmp_path):
    Generator(architectures.build("dcgan_generator", CONFIGS["dcgan_generator"])).save(tmp_path / "model")
    _, arrays = unpacked(tmp_path / "model")
    name = next(name for name in arrays if name.endswith("num_batches_tracked"))
    forged(tmp_path / "model", lambda c, a: a.update({name: np.array(1.5)}))
    refused(tmp_path / "model", "its network needs int64")


@contextmanager
def memory_below(n_bytes):
    """Fail if the body allocates more."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < n_bytes
    finally:
        tracemalloc.stop()


def test_reading_allocates_nothing_for_sizes_that_are_only_claimed(saved):
    forged(saved, set_config("generator", width=2**22))
    with memory_below(20e6):
        refused(saved, "has shape|does not accept")


def claim_two_gigabytes(header, size):
    """Let the last array of a header reach to the end of a file of 2 GiB."""
    name = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"])
    start, _ = header[name]["data_offsets"]
    n_values = (2**31 - size - start) // 4
    return {**header, name: {"dtype": "F32", "shape": [n_values], "data_offsets": [start, start + 4 * n_values]}}


@pytest.mark.parametrize("start", ["zeros", "model", "lying model"])
def test_a_sparse_file_of_two_gigabytes_is_refused_before_it_is_read(saved, start):
    if start == "zeros":
        saved.write_bytes(b"")
    elif start == "lying model":  # the length of the header is part of the file: find the fixed point
        size, header = 0, json.loads(saved.read_bytes()[8 : 8 + int.from_bytes(saved.read_bytes()[:8], "little")])
        for _ in range(4):
            text = json.dumps(claim_two_gigabytes(header, 8 + size)).encode()
            text += b" " * (-len(text) % 8)
            size = len(text)
        saved.write_bytes(size.to_bytes(8, "little") + text)
    os.truncate(saved, 2**31)
    with memory_below(10e6):
        refused(saved, {"zeros": "truncated, or no", "model": "something was added"}.get(start, "has shape"))


def test_a_large_file_with_a_wrong_checksum_costs_no_memory(tmp_path):
    path = tmp_path / "large"
    linear_generator(np.ones((40, 64 * 64)), np.arange(4096.0), (1, 64, 64)).save(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert len(content) > 1.3e6
    with memory_below(1.2e6):
        refused_by_load(path)


def refused_by_load(path):
    with pytest.raises(InvalidModelFileError, match="sha256 does not match"):
        Generator.load(path)


def test_what_is_too_large_to_be_read_is_not_written(registered, tmp_path, monkeypatch):
    monkeypatch.setattr("skmimic.generators._format.MODEL", MODEL._replace(max_bytes=100))
    with pytest.raises(GeneratorMismatchError, match=r"Generator\.save: .* more than a skmimic model may hold"):
        registered.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_loading_imports_nothing_and_keeps_the_global_state(saved):
    import sys

    modules, state = set(sys.modules), torch.get_rng_state()
    Generator.load(saved)
    assert set(sys.modules) == modules
    assert torch.equal(state, torch.get_rng_state())
