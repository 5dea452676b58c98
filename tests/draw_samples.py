"""Draws the pictures in resources/samples, with which the program tests itself: `python -m tests.draw_samples`.

Of every format there is one and the same picture: 64 x 48, a colour in each quarter. Stored turned, where the format
says how to turn it back. And there is a face, which nobody has; and what the built-in network makes of it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from tests import strange_photos as strange
from training import extractors, photos, self_test

FOLDER = Path(__file__).parent.parent / "resources" / "samples"
TAKEN, MAKE, MODEL = "2021:03:04 05:06:07", "Lennonnet", "Test Camera"
_STORED = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def quarters(colours: tuple[self_test.Colour, ...] = self_test.QUARTERS) -> Image.Image:
    """The picture that every sample shows."""
    width, height = self_test.SIZE
    made = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(colours):
        row, column = divmod(number, 2)
        made[row * height // 2 : (row + 1) * height // 2, column * width // 2 : (column + 1) * width // 2] = (
            colour
        )
    return Image.fromarray(made)


def face(edge: int = 192) -> Image.Image:
    """A face in front of a wall, so much like one that the networks find it."""
    skin, shade, dark, hair = (224, 180, 150), (195, 157, 131), (161, 130, 108), (70, 48, 34)
    size = 4 * edge
    made = Image.new("RGB", (size, size), (120, 140, 150))
    draw = ImageDraw.Draw(made)

    def oval(x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        draw.ellipse([(x - rx) * size, (y - ry) * size, (x + rx) * size, (y + ry) * size], fill=colour)

    def arc(
        x: float, y: float, rx: float, ry: float, degrees: tuple[int, int], thick: float, what: Any
    ) -> None:
        box = [(x - rx) * size, (y - ry) * size, (x + rx) * size, (y + ry) * size]
        draw.arc(box, *degrees, fill=what, width=int(thick * size))

    def soften(by: float) -> None:
        nonlocal made, draw
        made = made.filter(ImageFilter.GaussianBlur(size * by))
        draw = ImageDraw.Draw(made)

    oval(0.5, 0.44, 0.31, 0.36, hair)
    draw.rectangle([0.4 * size, 0.75 * size, 0.6 * size, size], fill=dark)
    oval(0.5, 1.1, 0.45, 0.22, (60, 70, 110))
    oval(0.5, 0.52, 0.25, 0.33, skin)
    oval(0.5, 0.27, 0.25, 0.12, hair)
    for x in (0.255, 0.745):
        oval(x, 0.53, 0.03, 0.06, shade)
    soften(0.01)
    for x in (0.4, 0.6):
        oval(x, 0.475, 0.068, 0.045, dark)
        oval(x, 0.48, 0.052, 0.024, (245, 242, 238))
        oval(x, 0.48, 0.024, 0.024, (60, 40, 30))
        oval(x, 0.48, 0.011, 0.011, (10, 8, 8))
        arc(x, 0.481, 0.055, 0.029, (190, 350), 0.009, (50, 32, 26))
        arc(x, 0.4425, 0.075, 0.0375, (200, 340), 0.022, hair)
    soften(0.004)
    nose = [(0.48, 0.5), (0.455, 0.63), (0.52, 0.63), (0.505, 0.5)]
    draw.polygon([(x * size, y * size) for x, y in nose], fill=shade)
    for x in (0.47, 0.53):
        oval(x, 0.635, 0.016, 0.01, (110, 70, 60))
    oval(0.5, 0.625, 0.03, 0.018, shade)
    oval(0.5, 0.72, 0.085, 0.026, (170, 80, 80))
    draw.line([0.42 * size, 0.718 * size, 0.58 * size, 0.718 * size], (100, 40, 40), int(0.008 * size))
    oval(0.5, 0.765, 0.05, 0.012, shade)
    soften(0.006)
    return made.resize((edge, edge), Image.Resampling.LANCZOS)


def samples() -> dict[str, bytes]:
    """The files, by name."""
    picture = quarters()
    fine = {"quality": 92, "subsampling": 0}
    preview = saved(turned(picture, 6), "JPEG", **fine)
    return {
        "turned.jpg": saved(turned(picture, 6), "JPEG", exif=exif(6), **fine),
        "display-p3.jpg": saved(
            in_display_p3(picture), "JPEG", progressive=True, icc_profile=strange.display_p3(), **fine
        ),
        "four-inks.jpg": saved(picture.convert("CMYK"), "JPEG", **fine),
        "sixteen-bits.png": strange.png16(np.asarray(picture).astype(np.uint16) * 257),
        "turned-transparent.png": saved(turned(clear(), 3), "PNG", exif=exif(3)),
        "turned.webp": saved(turned(picture, 8), "WEBP", quality=95, exif=exif(8)),
        "lossless.webp": saved(picture, "WEBP", lossless=True),
        "turned.heic": heic(turned(picture, 6), exif=exif(6)),
        "ten-bits.heic": heic10(picture),
        "turned.avif": saved(turned(picture, 8), "AVIF", quality=95, subsampling="4:4:4", exif=exif(8)),
        "turned-lzw.tif": saved(
            turned(picture, 6), "TIFF", compression="tiff_lzw", exif=exif(6, nested=False)
        ),
        "deflate.tif": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg-inside.tif": saved(picture, "TIFF", compression="jpeg", quality=92),
        "two-frames.gif": saved(
            picture.quantize(4), "GIF", save_all=True, append_images=[Image.new("P", self_test.SIZE)]
        ),
        "plain.bmp": saved(picture, "BMP"),
        "turned-preview.dng": strange.dng(
            np.asarray(turned(picture, 6)),
            orientation=6,
            preview=preview,
            preview_size=turned(picture, 6).size,
        ),
        "sensor.dng": strange.dng(np.asarray(picture)),
        self_test.FACE: saved(face(), "JPEG", quality=88),
    }


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """A picture as it is stored by a camera that is held like this."""
    turn = _STORED[orientation]
    return image if turn is None else image.transpose(turn)


def exif(orientation: int, *, nested: bool = True) -> bytes:
    """What a camera says of a photo; nested: the date in a directory of its own, which libtiff can't write."""
    made = Image.Exif()
    made[0x112], made[0x10F], made[0x110] = orientation, MAKE, MODEL
    if nested:
        made.get_ifd(0x8769)[0x9003] = TAKEN
    else:
        made[0x132] = TAKEN
    return made.tobytes()


def clear() -> Image.Image:
    """The picture, with nothing in its last quarter."""
    made = quarters().convert("RGBA")
    width, height = made.size
    made.paste((0, 0, 0, 0), (width // 2, height // 2, width, height))
    return made


def in_display_p3(image: Image.Image) -> Image.Image:
    """The same colours in Display P3's numbers."""
    to = ImageCms.ImageCmsProfile(io.BytesIO(strange.display_p3()))
    changed = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), to, outputMode="RGB")
    assert changed is not None
    return changed


def heic(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=92, chroma=444, **options)
    return stream.getvalue()


def heic10(image: Image.Image) -> bytes:
    wide: NDArray[np.uint16] = np.asarray(image).astype(np.uint16) * 257
    stream = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", image.size, wide.tobytes()).save(stream, quality=92, chroma=444)
    return stream.getvalue()


def features_of(folder: Path) -> NDArray[np.float16]:
    """What the built-in network makes of the face, as the cache keeps it."""
    extractor = extractors.load()
    pixels = photos.load(folder / self_test.FACE).pixels
    made: NDArray[np.float16] = extractor.run(np.stack([extractor.spec.prepare(pixels)]))[0].astype(
        np.float16
    )
    return made


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put all of it into a folder."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / self_test.FEATURES).write_bytes(features_of(folder).astype("<f2").tobytes())


if __name__ == "__main__":
    write(FOLDER, samples())
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:7,}  {path.name}")
    print(f"{sum(path.stat().st_size for path in FOLDER.iterdir()):7,}  in all")
