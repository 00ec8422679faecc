"""No output is a file that is read, or another output, however it is spelled and whatever links lead there."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skmimic.cli import _demo, _places
from skmimic.cli._console import CommandError
from skmimic.cli._places import check_places
from skmimic.cli._sinks import check_sink

posix = pytest.mark.skipif(os.name == "nt", reason="links of POSIX")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in: a file, a folder with a file, and links to both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("file.npz", "folder/inner.npz"):
        (tmp_path / name).write_bytes(b"precious")
    (tmp_path / "link.npz").symlink_to("file.npz")
    (tmp_path / "linked").symlink_to(tmp_path / "folder", target_is_directory=True)
    (tmp_path / "dangling.npz").symlink_to("folder/none.npz")
    os.link(tmp_path / "file.npz", tmp_path / "hard.npz")
    return tmp_path


@posix
@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("file.npz", "file.npz", "is the same file as"),
        ("./file.npz", "file.npz", "is the same file as"),
        ("folder/../file.npz", "file.npz", "is the same file as"),
        ("{here}/file.npz", "file.npz", "is the same file as"),
        ("link.npz", "file.npz", "is the same file as"),
        ("hard.npz", "file.npz", "is the same file as"),
        ("hard.npz", "link.npz", "is the same file as"),
        ("linked/inner.npz", "folder/inner.npz", "is the same file as"),
        ("linked", "folder", "is the same file as"),
        ("new.npz", "folder/../new.npz", "is the same file as"),
        ("linked/new.npz", "folder/new.npz", "is the same file as"),
        ("dangling.npz", "linked/none.npz", "is the same file as"),
        ("New.npz", "nEW.npz", "is the same file as"),
        ("gr\u00fcn.npz", "gru\u0308n.npz", "is the same file as"),
        ("new", "new/more", "is a folder around"),
        ("new/more/and/more", "./new", "lies in"),
        ("folder/out", "folder", "lies in"),
        ("linked/inner.npz", "folder", "lies in"),
        ("dangling.npz", "folder", "lies in"),
        ("new", ".", "lies in"),
        ("folder", "linked/inner.npz", "is a folder around"),
    ],
)
def test_one_place_under_two_names(place, one, other, words):
    one = one.format(here=place)
    with pytest.raises(CommandError, match=rf"^OUT .*: {words} --save .*Choose another place"):
        check_places({"--save": other, "OUT": one})
    if Path(other).exists():
        with pytest.raises(CommandError, match=rf"^OUT .*: {words} IN "):
            check_places({"OUT": one}, {"IN": other})


@posix
def test_different_places(place):
    check_places({"OUT": "out.npz", "--save": "out.json"}, {"IN": "folder", "--gan": "file.npz"})
    check_places({"OUT": "new", "--save": "newer"}, {"IN": "new.npz", "--load": None})
    check_places({"OUT": "new"}, {"IN": "file.npz", "--gan": "hard.npz"})  # inputs may be what they like


def test_names_that_differ_in_case_where_the_disk_ignores_it(place, monkeypatch):
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: real(path.with_name(path.name.lower())))
    monkeypatch.setattr(_places.os.path, "samefile", lambda one, other: str(one).casefold() == str(other).casefold())
    with pytest.raises(CommandError, match="is the same file as IN"):
        check_places({"OUT": "FILE.npz"}, {"IN": "file.npz"})


@posix
@pytest.mark.parametrize(
    ("source", "target", "saved"),
    [
        ("in.npy", "in.npy", None),
        ("in.npy", "./in.npy", None),
        ("in.npy", "link.npy", None),
        ("in.npy", "hard.npy", None),
        ("in.npz", "out.npy", "in.npz"),
        ("in.npz", "out.npy", "linked.npz"),
        ("in.npy", "new.npz", "./new.npz"),
        ("in.npy", "new.npz", "NEW.npz"),
        ("in.npy", "gan.npz", None),
        ("pictures", "pictures/out.npy", None),
        ("pictures", "pictures/out", None),
        ("pictures", "out.npy", "pictures/found.json"),
        ("in.npy", "empty", "empty/found.npz"),
    ],
)
def test_project_refuses_before_any_work_and_nothing_is_lost(
    refused, linear, images, tmp_path, monkeypatch, source, target, saved
):
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", images)
    np.savez("in.npz", X=images)
    linear.save("gan.npz")
    for folder in ("pictures", "empty"):
        Path(folder).mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("pictures/a.png")
    Path("link.npy").symlink_to("in.npy")
    Path("linked.npz").symlink_to(tmp_path / "in.npz")
    os.link("in.npy", "hard.npy")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    monkeypatch.setattr("skmimic.cli._project.load_model", None)  # before it is even loaded
    options = [] if saved is None else ["--save-surrogate", saved]
    line = refused("project", source, target, "--gan", "gan.npz", *options)
    assert str(target if saved is None else saved) in line
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


@posix
@pytest.mark.parametrize("name", [".", "./", "link", "../here"])
def test_the_current_folder_is_refused_as_such(tmp_path, monkeypatch, name):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    if name == "link":
        (tmp_path / "link").symlink_to(here)
        name = tmp_path / "link"
    with pytest.raises(CommandError, match=rf"is the current folder, {here}\. Name a new folder in it"):
        check_sink(name)
    check_sink("new")
    (tmp_path / "empty").mkdir()
    check_sink("../empty")


def test_a_mounted_disk_is_refused_by_any_of_its_names(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "disk")
    for name in ("disk", "link", "disk/."):
        with pytest.raises(CommandError, match="a disk is mounted there"):
            check_sink(tmp_path / name)


def test_demo_refuses_one_file_for_picture_and_figures(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(_demo, "load_gan", None)
    monkeypatch.chdir(tmp_path)
    assert "is the same file as --out x.png" in refused("demo", "--out", "x.png", "--json", "./x.png")
