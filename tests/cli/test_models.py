"""`skmimic info` and `skmimic verify`."""

import json
from pathlib import Path

import numpy as np
import pytest

from skmimic.cli import _models
from skmimic.generators import Generator, architectures, bundled_names, model_info


def test_info_says_what_matters(command, model, generator):
    status, out, err = command("info", model)
    assert (status, err) == (0, "")
    for fact in ["tiny", "8x8", "grey", "dense_generator", "nothing", generator.fingerprint]:
        assert fact in out


def test_info_as_json_is_the_library_s(command, model):
    status, out, _ = command("info", model, "--json")
    assert status == 0
    assert json.loads(out) == json.loads(json.dumps(model_info(model)))


def test_info_of_a_linear_model(command, linear_model):
    assert "linear" in command("info", linear_model)[1]


def test_notes_of_a_file_cannot_steer_the_terminal(command, generator, tmp_path):
    network = architectures.build("dense_generator", {"latent_dim": 4, "image_shape": [3, 8, 8], "width": 4})
    notes = {"evil\x1b[2J": "x\x1b]0;title\x07\ny"}
    Generator.from_modules(network, name="a\x1b[31m", notes=notes).save(tmp_path / "m.safetensors")
    out = command("info", tmp_path / "m.safetensors")[1]
    assert all(character.isprintable() or character == "\n" for character in out)


def test_verify_a_sound_model(command, model):
    status, out, err = command("verify", model)
    assert (status, err) == (0, "")
    assert out.endswith("ok\n")
    assert "NO" not in out


def test_verify_a_model_whose_images_are_all_alike(command, tmp_path):
    network = architectures.build("dense_generator", {"latent_dim": 4, "image_shape": [1, 8, 8], "width": 4})
    for parameter in network.parameters():
        parameter.data.mul_(0.0)
    Generator.from_modules(network).save(tmp_path / "flat.safetensors")
    status, out, _ = command("verify", tmp_path / "flat.safetensors")
    assert status == 1
    assert "NO  its images are all alike" in out
    assert out.endswith("not usable\n")


@pytest.mark.parametrize("action", ["info", "verify"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "pickle", "empty", "folder", "absent"])
def test_bad_files_are_one_line(refused, model, tmp_path, action, damage):
    content = bytearray(Path(model).read_bytes())
    path = tmp_path / "bad.safetensors"
    if damage == "folder":
        path.mkdir()
    elif damage != "absent":
        content[-3] ^= 1
        cut = {"truncated": content[:-5], "flipped": content, "pickle": b"\x80\x04K\x01.", "empty": b""}
        path.write_bytes(cut[damage])
    assert "bad.safetensors" in refused(action, path)


def test_a_bundled_name(command, monkeypatch, generator, tmp_path):
    from skmimic.generators import _bundled

    generator.save(tmp_path / "some.safetensors")
    monkeypatch.setattr(_bundled, "FOLDER", tmp_path)
    monkeypatch.setattr(_models, "FOLDER", tmp_path)
    assert command("verify", "some")[0] == 0
    assert _models.load_model("some").fingerprint == generator.fingerprint


def test_an_unknown_name_lists_the_known_ones(refused):
    line = refused("info", "no_such_model")
    assert all(name in line for name in bundled_names())


@pytest.mark.parametrize("name", bundled_names())
def test_every_bundled_model_passes(command, name):
    assert command("verify", name)[0] == 0


def test_a_rounded_half_precision_model_passes(command, generator, tmp_path):
    generator.save(tmp_path / "half.safetensors", half=True)
    assert command("verify", tmp_path / "half.safetensors")[0] == 0
    assert np.dtype(np.float16).name in command("info", tmp_path / "half.safetensors")[1]
