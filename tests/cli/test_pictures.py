"""Folders of pictures: every one is read as a viewer shows it, or named."""

import os

import numpy as np
import pytest
from PIL import Image, ImageOps

from skmimic.cli._console import CommandError
from skmimic.cli._pictures import SUFFIXES, Pictures

GREY, RGB = (1, 8, 8), (3, 8, 8)
LOSSLESS = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}


def shades(seed=0):
    """An image (8, 8) that no turn or mirror leaves alike, smooth enough for JPEG."""
    y, x = np.mgrid[:8, :8]
    return (20 + 6 * y + 11 * x + 40 * (y > 5) + 10 * seed).astype(np.uint8)


def read(folder, image_shape=GREY):
    """All images of a folder as (n, H, W, C), and the notes."""
    pictures = Pictures(folder, image_shape)
    images = pictures.take(slice(None))
    assert (images.dtype, images.shape[1:], len(pictures)) == (np.uint8, image_shape, len(images))
    return images.transpose(0, 2, 3, 1).astype(int), " | ".join(pictures.notes)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_pictures_stand_as_a_viewer_shows_them(tmp_path, suffix):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(shades(orientation)[:, :6].repeat(2, axis=1))  # 8 x 12, so that turns show in the size
        stored.save(tmp_path / f"{orientation}.{suffix}", exif=exif, **LOSSLESS.get(suffix, {}))
    images, notes = read(tmp_path)
    assert "7 of 8 images are turned upright" in notes
    for orientation, image in enumerate(images, 1):
        shown = ImageOps.exif_transpose(Image.open(tmp_path / f"{orientation}.{suffix}"))
        shown = np.asarray(shown.convert("L").resize((8, 8), Image.Resampling.BILINEAR))
        assert np.abs(image[..., 0] - shown).max() <= 3
    tops = [image[0].mean() < image[-1].mean() for image in images]
    assert tops == [True, True, False, False, True, True, False, False]


def test_damaged_notes_of_a_camera_do_not_matter(tmp_path):
    Image.fromarray(shades()).save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense", quality=100)
    images, notes = read(tmp_path)
    assert np.abs(images[0, ..., 0] - shades()).max() <= 2
    assert notes == ""


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize(("ink", "background"), [(0, 255), (255, 0), (90, 255), (230, 0)])
def test_transparent_ink_is_seen(tmp_path, suffix, ink, background):
    """Dark ink lies on white, bright ink on black: what of the ink is opaque is there, the rest is background."""
    for index in range(3):
        alpha = shades(index)
        layers = np.dstack([np.full((8, 8, 3), ink, np.uint8), alpha])
        Image.fromarray(layers).save(tmp_path / f"{index}.{suffix}", **({"exact": True} | LOSSLESS.get(suffix, {})))
    images, notes = read(tmp_path)
    assert f"3 of 3 images are transparent and laid on {'white' if background else 'black'}" in notes
    for index, image in enumerate(images):
        share = shades(index) / 255
        assert np.abs(image[..., 0] - (share * ink + (1 - share) * background)).max() <= 1


def test_one_background_for_the_whole_folder(tmp_path):
    """Of four dark drawings and a small bright one, all lie on white."""
    for index, ink in enumerate([0, 0, 255, 0, 0]):
        Image.fromarray(np.dstack([np.full((8, 8), ink, np.uint8), shades()])).save(tmp_path / f"{index}.png")
    images, _ = read(tmp_path)
    assert (images[2] == 255).all()
    assert images[0].std() > 10


def test_other_kinds_of_transparency(tmp_path):
    palette = Image.fromarray((shades() > 60).astype(np.uint8), "P")
    palette.putpalette([10, 10, 10, 0, 0, 0])
    palette.save(tmp_path / "a.png", transparency=0)
    palette.save(tmp_path / "b.gif", transparency=0)
    Image.fromarray(shades().astype(np.uint16) * 257).save(tmp_path / "c.png", transparency=int(shades()[0, 0]) * 257)
    Image.fromarray(shades()).save(tmp_path / "d.png", transparency=int(shades()[0, 0]))
    images, notes = read(tmp_path)
    assert "4 of 4 images are transparent and laid on white" in notes
    for image in images[:2]:
        np.testing.assert_array_equal(image[..., 0], np.where(shades() > 60, 0, 255))
    for image in images[2:]:
        np.testing.assert_array_equal(image[..., 0], np.where(shades() == shades()[0, 0], 255, shades()))


def test_all_modes_give_the_same_picture(tmp_path):
    grey = Image.fromarray(shades())
    saved = {
        "a.png": grey,
        "b.png": grey.convert("RGB"),
        "c.png": grey.convert("P"),
        "d.png": grey.convert("RGBA"),
        "e.png": Image.fromarray(shades().astype(np.uint16) * 257),
        "f.tif": Image.fromarray(shades().astype(np.uint16) * 257),
        "g.tif": Image.fromarray(shades().astype(np.int32) * 257),
        "h.tif": grey.convert("CMYK"),
        "i.bmp": grey,
        "j.gif": grey,
        "k.webp": grey,
        "l.pgm": grey,
        "m.TIFF": grey,
        "n.JPEG": grey.convert("CMYK"),
    }
    for name, picture in saved.items():
        picture.save(tmp_path / name, **LOSSLESS.get(name[2:].lower().replace("jpeg", "jpg"), {}))
    for image_shape in (GREY, RGB):
        images, notes = read(tmp_path, image_shape)
        assert len(images) == len(saved)
        assert np.abs(images - shades()[..., None]).max(axis=(1, 2, 3)).max() <= 3
        assert "not read" not in notes


def test_colours_become_grey_as_pillow_does_it(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path)[0][0, ..., 0], np.asarray(Image.fromarray(colours).convert("L")))
    np.testing.assert_array_equal(read(tmp_path, RGB)[0][0], colours)


def test_every_picture_is_counted(tmp_path):
    suffixes = sorted(SUFFIXES - {".jpg", ".jpeg", ".jpe", ".jfif"})
    for index, suffix in enumerate([*suffixes, *map(str.upper, suffixes)]):
        picture = Image.fromarray(shades(index % 9))
        picture.save(tmp_path / f"{index:02d}{suffix}", "BMP" if suffix.lower() in (".dib", ".pbm") else None)
    images, notes = read(tmp_path)
    assert len(images) == 2 * len(suffixes)
    assert "not read" not in notes


def test_what_is_not_read_is_named(tmp_path):
    Image.fromarray(shades()).save(tmp_path / "0.png")
    (tmp_path / "._0.png").write_bytes(b"\0\5\x16\7" + bytes(99))
    for name in ("Thumbs.db", "b.heic", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "more.png").mkdir()
    images, notes = read(tmp_path)
    assert len(images) == 1
    assert notes.startswith("not read: .DS_Store, ._0.png, Thumbs.db, b.heic, more.png (skmimic reads .bmp,")
    for index in range(7):
        (tmp_path / f"z{index}.svg").touch()
    assert "b.heic, more.png and 7 more (" in read(tmp_path)[1]
    (tmp_path / "0.png").unlink()
    with pytest.raises(CommandError, match=r"there is no picture in it; there is \.DS_Store, "):
        Pictures(tmp_path, GREY)


def test_files_of_several_pictures_say_so(tmp_path):
    first, second = Image.fromarray(shades()), Image.fromarray(shades(9))
    for name in ("a.tif", "b.gif", "c.webp"):
        first.save(tmp_path / name, save_all=True, append_images=[second], **LOSSLESS.get(name[2:], {}))
    images, notes = read(tmp_path)
    assert "3 of 3 images are files of several pictures, of which the first is read" in notes
    assert np.abs(images[..., 0] - shades()).max() <= 2


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (Image.fromarray(shades() / np.float32(255)), "floating-point values"),
        (Image.fromarray(shades().astype(np.int32) * 10**6), "not of 16 bits"),
        (Image.fromarray(shades().astype(np.int32)), "32 bits from 20 to 179, which may be bytes"),
    ],
)
def test_values_of_unknown_range_are_refused(tmp_path, picture, words):
    picture.save(tmp_path / "a.tif")
    with pytest.raises(CommandError, match=rf"a\.tif: .*{words}.*save it as \.npy"):
        Pictures(tmp_path, GREY)


def test_dark_pictures_of_16_bits_stay_dark_and_black_ones_black(tmp_path):
    dark = shades()
    Image.fromarray(dark.astype(np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(dark.astype(np.uint16)).save(tmp_path / "b.tif")
    Image.fromarray(np.zeros((8, 8), np.int32)).save(tmp_path / "c.tif")
    assert read(tmp_path)[0].max() <= 1


def test_a_damaged_picture_is_found_before_any_work(tmp_path):
    for index in range(3):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(tmp_path / f"{index}.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:1000])
    with pytest.raises(CommandError, match=r"2\.png: the image is damaged"):
        Pictures(tmp_path, GREY)


def test_a_damaged_tiff_is_one_line(tmp_path, capfd):
    """Its library would write on standard error by itself."""
    Image.fromarray(shades()).save(tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[8:40] = b"\xff" * 32
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(CommandError, match=r"a\.tif: the image is damaged"):
        Pictures(tmp_path, GREY)
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_a_picture_larger_than_pillow_trusts_is_named(tmp_path, monkeypatch):
    Image.fromarray(shades()).save(tmp_path / "a.png")
    for limit in (40, 10):  # of which Pillow warns, and which it refuses
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(CommandError, match=r"a\.png: Image size \(64 pixels\) exceeds limit"):
            Pictures(tmp_path, GREY)
