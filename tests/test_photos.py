from __future__ import annotations

import io
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import xxhash
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin
from skimage import data as pictures

from tests import strange_photos as strange
from training import photos
from training.photos import FolderUnreadable, PhotoFile, UnreadablePhoto, load, load_full, scan

ROOT = Path(__file__).parent.parent
pillow_heif.register_heif_opener()  # to write HEIC; reading needs no help, as a fresh interpreter shows below

Pixels = NDArray[np.uint8]


def gradient(width: int = 160, height: int = 120) -> Pixels:
    """A picture no turn of which looks like another; smooth, so that compression hardly changes it."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return (np.stack([40 + 180 * x, 40 + 180 * y, 200 - 150 * x * y], axis=-1)).astype(np.uint8)


RGB = gradient()
GREY = np.asarray(Image.fromarray(RGB).convert("L"))


def grey_rgb(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=-1)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    # Copies, because a picture keeps the options of its last saving.
    if "append_images" in options:
        options["append_images"] = [other.copy() for other in options["append_images"]]
    image.copy().save(stream, form, **options)
    return stream.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def difference(a: Pixels, b: Pixels) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).max())


def exif(orientation: int = 1, **texts: str) -> Image.Exif:
    block = Image.Exif()
    block[0x112] = orientation
    for name, tag in (("make", 0x10F), ("model", 0x110), ("changed", 0x132)):
        if name in texts:
            block[tag] = texts[name]
    for name, tag in (("original", 0x9003), ("digitized", 0x9004)):
        if name in texts:
            block.get_ifd(0x8769)[tag] = texts[name]
    return block


# --- Every format and mode

image = Image.fromarray(RGB)
grey_image = Image.fromarray(GREY)
half_clear = Image.fromarray(np.dstack([RGB, np.full(GREY.shape, 128, np.uint8)]))
on_white = (RGB * (128 / 255) + 255 * (127 / 255)).round().astype(np.uint8)
eight = image.quantize(8)
eight_rgb = np.asarray(eight.convert("RGB"))
black_white = grey_image.point(lambda value: 255 * (value > 120))
wide_grey = GREY.astype(np.uint16) * 257
other = Image.new("RGB", image.size, "lime")


def clear_palette() -> tuple[bytes, Pixels]:
    alphas = bytes([0, 128] + [255] * 6)
    rgba = eight.convert("RGB").convert("RGBA")
    rgba.putalpha(Image.fromarray(np.frombuffer(alphas, np.uint8)[np.asarray(eight)]))
    paper = Image.new("RGBA", rgba.size, "white")
    return saved(eight, "PNG", transparency=alphas), np.asarray(
        Image.alpha_composite(paper, rgba).convert("RGB")
    )


def clear_red_png(mode: str) -> tuple[bytes, Pixels]:
    """A picture with one colour that stands for "nothing"."""
    values = np.array(RGB if mode == "RGB" else GREY)
    values[:40] = (255, 0, 0) if mode == "RGB" else 7
    expected = (values if mode == "RGB" else grey_rgb(values)).copy()
    expected[:40] = 255
    return saved(Image.fromarray(values), "PNG", transparency=(255, 0, 0) if mode == "RGB" else 7), expected


def tiff_as(values: NDArray[Any], mode: str | None = None) -> bytes:
    picture = Image.fromarray(values)
    assert mode is None or picture.mode == mode
    return saved(picture, "TIFF")


def samples() -> dict[str, tuple[str, bytes, Pixels, float]]:
    """By title: the file's suffix, its bytes, the pixels it stands for, and how far off they may be."""
    lab = image.convert("LAB")
    lossy = {
        "JPEG": (".jpg", saved(image, "JPEG", quality=98, subsampling=0), RGB, 6),
        "JPEG, progressive": (
            ".jpeg",
            saved(image, "JPEG", quality=98, subsampling=0, progressive=True),
            RGB,
            6,
        ),
        "JPEG, grey": (".jpe", saved(grey_image, "JPEG", quality=98), grey_rgb(GREY), 4),
        "JPEG, CMYK": (".jfif", saved(image.convert("CMYK"), "JPEG", quality=98, subsampling=0), RGB, 8),
        "MPO": (
            ".jpg",
            saved(image, "MPO", save_all=True, append_images=[other], quality=98, subsampling=0),
            RGB,
            6,
        ),
        "WebP": (".webp", saved(image, "WEBP", quality=100), RGB, 12),
        "HEIC": (".heic", saved(image, "HEIF", quality=95, chroma=444), RGB, 8),
        "HEIC, transparent": (".hif", saved(half_clear, "HEIF", quality=95, chroma=444), on_white, 8),
        "HEIC, 10 bits": (".heif", heic10(), grey_rgb(GREY), 8),
        "AVIF": (".avif", saved(image, "AVIF", quality=98, subsampling="4:4:4"), RGB, 8),
        "AVIF, animated": (
            ".avif",
            saved(image, "AVIF", quality=98, subsampling="4:4:4", save_all=True, append_images=[other]),
            RGB,
            8,
        ),
        "AVIF, transparent": (
            ".avif",
            saved(half_clear, "AVIF", quality=98, subsampling="4:4:4"),
            on_white,
            8,
        ),
        "TIFF, LAB": (".tif", saved(lab, "TIFF"), np.asarray(lab.convert("RGB")), 1),
        "TIFF, YCbCr": (".tif", saved(image.convert("YCbCr"), "TIFF"), RGB, 4),
    }
    exact = {
        "PNG": (".png", saved(image, "PNG"), RGB),
        "PNG, grey": (".png", saved(grey_image, "PNG"), grey_rgb(GREY)),
        "PNG, grey and transparent": (
            ".png",
            saved(Image.merge("LA", (grey_image, Image.new("L", image.size, 128))), "PNG"),
            grey_rgb((GREY * (128 / 255) + 255 * (127 / 255)).round().astype(np.uint8)),
        ),
        "PNG, transparent": (".png", saved(half_clear, "PNG"), on_white),
        "PNG, palette": (".png", saved(eight, "PNG"), eight_rgb),
        "PNG, palette, transparent": (".png", *clear_palette()),
        "PNG, one transparent colour": (".png", *clear_red_png("RGB")),
        "PNG, one transparent grey": (".png", *clear_red_png("L")),
        "PNG, 1 bit": (".png", saved(black_white.convert("1"), "PNG"), grey_rgb(np.asarray(black_white))),
        "PNG, 16-bit grey": (".png", saved(Image.fromarray(wide_grey), "PNG"), grey_rgb(GREY)),
        "PNG, 16-bit RGB": (".png", strange.png16(RGB.astype(np.uint16) * 257), RGB),
        "APNG": (".png", saved(image, "PNG", save_all=True, append_images=[other]), RGB),
        "GIF": (".gif", saved(eight, "GIF"), eight_rgb),
        "GIF, animated": (".gif", saved(eight, "GIF", save_all=True, append_images=[other]), eight_rgb),
        "GIF, transparent": (
            ".gif",
            saved(eight, "GIF", transparency=3),
            np.where(np.asarray(eight)[..., None] == 3, 255, eight_rgb).astype(np.uint8),
        ),
        "WebP, lossless, transparent": (".webp", saved(half_clear, "WEBP", lossless=True), on_white),
        "WebP, animated": (
            ".webp",
            saved(image, "WEBP", lossless=True, save_all=True, append_images=[other]),
            RGB,
        ),
        "BMP": (".bmp", saved(image, "BMP"), RGB),
        "BMP, grey": (".bmp", saved(grey_image, "BMP"), grey_rgb(GREY)),
        "TIFF": (".tif", saved(image, "TIFF"), RGB),
        "TIFF, LZW": (".tiff", saved(image, "TIFF", compression="tiff_lzw"), RGB),
        "TIFF, two pages": (".tiff", saved(image, "TIFF", save_all=True, append_images=[other]), RGB),
        "TIFF, CMYK": (".tif", saved(image.convert("CMYK"), "TIFF"), RGB),
        "TIFF, 16-bit grey": (".tif", tiff_as(wide_grey, "I;16"), grey_rgb(GREY)),
        "TIFF, 32-bit grey": (".tif", tiff_as(wide_grey.astype(np.int32), "I"), grey_rgb(GREY)),
        "TIFF, small numbers in 32 bits": (".tif", tiff_as(GREY.astype(np.int32), "I"), grey_rgb(GREY)),
        "TIFF, floats to 1": (".tif", tiff_as((GREY / 255).astype(np.float32), "F"), grey_rgb(GREY)),
        "TIFF, floats to 255": (".tif", tiff_as(GREY.astype(np.float32), "F"), grey_rgb(GREY)),
        "TIFF, transparent": (".tif", saved(half_clear, "TIFF"), on_white),
    }
    return lossy | {title: (*sample, 1.0) for title, sample in exact.items()}


def heic10() -> bytes:
    file = pillow_heif.from_bytes("I;16", image.size, wide_grey.tobytes())
    stream = io.BytesIO()
    file.save(stream, quality=95)
    return stream.getvalue()


SAMPLES = samples()


@pytest.mark.parametrize("title", SAMPLES)
def test_every_format_and_mode_gives_the_pixels_it_stands_for(tmp_path: Path, title: str) -> None:
    suffix, content, expected, tolerance = SAMPLES[title]
    path = put(tmp_path, f"x{suffix}", content)
    photo = load(path)
    assert photo.pixels.dtype == np.uint8
    assert difference(photo.pixels, expected) <= tolerance
    assert (photo.width, photo.height) == (160, 120)
    assert photo.digest == xxhash.xxh3_128_digest(content) == photos.digest(path)
    assert photo.format == title.split(",")[0].replace("MPO", "JPEG").replace("APNG", "PNG")
    # What is reduced is the same picture, and so is what the viewer gets.
    small = load(path, short_side=30).pixels
    blocks = expected.reshape(30, 4, 40, 4, 3).mean(axis=(1, 3))
    assert small.shape == blocks.shape
    assert np.abs(small - blocks).max() <= tolerance + 1
    assert difference(load_full(path).pixels, photo.pixels) == 0


def test_what_a_file_is_its_content_says(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".heic", ".tif", ".nef"):
        photo = load(put(tmp_path, f"x{suffix}", SAMPLES["WebP, animated"][1]))
        assert photo.format == "WebP"
        assert difference(photo.pixels, RGB) == 0


def test_twelve_bits_in_sixteen_are_not_dark(tmp_path: Path) -> None:
    tiff = bytearray(tiff_as((GREY.astype(np.uint16) << 4).astype(np.uint16), "I;16"))
    at = tiff.index(struct.pack("<HHI", 258, 3, 1))
    assert tiff[at + 8] == 16
    # Twelve bits are packed: two values in three bytes.
    values = GREY.astype(np.uint16) << 4
    a, b = values[:, 0::2], values[:, 1::2]
    packed = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], axis=-1).astype(np.uint8).tobytes()
    tiff[at + 8] = 12
    offset = struct.unpack(
        "<I", tiff[(start := tiff.index(struct.pack("<HHI", 273, 4, 1))) + 8 : start + 12]
    )[0]
    tiff[offset:] = packed
    start = tiff.index(struct.pack("<HHI", 279, 4, 1))
    tiff[start + 8 : start + 12] = struct.pack("<I", len(packed))
    photo = load(put(tmp_path, "x.tif", bytes(tiff)))
    assert difference(photo.pixels, grey_rgb(GREY)) <= 1


@pytest.mark.parametrize("low, high", [(-3.0, 5.0), (0.0, 1e9), (7.0, 7.0), (-2.0, -2.0)])
def test_floats_of_any_range_use_all_of_black_to_white(tmp_path: Path, low: float, high: float) -> None:
    ramp = np.linspace(low, high, 256, dtype=np.float32)[None].repeat(4, axis=0)
    if low != high:
        ramp[0, :2] = np.nan, np.inf
    pixels = load(put(tmp_path, "x.tif", tiff_as(ramp))).pixels
    if low == high == -2:
        assert pixels.max() == 0
    elif low < 0 or high > 65535:
        assert pixels[1, 0].tolist() == [0, 0, 0] and pixels[1, 255].tolist() == [255, 255, 255]
    else:
        assert pixels[1, 0].tolist() == [7, 7, 7]


def test_what_is_premultiplied_is_not_darkened_twice(tmp_path: Path) -> None:
    for mode, pixel in (("LA", (64, 128)), ("RGBA", (64, 64, 64, 128))):
        tiff = bytearray(saved(Image.new(mode, (64, 48), pixel), "TIFF"))
        at = tiff.index(struct.pack("<HHI", 338, 3, 1)) + 8
        assert tiff[at] == 2
        tiff[at] = 1
        photo = load(put(tmp_path, "x.tif", bytes(tiff)))
        assert np.abs(photo.pixels.astype(int) - (64 + 127)).max() <= 1, mode


def test_a_png_with_a_long_history_opens(tmp_path: Path) -> None:
    history = PngImagePlugin.PngInfo()
    history.add_text("history", "cropped " * 500_000, zip=True)
    assert difference(load(put(tmp_path, "x.png", saved(image, "PNG", pnginfo=history))).pixels, RGB) == 0


# --- Orientation

STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    "form, options",
    [
        ("JPEG", {"quality": 98, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("HEIF", {"quality": 95, "chroma": 444}),
        ("AVIF", {"quality": 98, "subsampling": "4:4:4"}),
    ],
)
def test_photos_are_upright(tmp_path: Path, form: str, options: dict[str, Any], orientation: int) -> None:
    turn = STORED[orientation]
    stored = image if turn is None else image.transpose(turn)
    photo = load(put(tmp_path, "x.jpg", saved(stored, form, exif=exif(orientation).tobytes(), **options)))
    assert (photo.width, photo.height) == (160, 120)
    assert difference(photo.pixels, RGB) <= 10


def test_an_orientation_that_does_not_exist_is_none(tmp_path: Path) -> None:
    for orientation in (0, 9, 65535):
        photo = load(put(tmp_path, "x.png", saved(image, "PNG", exif=exif(orientation))))
        assert difference(photo.pixels, RGB) == 0
        assert (photo.width, photo.height) == (160, 120)


def test_an_old_png_keeps_its_orientation_in_hexadecimal(tmp_path: Path) -> None:
    block = exif(6).tobytes()
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode("latin-1")
    stored = image.transpose(Image.Transpose.ROTATE_90)
    raw = saved(stored, "PNG")
    chunk = b"tEXt" + b"Raw profile type exif\0" + text
    extra = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    photo = load(put(tmp_path, "x.png", raw[:33] + extra + raw[33:]))
    assert difference(photo.pixels, RGB) == 0


# --- Colours


def test_a_photo_in_display_p3_becomes_srgb(tmp_path: Path) -> None:
    p3_red = Image.new("RGB", (64, 48), (234, 51, 35))  # sRGB's red
    for form, options in (
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("PNG", {}),
        ("HEIF", {"quality": 100}),
    ):
        for profile, expected in ((strange.display_p3(), (255, 0, 0)), (None, (234, 51, 35))):
            photo = load(put(tmp_path, "x.jpg", saved(p3_red, form, icc_profile=profile, **options)))
            assert np.abs(photo.pixels[24, 32].astype(int) - expected).max() <= 6, form


def test_a_transparent_photo_has_its_profile_applied_too(tmp_path: Path) -> None:
    red = Image.new("RGBA", (64, 48), (234, 51, 35, 255))
    photo = load(put(tmp_path, "x.png", saved(red, "PNG", icc_profile=strange.display_p3())))
    assert np.abs(photo.pixels[24, 32].astype(int) - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_applies_to_grey(tmp_path: Path, mode: str) -> None:
    picture = Image.new("L", (64, 48), 55).convert(mode)
    photo = load(put(tmp_path, "x.png", saved(picture, "PNG", icc_profile=strange.linear_grey())))
    assert np.abs(photo.pixels[0, 0].astype(int) - 128).max() <= 3


def test_ink_is_shown_by_the_printers_profile(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (64, 48), (255, 0, 0, 0))
    plain = load(put(tmp_path, "x.tif", saved(cyan, "TIFF"))).pixels[0, 0].tolist()
    assert plain == [0, 255, 255]
    for form in ("TIFF", "JPEG"):
        content = saved(cyan, form, icc_profile=strange.magenta_cmyk())
        red, green, blue = (int(v) for v in load(put(tmp_path, "x.tif", content)).pixels[0, 0])
        assert red > green + 50 and blue > green + 30, (red, green, blue)


def test_a_profile_that_is_srgb_changes_nothing(tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(load(put(tmp_path, "x.png", saved(image, "PNG", icc_profile=profile))).pixels, RGB) == 0


def test_a_damaged_or_foreign_profile_is_ignored(tmp_path: Path) -> None:
    p3 = strange.display_p3()
    for profile in (b"x", b"\0" * 128, p3[:200], p3[:128] + bytes(400), strange.linear_grey()):
        photo = load(put(tmp_path, "x.png", saved(image, "PNG", icc_profile=profile)))
        if profile[16:20] != b"GRAY":
            assert difference(photo.pixels, RGB) == 0


# --- Size


def big(width: int, height: int) -> Image.Image:
    return Image.fromarray(gradient(400, 300)).resize((width, height))


SIZES = [
    (4000, 3000, 256, (500, 375)),  # JPEG at 1/8
    (3000, 4000, 256, (375, 500)),
    (2050, 2049, 256, (257, 257)),
    (2047, 2047, 256, (256, 256)),  # 1/8 would be too small: 1/4, then halved
    (8192, 5464, 256, (512, 342)),  # 1/8, then halved
    (511, 511, 256, (511, 511)),
    (100, 80, 256, (100, 80)),  # never enlarged
    (1, 1, 256, (1, 1)),
    (10240, 512, 256, (5120, 256)),
    (10000, 500, 256, (5120, 256)),  # 20:1: held at 500 rows it would be 10,000 long
    (4000, 3000, 1000, (1334, 1000)),
]


@pytest.mark.parametrize(
    "form, width, height, short_side, expected",
    [("JPEG", *size) for size in SIZES] + [("PNG", *size) for size in SIZES if size[0] * size[1] < 5_500_000],
)
def test_pixels_are_just_large_enough(
    tmp_path: Path, form: str, width: int, height: int, short_side: int, expected: tuple[int, int]
) -> None:
    photo = load(put(tmp_path, "x.jpg", saved(big(width, height), form)), short_side=short_side)
    assert (photo.width, photo.height) == (width, height)
    got = photo.pixels.shape[1], photo.pixels.shape[0]
    if form == "JPEG" and short_side == 256:
        assert got == expected
    short = min(width, height)
    assert min(short, short_side) <= min(got) < 2 * short_side
    assert max(got) <= max(4096, short_side * max(width, height) / short + 1)
    assert abs(got[0] / got[1] - width / height) < 0.02 * width / height


def test_a_line_is_not_held_whole(tmp_path: Path) -> None:
    photo = load(put(tmp_path, "x.png", saved(big(40_000, 300), "PNG")))
    assert max(photo.pixels.shape) <= 16384
    assert (photo.width, photo.height) == (40_000, 300)


def test_jpeg_is_decoded_small_and_not_made_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    decoded = []
    original = ImageFile.ImageFile.load

    def watched(self: ImageFile.ImageFile) -> Any:
        if self.tile:
            decoded.append(self.size)
        return original(self)

    path = put(tmp_path, "x.jpg", saved(big(4000, 3000), "JPEG"))
    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    load(path)
    assert decoded == [(500, 375)]


def test_the_embedded_small_copy_of_a_heic_serves_if_it_is_large_enough(tmp_path: Path) -> None:
    path = put(tmp_path, "x.heic", saved(big(1200, 900), "HEIF", thumbnails=[400]))
    assert load(path).pixels.shape == (300, 400, 3)
    assert load(path, short_side=400).pixels.shape[0] >= 400
    assert load(path).width == 1200
    assert load_full(path).pixels.shape == (900, 1200, 3)


def test_the_viewer_gets_all_pixels_up_to_a_bound(tmp_path: Path) -> None:
    for form in ("JPEG", "PNG"):
        path = put(tmp_path, "x.jpg", saved(big(1000, 750), form))
        assert load_full(path).pixels.shape == (750, 1000, 3)
        photo = load_full(path, max_pixels=200_000)
        assert photo.pixels.shape == (375, 500, 3)
        assert photo.width == 1000
        assert (
            load_full(path, max_pixels=100_000).pixels.shape == (250, 334, 3)
            if form == "PNG"
            else (188, 250, 3)
        )


@pytest.mark.parametrize(
    "title", ["PNG, transparent", "PNG, palette, transparent", "TIFF, 16-bit grey", "GIF"]
)
def test_strips_of_a_large_picture_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    path = put(tmp_path, "x.png", SAMPLES[title][1])
    whole = load(path, short_side=40).pixels
    monkeypatch.setattr(photos, "_STRIP", 160 * 7)
    monkeypatch.setattr(photos, "_LARGE", 0)  # and one at a time
    assert difference(load(path, short_side=40).pixels, whole) == 0
    monkeypatch.setattr(photos, "_STRIP", 1)
    assert difference(load(path, short_side=40).pixels, whole) == 0


def test_a_very_large_picture_opens(tmp_path: Path) -> None:
    """One for which Pillow would warn, or give up, by itself."""
    photo = load(put(tmp_path, "x.png", saved(Image.new("1", (15_000, 13_000), 1), "PNG", compress_level=1)))
    assert (photo.width, photo.height) == (15_000, 13_000)
    assert 256 <= min(photo.pixels.shape[:2]) < 512 and photo.pixels.min() == 255


def test_large_pictures_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2, timeout=0.2)
    met = []
    original = photos._reduced

    def meet(*arguments: Any) -> Any:
        try:
            meeting.wait()
            met.append(True)
        except threading.BrokenBarrierError:
            pass
        return original(*arguments)

    monkeypatch.setattr(photos, "_reduced", meet)
    path = put(tmp_path, "x.png", SAMPLES["PNG"][1])
    for bound, expected in ((160 * 120, True), (160 * 120 - 1, False)):
        monkeypatch.setattr(photos, "_LARGE", bound)
        meeting.reset()
        met.clear()
        with ThreadPoolExecutor(2) as pool:
            assert len(list(pool.map(load, [path] * 2))) == 2
        assert bool(met) is expected


def test_a_file_too_large_to_be_read_at_once_is_the_same_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dng = strange.dng(gradient(600, 400))
    for number, (suffix, content, _, _) in enumerate([*SAMPLES.values(), (".dng", dng, RGB, 0)]):
        path = put(tmp_path, f"{number}{suffix}", content)
        monkeypatch.setattr(photos, "_READ_AT_ONCE", 1 << 20)
        expected = load(path, short_side=64)
        monkeypatch.setattr(photos, "_READ_AT_ONCE", 100)
        got = load(path, short_side=64)
        assert difference(got.pixels, expected.pixels) == 0
        assert got.digest == expected.digest == photos.digest(path)


# --- Bombs


def jpeg_that_claims(width: int, height: int, *, progressive: bool = False) -> bytes:
    content = bytearray(saved(image, "JPEG", progressive=progressive))
    at = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def gif_that_claims(width: int, height: int) -> bytes:
    """Its first frame is to be wiped afterwards, for which Pillow fills a picture of that size on opening."""
    content = bytearray(saved(eight, "GIF", disposal=2, transparency=1))
    content[6:10] = struct.pack("<HH", width, height)
    at = content.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 160, 120))
    content[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(content)


@pytest.mark.parametrize(
    "content, words",
    [
        (
            strange.png([strange.png_header(60_000, 60_000, 1, 0), (b"IDAT", bytes(64)), (b"IEND", b"")]),
            "has 3,600 megapixels, more than Lennonnet opens (400)",
        ),
        (jpeg_that_claims(60_000, 60_000), "has 3,600 megapixels, more than Lennonnet opens ("),
        (
            jpeg_that_claims(30_000, 30_000, progressive=True),
            "has 900 megapixels, more than Lennonnet opens (400)",
        ),
        (jpeg_that_claims(46_000, 46_000), "has 2,116 megapixels, more than Lennonnet opens ("),
        (gif_that_claims(65_000, 65_000), "has 4,225 megapixels, more than Lennonnet opens (400)"),
        (gif_that_claims(30_000, 30_000), "has 900 megapixels, more than Lennonnet opens (400)"),
        (
            saved(image, "BMP").replace(struct.pack("<ii", 160, 120), struct.pack("<ii", 60_000, 60_000)),
            "has 3,600 megapixels, more than Lennonnet opens (400)",
        ),
    ],
    ids=["PNG", "JPEG", "progressive", "JPEG, smaller", "GIF, vast", "GIF", "BMP"],
)
def test_a_bomb_is_refused_before_it_goes_off(
    tmp_path: Path, content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "x.jpg", content)
    before = time.monotonic()
    for opener in (load, load_full):
        with pytest.raises(UnreadablePhoto) as caught:
            opener(path)
        assert words in caught.value.reason
    assert time.monotonic() - before < 10


def test_a_camera_file_can_be_too_large_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MAX_PIXELS", 200_000)
    with pytest.raises(UnreadablePhoto, match="megapixels"):
        load(put(tmp_path, "x.dng", strange.dng(gradient(600, 400))))


# --- Camera files


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["sensor", "preview", "turned preview", "small preview", "damaged preview"])
def test_camera_files(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = gradient(600, 400)
    turn = STORED[orientation]
    stored = Image.fromarray(upright) if turn is None else Image.fromarray(upright).transpose(turn)
    seen = Image.fromarray(upright) if kind == "turned preview" and orientation > 4 else stored
    if kind == "small preview":
        seen = seen.resize((seen.width // 4, seen.height // 4))
    content = saved(seen, "JPEG", quality=98, subsampling=0) if kind != "sensor" else b""
    if kind == "damaged preview":
        content = content[:300] + bytes(len(content) - 300)
    path = put(
        tmp_path,
        "x.dng",
        strange.dng(np.asarray(stored), orientation=orientation, preview=content, preview_size=seen.size),
    )
    photo = load(path, short_side=200)
    assert (photo.width, photo.height, photo.format) == (600, 400, "DNG")
    assert (photo.taken, photo.camera) == ("2021-03-04T05:06:07", "Lennonnet Test Camera")
    expected = np.asarray(Image.fromarray(upright).reduce(2))
    assert photo.pixels.shape == expected.shape
    if "preview" in kind and kind.split()[0] not in ("small", "damaged"):
        assert difference(photo.pixels, expected) <= 10
    else:  # developing is a matter of taste: brighter, but the same picture
        for channel in range(3):
            flat, wanted = photo.pixels[..., channel].ravel(), expected[..., channel].ravel()
            assert np.corrcoef(flat, wanted)[0, 1] > 0.95
    full = load_full(path).pixels
    assert full.shape == (400, 600, 3)


def test_what_a_camera_file_does_not_say_its_preview_may(tmp_path: Path) -> None:
    facts = exif(6, make="Maker", model="Model", original="2020:01:02 03:04:05")
    content = saved(Image.fromarray(gradient(600, 400)), "JPEG", exif=facts)
    bare = saved(Image.fromarray(gradient(600, 400)), "JPEG")
    photo = load(put(tmp_path, "x.dng", strange.dng(RGB, preview=bare, preview_size=(600, 400), facts=False)))
    assert photo.taken == ""
    content = content[:2] + content[20:]  # without JFIF's block, as cameras write it
    dng = strange.dng(gradient(600, 400), preview=content, preview_size=(600, 400), facts=False)
    photo = load(put(tmp_path, "x.dng", dng))
    assert (photo.taken, photo.camera) == ("2020-01-02T03:04:05", "Maker Model")
    assert (photo.width, photo.height) == (600, 400)  # what it says of its orientation doesn't count


def test_a_camera_file_that_is_none(tmp_path: Path) -> None:
    assert reason(put(tmp_path, "x.nef", b"II*\0" + bytes(2000)))
    words = "is damaged, or of a kind that Lennonnet doesn't know"
    assert reason(put(tmp_path, "x.cr3", b"just text, and nothing else" * 20)) == words


# --- Facts


def test_the_facts_of_a_photo(tmp_path: Path) -> None:
    facts = exif(make="NIKON CORPORATION", model="NIKON D90", original="2020:01:02 03:04:05")
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[0x10F], directory[0x110] = "NIKON CORPORATION", "NIKON D90"
    directory[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"):
        options = {"tiffinfo": directory} if form == "TIFF" else {"exif": facts}
        photo = load(put(tmp_path, "x.jpg", saved(image, form, **options)))
        assert (photo.taken, photo.camera) == ("2020-01-02T03:04:05", "NIKON D90"), form
    photo = load(put(tmp_path, "x.jpg", saved(image, "JPEG")))
    assert (photo.taken, photo.camera) == ("", "")


@pytest.mark.parametrize(
    "texts, taken",
    [
        ({"original": "2020:01:02 03:04:05", "digitized": "2021:01:02 03:04:05"}, "2020-01-02T03:04:05"),
        ({"digitized": "2021:01:02 03:04:05", "changed": "2022:01:02 03:04:05"}, "2021-01-02T03:04:05"),
        ({"changed": "2022:01:02 03:04:05"}, "2022-01-02T03:04:05"),
        ({"original": "0000:00:00 00:00:00", "changed": "2022:01:02 03:04:05"}, "2022-01-02T03:04:05"),
        ({"original": "2020:02:30 03:04:05"}, ""),
        ({"original": "    :  :     :  :  "}, ""),
        ({"original": "0001:01:01 00:00:00"}, ""),
        ({"original": "2020-01-02T03:04:05+02:00"}, "2020-01-02T03:04:05"),
        ({"original": "2020:01:02 03:04"}, "2020-01-02T03:04:00"),
        ({"original": "yesterday"}, ""),
    ],
)
def test_when_a_photo_was_taken(tmp_path: Path, texts: dict[str, str], taken: str) -> None:
    assert load(put(tmp_path, "x.jpg", saved(image, "JPEG", exif=exif(**texts)))).taken == taken  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make, model, camera",
    [
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("OLYMPUS CORP.  ", "E-M5\0\0", "OLYMPUS CORP. E-M5"),
        ("Leica", "", "Leica"),
        ("", "X100", "X100"),
        ("A\x07B", "C\nD", "A B C D"),
    ],
)
def test_the_cameras_name(tmp_path: Path, make: str, model: str, camera: str) -> None:
    assert (
        load(put(tmp_path, "x.jpg", saved(image, "JPEG", exif=exif(make=make, model=model)))).camera == camera
    )


def test_damaged_metadata_cost_no_photo(tmp_path: Path) -> None:
    whole = exif(6, make="Maker", model="Model", original="2020:01:02 03:04:05").tobytes()
    chance = random.Random(1)
    blocks: list[bytes] = [whole[:length] for length in range(6, len(whole), 7)]
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        blocks.append(bytes(damaged))
    for block in blocks:
        photo = load(put(tmp_path, "x.jpg", saved(image, "JPEG", exif=block)))
        assert sorted(photo.pixels.shape) == [3, 120, 160]


def test_an_orientation_that_points_nowhere_is_none(tmp_path: Path) -> None:
    entry = struct.pack("<HHII", 0x112, 2, 8, 0xFFFFFF)  # text, said to lie far behind the end
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4)
    assert load(put(tmp_path, "x.jpg", saved(image, "JPEG", exif=block))).width == 160


def test_pillows_warnings_do_not_leak(tmp_path: Path) -> None:
    """Also where warnings are errors, as they are in these tests."""
    block = bytearray(exif(make="Maker" * 10).tobytes())
    at = block.index(struct.pack(">HH", 0x10F, 2) if b"MM" in block[:8] else struct.pack("<HH", 0x10F, 2))
    block[at + 8 : at + 12] = b"\x7f\x7f\x7f\x7f"  # a text that lies behind the end of the file
    path = put(tmp_path, "x.jpg", saved(image, "JPEG", exif=bytes(block)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning), Image.open(path) as plain:
            plain.getexif()[0x112]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(path).width == 160
    assert load(path).width == 160


# --- What can't be read


def reason(path: Path | str, opener: Callable[..., Any] = load) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        opener(path)
    assert caught.value.path == str(path)
    assert str(caught.value) == f"{path} {caught.value.reason}"
    assert not caught.value.reason[0].isupper() and not caught.value.reason.endswith(".")
    return caught.value.reason


def test_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(tmp_path / "gone.jpg") == "isn't there any more"
    assert reason(put(tmp_path, "a.jpg", b"") / "b.jpg") == "isn't there any more"
    assert reason(put(tmp_path, "x.jpg", b"")) == "is empty"
    assert reason(put(tmp_path, "x.jpg", b"Dear diary")) == "isn't a picture"
    assert reason(put(tmp_path, "x.jpg", bytes(5000))) == "isn't a picture"
    assert (
        reason(put(tmp_path, "x.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"))
        == "isn't a picture"
    )
    (tmp_path / "folder.jpg").mkdir()
    assert reason(tmp_path / "folder.jpg") == "is a folder"
    with pytest.raises(UnreadablePhoto):
        load("a\0b.jpg")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert reason(tmp_path / "pipe.jpg") == "isn't a file"
    for opener in (load_full, photos.digest):
        assert reason(tmp_path / "gone.jpg", opener) == "isn't there any more"

    path = put(tmp_path, "x.png", saved(image, "PNG"))

    def raising(error: Exception) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        return fail

    for error, words in (
        (MemoryError(), "needs more memory than there is"),
        (PermissionError(13, "Permission denied"), "can't be opened: you have no permission"),
        (OSError(5, "Input/output error"), "can't be opened: input/output error"),
        (ZeroDivisionError(), "is damaged"),
        (struct.error("unpack"), "is damaged"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Image, "open", raising(error))
            assert reason(path) == words


def test_an_unreadable_file_can_be_told_to_another_process() -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(UnreadablePhoto("a.jpg", "is empty")))
    assert (copy.path, copy.reason) == ("a.jpg", "is empty")


ONE_OF_EACH = [
    "JPEG", "JPEG, progressive", "PNG", "GIF", "WebP", "BMP", "TIFF", "TIFF, LZW", "HEIC", "AVIF",
]  # fmt: skip


@pytest.mark.parametrize("title", ONE_OF_EACH)
def test_a_cut_file_is_said_to_be_cut(tmp_path: Path, title: str) -> None:
    suffix, content, _, _ = SAMPLES[title]
    head = (
        120 if title.startswith("TIFF") else min(1000, len(content) * 4 // 5)
    )  # where TIFF's directory ends
    for length in (*range(20, head, 7), *(len(content) * tenth // 10 for tenth in (3, 6, 9))):
        assert reason(put(tmp_path, f"x{suffix}", content[:length])) == "is cut off", length


@pytest.mark.parametrize(
    "title", [*ONE_OF_EACH, "MPO", "PNG, palette, transparent", "GIF, animated", "DNG", "DNG+"]
)
def test_no_damage_escapes_as_anything_else(
    tmp_path: Path, title: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if title.startswith("DNG"):
        picture = gradient(96, 64)
        preview = saved(Image.fromarray(picture), "JPEG") if title == "DNG+" else b""
        suffix, content = ".dng", strange.dng(picture, preview=preview, preview_size=(96, 64))
    else:
        suffix, content, _, _ = SAMPLES[title]
    chance = random.Random(title)
    opened = 0
    for number in range(60):
        damaged = bytearray(content)
        where = len(content) if number % 2 else min(len(content), 400)  # half of them in the head
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(where)] = chance.choice((0, 255, chance.randrange(256)))
        if number % 5 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            photo = load(put(tmp_path, f"x{suffix}", bytes(damaged)), short_side=64)
        except UnreadablePhoto as error:
            assert error.reason
        else:
            opened += 1
            assert photo.pixels.ndim == 3 and photo.pixels.dtype == np.uint8
    assert opened < 60
    if title not in ("TIFF, LZW", "DNG", "DNG+"):  # libtiff and LibRaw have their say about damage on stderr
        assert "".join(capfd.readouterr()) == ""


# --- Threads and imports


def test_threads_see_the_same_pixels(tmp_path: Path) -> None:
    made = [put(tmp_path, f"{n}{sample[0]}", sample[1]) for n, sample in enumerate(SAMPLES.values())]
    alone = [load(path, short_side=64).pixels for path in made]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            together = list(pool.map(lambda path: load(path, short_side=64).pixels, made))
            assert all(difference(a, b) == 0 for a, b in zip(alone, together, strict=True))


def test_the_first_photos_may_come_from_many_threads(tmp_path: Path) -> None:
    for number in range(4):
        for title in ("HEIC", "AVIF", "TIFF", "WebP", "PNG", "GIF", "BMP", "JPEG"):
            put(tmp_path, f"{title}{number}.jpg", SAMPLES[title][1])
    put(tmp_path, "x.dng", strange.dng(gradient(600, 400)))
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
from training import photos
late = {"rawpy", "pillow_heif", "torch", "PySide6", "PIL.ImageCms", "PIL.TiffImagePlugin"}
assert not late & set(sys.modules), late & set(sys.modules)
paths = [file.path for batch in photos.scan(sys.argv[1]) for file in batch]
assert len(paths) == 33
with ThreadPoolExecutor(16) as pool:
    assert all(photo.width in (160, 600) for photo in pool.map(photos.load, paths))
from PIL import Image
assert "EPS" not in Image.OPEN, "Pillow loaded plugins that nobody needs"
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


# --- Finding photos


def names(root: Path, **options: Any) -> list[str]:
    return [Path(file.path).relative_to(root).as_posix() for batch in scan(root, **options) for file in batch]


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")


def test_photos_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "IMG_10.jpg",
        "IMG_2.JPG",
        "img_1.jpg",
        "b/2.png",
        "b/1.png",
        "a10/x.webp",
        "a9/x.HEIC",
        "Z.nef",
    )
    touch(tmp_path, "notes.txt", "jpg", "x.jpg.bak", "movie.mp4", "IMG_02.jpg")
    expected = ["img_1.jpg", "IMG_02.jpg", "IMG_2.JPG", "IMG_10.jpg", "Z.nef"]
    assert names(tmp_path) == [*expected, "a9/x.HEIC", "a10/x.webp", "b/1.png", "b/2.png"]
    assert names(tmp_path, recursive=False) == expected


def test_a_found_photo_has_its_size_and_time(tmp_path: Path) -> None:
    path = put(tmp_path, "x.jpg", b"12345")
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    [[file]] = scan(tmp_path)
    assert file == PhotoFile(str(path), 5, path.stat().st_mtime_ns)
    assert list(scan(str(tmp_path))) == [[file]]


def test_every_suffix_is_found(tmp_path: Path) -> None:
    touch(tmp_path, *(f"x{suffix}" for suffix in photos.SUFFIXES))
    assert len(names(tmp_path)) == len(photos.SUFFIXES)
    assert {".jpg", ".heic", ".avif", ".tiff", ".nef", ".cr3", ".dng"} <= photos.SUFFIXES


def test_hidden_things_and_our_own_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENNONNET_HOME", str(tmp_path / "kept"))
    touch(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".hidden/c.jpg", "@eaDir/d.jpg", "$RECYCLE.BIN/e.jpg")
    touch(
        tmp_path,
        "kept/cache/thumbnails/f.png",
        "kept/data/g.png",
        "kept/log/h.png",
        "kept/i.jpg",
        "#recycle/j.jpg",
    )
    assert names(tmp_path) == ["a.jpg", "kept/i.jpg"]
    assert names(tmp_path / ".hidden") == ["c.jpg"]  # who asks for it gets it
    assert names(tmp_path / "kept/cache") == []
    assert names(tmp_path / "kept/cache/thumbnails") == ["f.png"]


def test_folders_named_like_photos_are_folders(tmp_path: Path) -> None:
    touch(tmp_path, "x.jpg/y.jpg")
    assert names(tmp_path) == ["x.jpg/y.jpg"]
    assert names(tmp_path, recursive=False) == []


needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@needs_links
def test_links_lead_to_photos_once_and_never_in_circles(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(tmp_path, "root/a/1.jpg", "outside/2.jpg", "elsewhere.jpg")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a")
    (root / "b").symlink_to(tmp_path / "outside")
    (root / "c").symlink_to(tmp_path / "outside")
    (root / "linked.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    (root / "broken.jpg").symlink_to(tmp_path / "nothing.jpg")
    (root / "round.jpg").symlink_to(root / "round.jpg")
    (root / "roundabout").symlink_to(root / "roundabout")
    problems: list[tuple[str, str]] = []
    assert names(root, problems=problems) == ["linked.jpg", "a/1.jpg", "b/2.jpg"]
    assert sorted(problems) == [
        (str(root / "broken.jpg"), "is a link to something that isn't there"),
        (str(root / "round.jpg"), "is a link that leads back to itself"),
        (str(root / "roundabout"), "is a link that leads back to itself"),
    ]
    assert names(root) == ["linked.jpg", "a/1.jpg", "b/2.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    assert names(tmp_path) == []


def test_strange_names(tmp_path: Path) -> None:
    made = (
        ["two\nlines.jpg", "smile 😀.png", "é.jpg"] if sys.platform != "win32" else ["smile 😀.png", "é.jpg"]
    )
    for name in made:
        put(tmp_path, name, SAMPLES["PNG"][1])
    if sys.platform == "linux":
        made.append(os.fsdecode(b"caf\xe9.jpg"))
        Path(tmp_path, made[-1]).write_bytes(SAMPLES["PNG"][1])
    found = [file.path for batch in scan(tmp_path) for file in batch]
    assert sorted(found) == sorted(str(tmp_path / name) for name in made)
    assert all(load(path).width == 160 for path in found)


def test_batches_are_small_and_scanning_can_be_stopped(tmp_path: Path) -> None:
    for number in range(1100):
        (tmp_path / f"{number}.jpg").touch()
    batches = list(scan(tmp_path))
    assert max(map(len, batches)) <= 512
    assert sum(map(len, batches)) == 1100
    running = scan(tmp_path)
    next(running)
    running.close()
    assert list(running) == []


def test_a_slow_folder_gives_chances_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"{n}.jpg" for n in range(20)))
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    batches = list(scan(tmp_path))
    assert len(batches) > 20 and sum(map(len, batches)) == 20


def test_a_folder_without_permission_does_not_end_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "1.jpg", "locked/2.jpg", "open/3.jpg")
    original = os.scandir

    def guarded(folder: str) -> Any:  # root may do anything, so permissions can't be tested for real
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied", folder)
        return original(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    problems: list[tuple[str, str]] = []
    assert names(tmp_path, problems=problems) == ["1.jpg", "open/3.jpg"]
    assert problems == [(str(tmp_path / "locked"), "can't be opened: you have no permission")]
    with pytest.raises(FolderUnreadable, match="permission"):
        scan(tmp_path / "locked")


def test_a_folder_that_can_not_be_listed(tmp_path: Path) -> None:
    with pytest.raises(FolderUnreadable) as caught:
        scan(tmp_path / "gone")
    assert str(caught.value).startswith(f'The folder "{tmp_path / "gone"}" isn\'t there any more. ')
    touch(tmp_path, "file.jpg")
    with pytest.raises(FolderUnreadable, match="isn't a folder"):
        scan(tmp_path / "file.jpg")
    with pytest.raises(FolderUnreadable):
        scan("a\0b")


def test_what_vanishes_meanwhile_ends_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root, *(f"{n}.jpg" for n in range(600)), "later/x.jpg")
    running = scan(root)
    assert next(running)
    shutil.rmtree(root)
    assert sum(map(len, running)) < 600
    assert list(scan(tmp_path)) == []


def test_a_subfolder_that_vanishes_is_no_problem_but_the_folder_itself_is(tmp_path: Path) -> None:
    for gone in ("root", "root/later"):
        touch(tmp_path, *(f"root/{n}.jpg" for n in range(600)), "root/later/x.jpg")
        problems: list[tuple[str, str]] = []
        running = scan(tmp_path / "root", problems=problems)
        if gone == "root/later":
            assert next(running)
        shutil.rmtree(tmp_path / gone)
        assert "later" not in "".join(file.path for batch in running for file in batch)
        assert [path for path, _ in problems] == ([str(tmp_path / "root")] if gone == "root" else [])


def test_an_unplugged_drive_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    touch(root, *(f"{n}.jpg" for n in range(5)))

    class Lost:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path = entry.name, entry.path

        def is_dir(self) -> bool:
            return False

        def stat(self) -> os.stat_result:
            raise OSError(5, "Input/output error")

    class Listing:
        def __init__(self, folder: str) -> None:
            with original(folder) as listing:
                self.entries = [Lost(entry) for entry in listing]

        def __enter__(self) -> list[Lost]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

    original = os.scandir
    monkeypatch.setattr(os, "scandir", Listing)
    problems: list[tuple[str, str]] = []
    assert names(root, problems=problems) == []
    assert len(problems) == 5  # five bad files in a folder that is there
    problems.clear()
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    assert names(root, problems=problems) == []
    assert problems == [(str(root), "can't be opened: input/output error")]


def test_real_photos(shared_data: Path) -> None:
    """The skimage sample below stands in where there are none."""
    found = [file for batch in scan(shared_data / "random") for file in batch][:20]
    assert found
    for file in found:
        assert load(file.path).pixels.std() > 1


def test_a_real_photo_from_a_package(tmp_path: Path) -> None:
    cat: Pixels = pictures.chelsea()  # type: ignore[no-untyped-call]
    photo = load(put(tmp_path, "cat.png", saved(Image.fromarray(cat), "PNG")))
    assert difference(photo.pixels, cat) == 0
