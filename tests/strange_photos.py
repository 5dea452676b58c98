"""Makes pictures that no ordinary program writes: camera files, colour profiles, 16-bit PNGs."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

# --- PNG


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of exactly these chunks, without IEND if it isn't among them."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in chunks:
        parts.append(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
    return b"".join(parts)


def png_header(width: int, height: int, bits: int, colours: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)


def png16(rgb: NDArray[np.uint16]) -> bytes:
    """16-bit RGB, which Pillow reads but doesn't write."""
    height, width, _ = rgb.shape
    rows = rgb.astype(">u2").tobytes()
    stride = width * 6
    lines = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))
    return png([png_header(width, height, 16, 2), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")])


# --- ICC profiles


def _s15f16(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _s15f16(*values)


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def _profile(space: bytes, tags: dict[bytes, bytes], *, pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    text = b"made for a test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
    } | tags
    table, data = b"", b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"none", 0x02400000, kind, space, pcs)
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _s15f16(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + body


def display_p3() -> bytes:
    """Display P3's primaries (adapted to D50) with a gamma of 2.2."""
    return _profile(
        b"RGB ",
        {
            b"rXYZ": _xyz(0.5151, 0.2412, -0.0011),
            b"gXYZ": _xyz(0.2919, 0.6922, 0.0419),
            b"bXYZ": _xyz(0.1572, 0.0666, 0.7841),
            b"rTRC": _gamma(2.2),
            b"gTRC": _gamma(2.2),
            b"bTRC": _gamma(2.2),
        },
    )


def linear_grey() -> bytes:
    return _profile(b"GRAY", {b"kTRC": _gamma(1.0)})


def magenta_cmyk() -> bytes:
    """A printer that turns paper white and everything else magenta, ink by ink alike."""
    ramp = bytes(range(256))
    lab = [(255, 128, 128)] + [(128, 200, 100)] * 14 + [(20, 128, 128)]
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _s15f16(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += ramp * 4 + bytes(value for point in lab for value in point) + ramp * 3
    return _profile(b"CMYK", {b"A2B0": table, b"A2B1": table}, pcs=b"Lab ", kind=b"prtr")


# --- Camera files

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}  # bytes of the TIFF types used below


def _directory(tags: dict[int, tuple[int, tuple[int, ...] | bytes]], at: int) -> bytes:
    """A TIFF directory for offset `at`, with its values behind it; a rational is two whole numbers."""
    entries, values = b"", b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind, content = tags[tag]
        if isinstance(content, bytes):
            data, count = content, len(content)
        else:
            data = b"".join(
                struct.pack({1: "<B", 3: "<H", 4: "<I", 5: "<I", 10: "<i"}[kind], value) for value in content
            )
            count = len(data) // _SIZES[kind]
        if len(data) > 4:
            data += bytes(len(data) % 2)
            entries += struct.pack("<HHII", tag, kind, count, behind + len(values))
            values += data
        else:
            entries += struct.pack("<HHI4s", tag, kind, count, data)
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values


def dng(
    rgb: NDArray[np.uint8],
    *,
    orientation: int = 1,
    preview: bytes = b"",
    preview_size: tuple[int, int] = (0, 0),
    facts: bool = True,
) -> bytes:
    """A DNG as a camera with sRGB's colours writes it: R, G or B at each place (RGGB), and maybe a JPEG."""
    linear = (rgb / 255.0) ** 2.2 * 65535
    sensor = np.empty(rgb.shape[:2], "<u2")
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sensor[row::2, column::2] = linear[row::2, column::2, channel]
    height, width = rgb.shape[:2]
    to_camera = (32405, -15372, -4985, -9693, 18760, 416, 556, -2040, 10572)  # XYZ to sRGB, in 1/10,000
    raw: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
        254: (4, (0,)),
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (16,)),
        259: (3, (1,)),
        262: (3, (32803,)),
        273: (4, (0,)),
        277: (3, (1,)),
        278: (4, (height,)),
        279: (4, (sensor.nbytes,)),
        33421: (3, (2, 2)),
        33422: (1, (0, 1, 1, 2)),
    }
    camera: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
        271: (2, b"Lennonnet\0"),
        272: (2, b"Test Camera\0"),
        274: (3, (orientation,)),
        306: (2, b"2021:03:04 05:06:07\0"),
        50706: (1, (1, 4, 0, 0)),
        50708: (2, b"Lennonnet Test Camera\0"),
        50721: (10, tuple(part for value in to_camera for part in (value, 10000))),
        50728: (5, (1, 1, 1, 1, 1, 1)),
        50778: (3, (21,)),
    }
    if not facts:
        for tag in (271, 272, 306):
            del camera[tag]
    if not preview:
        length = len(_directory(raw | camera, 8))
        raw[273] = (4, (8 + length,))
        return b"II*\0" + struct.pack("<I", 8) + _directory(raw | camera, 8) + sensor.tobytes()
    first: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
        254: (4, (1,)),
        256: (4, (preview_size[0],)),
        257: (4, (preview_size[1],)),
        258: (3, (8, 8, 8)),
        259: (3, (7,)),
        262: (3, (6,)),
        273: (4, (0,)),
        277: (3, (3,)),
        278: (4, (preview_size[1],)),
        279: (4, (len(preview),)),
        330: (4, (0,)),
    } | camera
    second_at = 8 + len(_directory(first, 8))
    sensor_at = second_at + len(_directory(raw, second_at))
    raw[273] = (4, (sensor_at,))
    first[330] = (4, (second_at,))
    first[273] = (4, (sensor_at + sensor.nbytes,))
    head = b"II*\0" + struct.pack("<I", 8) + _directory(first, 8) + _directory(raw, second_at)
    return head + sensor.tobytes() + preview
