"""Finds photos and opens them: the ONE way from a file to upright sRGB pixels, for all who need them.

Whatever a file holds, `load` gives 8-bit sRGB in the orientation in which the photo is looked at, or raises
`UnreadablePhoto` with a plain reason; nothing else comes out. Several threads may call all functions at once.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH112, PTH116, PTH123

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import io
import math
import os
import re
import stat
import struct
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from training import paths

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform
    from PIL.ImageFile import ImageFile

# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
"""Suffixes of camera files, opened by the preview that the camera put into them; lower case, with the dot."""

SUFFIXES = RAW_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
    ".heic", ".heif", ".hif", ".avif",
}
"""Suffixes of all files that count as photos; lower case, with the dot. What a file is, its content says."""

# Folders that hold no photos of the user's own: thumbnails, deleted files and snapshots of network drives
# and systems.
_SKIPPED_FOLDERS = frozenset({
    "@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found", "__macosx",
})
# fmt: on

MAX_PIXELS = 400_000_000
"""Pictures that declare more pixels than this are refused before any of them is decoded."""

MAX_SEQUENTIAL_JPEG_PIXELS = 2_000_000_000
"""The same for a sequential JPEG: it is decoded at 1/8, so it takes time but 1/64 of the memory."""

# Bytes; larger files are hashed in pieces and decoded from the disk.
_READ_AT_ONCE = 256 << 20
# Pixels to decode; larger pictures are decoded one at a time, however many threads there are.
_LARGE = 50_000_000
# Pixels; large pictures are converted and reduced in strips, so that they are never held twice.
_STRIP = 4_000_000
# Pixels; see _Wanted.fit.
_LONG, _LONGEST = 4096, 16384

GONE = "isn't there any more"
"""The reason of a photo or folder that vanished after it was found; of all reasons only this may pass."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that counts as a photo, unopened; `path` may hold surrogates, `mtime_ns` is in nanoseconds."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An opened photo, upright.

    pixels: (H, W, 3) uint8, sRGB, read-only because threads share it; usually smaller than the original
    width, height: of the whole original, upright, in pixels
    taken: when, by the camera's clock, as "YYYY-MM-DDTHH:MM:SS"; "" if unknown
    camera: make and model; "" if unknown
    format: "JPEG", "PNG", "HEIC", "NEF"...
    digest: XXH3-128 of the file's bytes (16 bytes)
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    width: int
    height: int
    taken: str
    camera: str
    format: str
    digest: bytes


class UnreadablePhoto(Exception):
    """A photo that can't be opened; `reason` is plain words to follow its name, such as "is cut off"."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


class FolderUnreadable(Exception):
    """A folder that can't be listed; as a string it is a sentence for the user, with name and reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return (
            f'The folder "{self.path}" {self.reason}. Choose another folder, or connect the drive it is on.'
        )


# --- Finding photos


def scan(
    root: str | Path, *, recursive: bool = True, problems: list[tuple[str, str]] | None = None
) -> Generator[list[PhotoFile], None, None]:
    """Find the photos in `root`, in batches of at most 512, about every 50 ms; close the generator to cancel.

    Within a folder the order is that of the names, numbers by their value (IMG_2 before IMG_10), and a
    folder's own photos come before those of its subfolders. A batch may be empty: in a slow or huge folder it
    is a chance to cancel. Hidden files and folders, folders of system leftovers and Lennonnet's own are left
    out; links are followed, and no folder is visited twice.

    What can't be looked at (a folder without permission, a link to nothing) is appended to `problems` as
    (path, plain reason), and the rest goes on; files and folders that vanish meanwhile are left out.

    Raises FolderUnreadable, from this call and not from the first batch, if `root` can't be listed.
    """
    top = os.fspath(root)
    try:
        os.scandir(top).close()
        seen = {_identity(top)}
    except (OSError, ValueError) as error:
        raise FolderUnreadable(top, _os_words(error)) from error
    return _walk(top, recursive, seen, [] if problems is None else problems)


def _walk(
    top: str, recursive: bool, seen: set[tuple[int, int] | str], problems: list[tuple[str, str]]
) -> Generator[list[PhotoFile], None, None]:
    for own in (paths.cache_dir(), paths.data_dir(), paths.log_dir(), paths.thumbnail_dir()):
        with contextlib.suppress(OSError):
            seen.add(_identity(os.fspath(own)))
    batch: list[PhotoFile] = []
    due = time.monotonic() + 0.05
    folders = [top]
    while folders:
        folder = folders.pop()
        entries: list[os.DirEntry[str]] = []
        try:
            with os.scandir(folder) as listing:
                for entry in listing:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    if _suffix(name) in SUFFIXES or (recursive and _may_be_folder(entry)):
                        entries.append(entry)
                    if time.monotonic() > due:
                        yield batch
                        batch = []
                        due = time.monotonic() + 0.05
        except OSError as error:
            if folder == top or not isinstance(error, FileNotFoundError):
                problems.append((folder, _os_words(error)))
        entries.sort(key=_by_name)

        inner: list[str] = []
        for entry in entries:
            try:
                info = entry.stat()
                if stat.S_ISREG(info.st_mode):
                    if _suffix(entry.name) in SUFFIXES:
                        batch.append(PhotoFile(entry.path, info.st_size, info.st_mtime_ns))
                elif recursive and stat.S_ISDIR(info.st_mode) and not _is_hidden(entry.name, info):
                    identity = _identity(entry.path)
                    if identity not in seen:
                        seen.add(identity)
                        inner.append(entry.path)
            except FileNotFoundError:
                if entry.is_symlink():
                    problems.append((entry.path, "is a link to something that isn't there"))
            except OSError as error:
                if not os.path.isdir(folder):  # a drive was unplugged: one problem, not one for each photo
                    problems.append((folder, _os_words(error)))
                    break
                problems.append((entry.path, _os_words(error)))
            if len(batch) >= 512 or time.monotonic() > due:
                yield batch
                batch = []
                due = time.monotonic() + 0.05
        folders.extend(reversed(inner))
    if batch:
        yield batch


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself: looked at again, and reported, in its turn
        return True


def _is_hidden(name: str, info: os.stat_result) -> bool:
    attributes: int = getattr(info, "st_file_attributes", 0)  # Windows only
    return name.lower() in _SKIPPED_FOLDERS or bool(
        attributes & (stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM)
    )


def _identity(folder: str) -> tuple[int, int] | str:
    """What two names of one folder share; asks the system, because a listing has no inodes on Windows."""
    info = os.stat(folder)
    return (info.st_dev, info.st_ino) if info.st_ino else os.path.realpath(folder)


def _by_name(entry: os.DirEntry[str]) -> str:
    # One text per name, and not a list of texts and numbers, which takes longer to compare: while a list is
    # sorted, no other thread runs.
    return _NUMBER.sub(_padded, entry.name.lower()) + "\0" + entry.name


_NUMBER = re.compile("[0-9]+")


def _padded(number: re.Match[str]) -> str:
    return number[0].zfill(20)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower()


def _os_words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return GONE
    if isinstance(error, PermissionError):
        return "can't be opened: you have no permission"
    if isinstance(error, NotADirectoryError):
        return "isn't a folder"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "is a link that leads back to itself"
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"can't be opened: {what[:1].lower()}{what[1:]}"


# --- Opening photos


def load(path: str | Path, *, short_side: int = 256) -> Photo:
    """Open a photo just large enough for its use; the pixels that all of Lennonnet sees come from here.

    The short side of `pixels` is at least `short_side` and less than twice that, where the original has it;
    a smaller picture comes as it is. Only strips longer than 64:1 come smaller, to bound their memory.
    Of animations and stacks it is the first picture; what is transparent lies on white.

    Raises UnreadablePhoto, and nothing else, for whatever may be wrong with the file.
    """
    return _load(path, _Wanted(short_side=short_side))


def load_full(path: str | Path, *, max_pixels: int = 100_000_000) -> Photo:
    """Open a photo as `load` does, but full size, or, if that is above `max_pixels`, at 1/2, 1/3... of it.

    Raises UnreadablePhoto.
    """
    return _load(path, _Wanted(max_pixels=max_pixels))


def digest(path: str | Path) -> bytes:
    """The XXH3-128 of a file's bytes (16 bytes), without decoding it: `Photo.digest` of the same file.

    Raises UnreadablePhoto.
    """
    name = os.fspath(path)
    with _plain_reasons(name), _reading(name) as (_, content):
        return content


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How large the pixels shall be: by their short side, or, if that is 0, by their number."""

    short_side: int = 0
    max_pixels: int = 0

    def factor(self, width: int, height: int) -> int:
        """By what whole number a picture of this size can be divided, at least 1."""
        if self.short_side:
            return max(1, min(width, height) // self.short_side)
        factor = max(1, math.isqrt(width * height // self.max_pixels))
        while -(-width // factor) * -(-height // factor) > self.max_pixels:
            factor += 1
        return factor

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The final size of a picture that was divided by `factor`; differs only for long strips.

        A panorama's short side may still be nearly twice what is wanted, and its long one needlessly long.
        """
        long = max(width, height)
        if not self.short_side or long <= _LONG:
            return width, height
        scale = min(1.0, max(self.short_side / min(width, height), _LONG / long), _LONGEST / long)
        return max(1, round(width * scale)), max(1, round(height * scale))


class _Refused(Exception):
    """Carries the reason from deep inside to `_plain_reasons`, which knows the file."""


class _Facts(NamedTuple):
    """What the metadata say: how to turn the stored picture (EXIF's 1 to 8), when it was taken, by what."""

    orientation: int = 1
    taken: str = ""
    camera: str = ""


class _Opened(NamedTuple):
    """A decoded picture of mode L, RGB or CMYK that has still to be turned and to become sRGB."""

    image: Image.Image
    profile: bytes | None
    orientation: int
    width: int  # of the whole original, upright
    height: int
    format: str
    facts: _Facts


def _load(path: str | Path, wanted: _Wanted) -> Photo:
    name = os.fspath(path)
    suffix = _suffix(name)
    with _plain_reasons(name), _reading(name) as (stream, content):
        kind = _kind(stream)
        try:
            # Many camera files look like a TIFF that holds a stamp-sized picture, so the suffix decides
            # between these.
            if suffix in RAW_SUFFIXES and kind in ("", "TIFF", "HEIF"):
                opened = _develop(stream, suffix[1:].upper(), wanted)
            else:
                opened = _picture(stream, kind, wanted)
        except (_Refused, MemoryError):
            raise
        except Exception as error:
            raise _Refused(_decoder_words(error, stream, kind)) from error
        pixels = _finish(opened, wanted)
    facts = opened.facts
    return Photo(pixels, opened.width, opened.height, facts.taken, facts.camera, opened.format, content)


@contextlib.contextmanager
def _plain_reasons(name: str) -> Iterator[None]:
    """Turn all that may go wrong with a file into UnreadablePhoto."""
    try:
        yield
    except _Refused as error:
        raise UnreadablePhoto(name, str(error)) from error.__cause__
    except MemoryError as error:
        raise UnreadablePhoto(name, "needs more memory than there is") from error
    except NotADirectoryError as error:  # a folder on the way to it
        raise UnreadablePhoto(name, _os_words(FileNotFoundError())) from error
    except OSError as error:
        raise UnreadablePhoto(name, _os_words(error)) from error
    except Exception as error:
        raise UnreadablePhoto(name, "is damaged") from error


@contextlib.contextmanager
def _reading(name: str) -> Iterator[tuple[BinaryIO, bytes]]:
    """A file as a stream, with the digest of its bytes; all but the very large are read once, in one go."""
    mode = os.stat(name).st_mode
    if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
        raise _Refused("is a folder" if stat.S_ISDIR(mode) else "isn't a file")
    with open(name, "rb") as file:
        if os.fstat(file.fileno()).st_size > _READ_AT_ONCE:
            hasher = xxhash.xxh3_128()
            while piece := file.read(1 << 22):
                hasher.update(piece)
            yield file, hasher.digest()
            return
        data = file.read()
    if not data:
        raise _Refused("is empty")
    yield io.BytesIO(data), xxhash.xxh3_128_digest(data)


_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II", "TIFF"),
    (b"MM", "TIFF"),
)


def _kind(stream: BinaryIO) -> str:
    """What a file is, by its first bytes, in Pillow's words; "" if it is nothing known.

    Pillow would try all that it knows, and much of that (PostScript, for one) nobody keeps photos in.
    """
    stream.seek(0)
    head = stream.read(64)
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = head[8 : int.from_bytes(head[:4], "big")]  # the first may be one that both kinds share
        return "AVIF" if b"avif" in brands or b"avis" in brands else "HEIF"
    return ""


_prepared: set[str] = set()
_preparing = threading.Lock()
_one_large = threading.Lock()
_hush: Any = None


def _prepare(kind: str) -> None:
    """Make Pillow ready: its plugins, its limits, its silence."""
    global _hush
    # Pillow warns about damaged metadata, which is nothing unusual and which nobody could act on. A filter is
    # the only way to silence it; it is looked after at every photo because leaving `warnings.catch_warnings`
    # somewhere puts an older list of filters back (and here that block can't serve: it isn't thread-safe).
    if not warnings.filters or warnings.filters[0] is not _hush:
        warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\.")
        _hush = warnings.filters[0]
    needed = "HEIF" if kind == "HEIF" else "Pillow"
    if needed in _prepared:
        return
    with _preparing:
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow warns from here on, and refuses from twice that on
        if kind == "HEIF":  # not before it is needed: it takes 50 ms
            try:
                import pillow_heif
            except ImportError as error:
                raise _Refused(
                    "is a HEIC picture, and the package pillow-heif for these is missing"
                ) from error
            pillow_heif.register_heif_opener(depth_images=False, aux_images=False)
        else:
            # Without these Pillow imports its forty others as well.
            from PIL import AvifImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401

            PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20  # Pillow's 1 MB refuses a photo with a long history
        _prepared.add(needed)


def _open(stream: BinaryIO, kind: str) -> ImageFile:
    """Read a picture's head, and refuse it if it is too large to be decoded."""
    if not kind:
        raise _Refused("isn't a picture")
    _prepare(kind)
    stream.seek(0)
    if kind == "JPEG":
        from PIL import JpegImagePlugin

        # As Image.open does it, but for the check of the size: a JPEG may be larger, because it is decoded at
        # 1/8, unless it is progressive, for then it is held in memory as a whole.
        image = JpegImagePlugin.jpeg_factory(stream)
        most = MAX_PIXELS if "progressive" in image.info else MAX_SEQUENTIAL_JPEG_PIXELS
        _check_size(image.width * image.height, most)
        return image
    try:
        return Image.open(stream, formats=(kind,))
    except Image.DecompressionBombError as error:
        number = re.search(r"\d+", str(error))  # the only place that has it
        _check_size(int(number[0]) if number else MAX_PIXELS + 1, MAX_PIXELS)
        raise


def _check_size(pixels: int, most: int) -> None:
    if pixels > most:
        raise _Refused(f"has {pixels / 1e6:,.0f} megapixels, more than Lennonnet opens ({most / 1e6:,.0f})")


def _decode(image: Image.Image, wanted: _Wanted) -> Image.Image:
    """Decode an opened picture and bring it near the wanted size; mode L, RGB or CMYK."""
    factor = wanted.factor(*image.size)
    if factor > 1:
        # JPEG can be decoded at 1/2, 1/4 or 1/8; of HEIF this takes an embedded smaller copy, if that is
        # large enough.
        image.draft(None, (image.width // factor, image.height // factor))
    large = image.width * image.height > _LARGE
    with _one_large if large else contextlib.nullcontext():
        image.load()
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            image = _eight_bit(image)
        return _reduced(image, wanted.factor(*image.size))


def _picture(stream: BinaryIO, kind: str, wanted: _Wanted) -> _Opened:
    """Decode a file that Pillow can open."""
    file = _open(stream, kind)
    width, height = file.size
    file.decodermaxblock = 1 << 26  # bytes handed to the decoder at a time: all, which saves it 2 %
    image = _decode(file, wanted)
    facts = _facts(stream if kind == "TIFF" else io.BytesIO(_exif(file)))
    if kind == "TIFF":  # Pillow turns these itself, and their size
        facts = facts._replace(orientation=1)
    if facts.orientation >= 5:
        width, height = height, width
    form = "HEIC" if file.get_format_mimetype() == "image/heic" else {"WEBP": "WebP"}.get(kind, kind)
    return _Opened(image, file.info.get("icc_profile"), facts.orientation, width, height, form, facts)


def _develop(stream: BinaryIO, form: str, wanted: _Wanted) -> _Opened:
    """Open a camera file by its preview, or, if that is missing or too small, by the sensor's data."""
    try:
        import rawpy
    except ImportError as error:
        raise _Refused("is a camera file, and the package rawpy, which opens it, is missing") from error
    facts = _facts(stream)
    stream.seek(0)
    with rawpy.imread(stream) as raw:
        sensor = raw.sizes
        width, height = sensor.width, sensor.height
        _check_size(width * height, MAX_PIXELS)
        orientation = {3: 3, 5: 8, 6: 6}.get(sensor.flip, 1)  # LibRaw's numbers, in EXIF's
        upright = (height, width) if orientation >= 5 else (width, height)
        needed = min(width, height, wanted.short_side or min(width, height) // 2)
        with contextlib.suppress(Exception):  # a missing or damaged preview isn't the end
            preview = raw.extract_thumb()
            profile = None
            if isinstance(preview.data, bytes):  # a JPEG
                inner = io.BytesIO(preview.data)
                image: Image.Image = _open(inner, _kind(inner))
                profile = image.info.get("icc_profile")
                own = _facts(io.BytesIO(_exif(image)))
                # LibRaw gives a preview that has no EXIF one of its own, with 1970 for want of a date.
                if own.taken < "1971":
                    own = own._replace(taken="")
                facts = _Facts(1, facts.taken or own.taken, facts.camera or own.camera)
            else:
                image = Image.fromarray(np.ascontiguousarray(preview.data))
            if min(image.size) >= needed:
                # Most previews lie as the sensor does, whatever they say of themselves; some were turned
                # already.
                turned = orientation >= 5 and (image.width < image.height) != (width < height)
                return _Opened(
                    _decode(image, wanted), profile, 1 if turned else orientation, *upright, form, facts
                )
        half = wanted.factor(width, height) > 1
        with _one_large if width * height > _LARGE else contextlib.nullcontext():
            image = Image.fromarray(raw.postprocess(half_size=half, use_camera_wb=True))  # sRGB, upright
            return _Opened(_reduced(image, wanted.factor(*image.size)), None, 1, *upright, form, facts)


def _finish(opened: _Opened, wanted: _Wanted) -> NDArray[np.uint8]:
    image = opened.image
    size = wanted.fit(*image.size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    image = _srgb(image, opened.profile)
    if opened.orientation in _TURNS:
        image = image.transpose(_TURNS[opened.orientation])
    return np.asarray(image)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# --- Colours


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floating point as 8 bits; Pillow itself would cut off what is above 255."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(258, (16,))[0]  # TIFF can hold 12 bits in these
        return Image.fromarray((values >> max(0, bits - 8)).astype(np.uint8))
    values = np.where(np.isfinite(values), values, 0).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    # Nothing in the file says what white is, so it is the smallest usual white that holds all values.
    whites = [255.0, 65535.0] if image.mode == "I" else [1.0, 255.0, 65535.0]
    white = next((white for white in whites if high <= white), 0.0)
    if low < 0 or not white:
        values -= low
        white = high - low or 1.0
    return Image.fromarray((values * (255 / white) + 0.5).astype(np.uint8))


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """A loaded picture in mode L, RGB or CMYK, averaged over squares of `factor` pixels."""
    if factor == 1:
        return _plain(image)
    rows = max(1, _STRIP // (image.width * factor)) * factor
    tops = range(0, image.height, rows)
    strips = [
        _plain(image.crop((0, top, image.width, min(top + rows, image.height)))).reduce(factor)
        for top in tops
    ]
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _plain(image: Image.Image) -> Image.Image:
    """Any mode of 8 bits as L, RGB or CMYK; on white where it is transparent.

    White is what browsers and file managers show, what most cut-outs are made for, and what networks know.
    """
    if image.has_transparency_data:
        with contextlib.suppress(ValueError):  # a transparent colour that the mode doesn't have
            if image.mode == "La":
                image = image.convert("LA")
            image = image.convert("RGBA")
            paper = Image.new("RGB", image.size, "white")
            paper.paste(image, mask=image)
            return paper
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        if profile[16:20] == b"GRAY" and image.mode == "RGB":  # grey with transparency
            image = image.convert("L")
        transform = _to_srgb(profile, image.mode)
        if transform is not None:
            return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=32)
def _to_srgb(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """The way from an ICC profile to sRGB; None if it is damaged, for other modes, or as good as sRGB.

    A transform may be applied in several threads at once: LittleCMS changes nothing in it.
    """
    from PIL import ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode == "CMYK":
            return transform
        # There are dozens of profiles that are sRGB under some name: what a profile does to colours tells
        # them best.
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        probe = Image.fromarray(cube).convert(mode)
        change = np.asarray(transform.apply(probe)).astype(int) - np.asarray(probe.convert("RGB"))
        return transform if np.abs(change).max() > 2 else None
    except Exception:
        return None


# --- Metadata


def _exif(image: Image.Image) -> bytes:
    """The EXIF block of a picture, which starts like a TIFF file; empty if there is none."""
    exif = image.info.get("exif")
    if exif is None and isinstance(text := image.info.get("Raw profile type exif"), str):
        with contextlib.suppress(ValueError):  # PNGs of older programs have it as hexadecimal text
            exif = bytes.fromhex("".join(text.split("\n")[3:]))
    if not isinstance(exif, bytes):
        return b""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    return exif


_MAKE, _MODEL, _ORIENTATION, _CHANGED, _EXIF_DIRECTORY, _ORIGINAL, _DIGITIZED = (
    0x10F, 0x110, 0x112, 0x132, 0x8769, 0x9003, 0x9004,
)  # fmt: skip
_SHORT, _LONG_NUMBER = 3, 4


def _facts(stream: BinaryIO) -> _Facts:
    """Read the few EXIF tags of use; damaged ones are left out.

    Pillow could read them too, but it reads all, maker's notes included, which takes longer.
    Format: TIFF 6.0 section 2, and Exif 2.32 (CIPA DC-008) section 4.6.
    """
    found: dict[int, bytes] = {}
    order = "<"
    with contextlib.suppress(struct.error, OSError, ValueError, OverflowError):
        stream.seek(0)
        head = stream.read(8)
        order = {b"II": "<", b"MM": ">"}[head[:2]] if head[:2] in (b"II", b"MM") else ""
        where = struct.unpack(order + "I", head[4:8])[0] if order else 0
        for _ in range(2):  # the first directory, and the Exif directory that it points to
            if not where:
                break
            stream.seek(where)
            (count,) = struct.unpack(order + "H", stream.read(2))
            entries = stream.read(12 * count)
            where = 0
            for tag, form, length, value in struct.iter_unpack(
                order + "HHI4s", entries[: len(entries) // 12 * 12]
            ):
                if tag == _EXIF_DIRECTORY and form in (_LONG_NUMBER, 13):
                    (where,) = struct.unpack(order + "I", value)
                elif tag in _TAGS and tag not in found:
                    if form != _SHORT and length > 4:
                        stream.seek(struct.unpack(order + "I", value)[0])
                        value = stream.read(min(length, 128))
                    found[tag] = value
    turned = found.get(_ORIENTATION, b"")
    orientation = struct.unpack(order + "H", turned[:2])[0] if len(turned) >= 2 else 1
    taken = (_date(found.get(tag, b"")) for tag in (_ORIGINAL, _DIGITIZED, _CHANGED))
    make, model = _text(found.get(_MAKE, b"")), _text(found.get(_MODEL, b""))
    # "NIKON CORPORATION", "NIKON D90": the first word says it all.
    repeated = make and model.lower().startswith(make.split()[0].lower())
    return _Facts(
        orientation if 1 <= orientation <= 8 else 1,
        next(filter(None, taken), ""),
        model if repeated else f"{make} {model}".strip(),
    )


_TAGS = frozenset((_MAKE, _MODEL, _ORIENTATION, _CHANGED, _ORIGINAL, _DIGITIZED))
_DATE = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)(?:\D(\d\d))?", re.ASCII)


def _text(value: bytes) -> str:
    value = value.lstrip(b"\0 ").split(b"\0")[0]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _date(value: bytes) -> str:
    match = _DATE.match(_text(value))
    if not match:
        return ""
    try:
        moment = datetime.datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return ""
    return moment.isoformat() if moment.year >= 1826 else ""  # the year of the first photograph


# --- What went wrong


def _decoder_words(error: Exception, stream: BinaryIO, kind: str) -> str:
    """The reason why a file couldn't be decoded; decoders tell it in words of their own, or not at all."""
    if isinstance(error, OSError) and error.errno:
        return _os_words(error)
    if _is_cut(stream, kind) or re.search(r"truncat|end of file|\beof\b|unexpected end", str(error).lower()):
        return "is cut off"
    if (
        isinstance(error, UnidentifiedImageError | SyntaxError)
        or type(error).__name__ == "LibRawFileUnsupportedError"
    ):
        return "is damaged, or of a kind that Lennonnet doesn't know"
    return "is damaged"


def _is_cut(stream: BinaryIO, kind: str) -> bool:
    """Whether a file that can't be decoded ends before its time, as far as its format tells."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(16)
    stream.seek(max(0, size - 1024))
    tail = stream.read(1024)
    match kind:
        case "JPEG":
            return b"\xff\xd9" not in tail
        case "PNG":
            return b"IEND" not in tail
        case "GIF":
            return not tail.endswith(b";")
        case "WEBP":
            return int.from_bytes(head[4:8], "little") + 8 > size
        case "TIFF":
            order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
            at = int.from_bytes(head[4:8], order)
            stream.seek(at)
            return at + 2 + 12 * int.from_bytes(stream.read(2), order) > size
        case "HEIF" | "AVIF":
            at = 0
            while at + 8 <= size:
                stream.seek(at)
                length = int.from_bytes(stream.read(4), "big")
                if length < 8:  # to the end of the file, or 64 bits
                    return False
                at += length
            return at != size
    return False
