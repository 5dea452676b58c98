"""Tags in XMP sidecars: bytes in, bytes out, and not a byte of what others wrote is touched.

A sidecar is never parsed and written again. A parser says at which byte what stands, and whole `rdf:li` (where need be
with the list around them) are put in there, in the way of writing found around them, or cut out. A tag is a path such
as "People/John Lennon" and stands in three lists, because every program reads another one:

- dc:subject (all of them): "John Lennon"
- lr:hierarchicalSubject (Lightroom, Bridge, Capture One, darktable): "People|John Lennon"
- digiKam:TagsList (digiKam): "People/John Lennon"

Sources: ISO 16684-1 (XMP), RDF/XML Syntax (W3C), XML 1.0.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from xml.parsers import expat

from training import __version__

LIMIT = 32 << 20
"""Bytes; a bigger file is no sidecar."""


class Naming(StrEnum):
    """How a sidecar is named after its photo."""

    STEM = "stem"
    """IMG_1.xmp, as Adobe's programs do it."""
    FULL = "full"
    """IMG_1.CR2.xmp, as darktable and digiKam do it."""


class UnreadableSidecar(Exception):
    """A sidecar to be left alone; `reason` is plain words to follow its name, such as "is empty"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The sidecar {self.reason}."


class UnusableTag(ValueError):
    """A tag that photo programs could not read as it is meant; says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What is to be in a sidecar afterwards, and what no longer, as paths; what is in both is added.

    keep: paths that stay even where a path that goes shares a word with them, such as those that were there before.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """The bytes of a sidecar from `start` to before `end` become `text`; where something is added, `start` is `end`."""

    start: int
    end: int
    text: bytes


def names(photo: str) -> tuple[str, str]:
    """The names of a photo's sidecar, by Naming.STEM and by Naming.FULL; the same if the photo's has no suffix."""
    at = photo.rfind(".")
    return (photo[:at] if at > 0 else photo) + ".xmp", photo + ".xmp"


def escaped(name: str) -> str:
    r"""A name as one step of a path: "AC/DC" is the step `AC\/DC`."""
    return name.replace("\\", "\\\\").replace("/", "\\/")


def normal(path: str) -> str:
    """The one spelling of a path: composed letters, no blanks around its steps, no empty step. Raises UnusableTag."""
    return _path(_checked(path))


def merge(old: bytes | None, tags: Tags) -> bytes:
    """A sidecar with these tags; `old` itself if there is nothing to do; None: a fresh one is made.

    Raises UnreadableSidecar, UnusableTag.
    """
    page = _FRESH if old is None else old
    new = _applied(page, changes(page, tags))
    if new is page:
        return new
    if len(new) > LIMIT:
        raise UnreadableSidecar(f"would become bigger than {LIMIT >> 20} MB")
    if changes(new, tags):  # never hand out what isn't read as it was meant
        raise UnreadableSidecar(_STRANGE)
    return new


def changes(old: bytes, tags: Tags) -> tuple[Change, ...]:
    """What `merge` does to a sidecar, in the order of its bytes. Raises UnreadableSidecar, UnusableTag."""
    add = list(dict.fromkeys(_checked(path) for path in tags.add))
    remove = {_steps(path) for path in tags.remove} - {()}
    keep = {_steps(path) for path in tags.keep} - {()}
    text = _Text.of(old)
    return text.placed(_edits(_Sheet(text.utf8), add, remove, keep))


def read(data: bytes) -> set[str]:
    """The paths of the tags in a sidecar, `normal`; a word that is a step of one of them is none of its own.

    Raises UnreadableSidecar.
    """
    return {_path(steps) for steps in _found(_Sheet(_Text.of(data).utf8))}


# ---------------------------------------------------------------------------------------------- what tags look like

_Steps = tuple[str, ...]
_Name = tuple[str, str]
"""Namespace and local name."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the three lists; separator: between the steps of a path, or "" where only its last one stands."""

    name: _Name
    prefix: str
    container: str
    separator: str

    def value(self, steps: _Steps) -> str:
        """A path as it stands in this list."""
        if not self.separator:
            return steps[-1]
        if self.separator == "/":  # digiKam knows no way to write it in a name, and reads Lightroom's as this
            steps = tuple(step.replace("/", "\\") for step in steps)
        return self.separator.join(steps)

    def steps(self, value: str) -> _Steps:
        """An entry of this list as a path; () if it is empty."""
        return _cleaned(value.split(self.separator) if self.separator else [value])


_SUBJECT = _Kind(("http://purl.org/dc/elements/1.1/", "subject"), "dc", "Bag", "")
_HIERARCHY = _Kind(("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject"), "lr", "Bag", "|")
_TAGS_LIST = _Kind(("http://www.digikam.org/ns/1.0/", "TagsList"), "digiKam", "Seq", "/")
_KINDS = (_SUBJECT, _HIERARCHY, _TAGS_LIST)
_LISTS = frozenset(kind.name for kind in _KINDS)

_FRESH = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Lennonnet {__version__}">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about=""
    xmlns:dc="{_SUBJECT.name[0]}"
    xmlns:lr="{_HIERARCHY.name[0]}"
    xmlns:digiKam="{_TAGS_LIST.name[0]}">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()


def _cleaned(steps: Iterable[str]) -> _Steps:
    return tuple(step for step in (unicodedata.normalize("NFC", step).strip() for step in steps) if step)


def _steps(path: str) -> _Steps:
    steps = [""]
    for token in re.findall(r"\\[\\/]|/|[^\\/]+|\\", path):
        if token == "/":
            steps.append("")
        else:
            steps[-1] += token[1:] if len(token) == 2 and token[0] == "\\" else token
    return _cleaned(steps)


def _path(steps: _Steps) -> str:
    return "/".join(escaped(step) for step in steps)


def _checked(path: str) -> _Steps:
    steps = _steps(path)
    shown = path.encode("utf-8", "replace").decode()
    if not steps:
        raise UnusableTag("A tag needs a name.")
    for step in steps:
        if "|" in step:
            raise UnusableTag(
                f"The tag “{shown}” can’t be written: photo programs take “|” for a step between groups. "
                "Use “/” for that, and no “|”."
            )
        if any(
            unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") or one in "\ufffe\uffff" for one in step
        ):
            raise UnusableTag(
                f"The tag “{shown}” can’t be written: there is a character in it that is no text."
            )
    return steps


def _found(sheet: _Sheet) -> dict[_Steps, None]:
    """The tags of a sidecar, in its order: what the lists with groups tell, then words that are not in those."""
    paths = dict.fromkeys(_HIERARCHY.steps(value) for value in sheet.values(_HIERARCHY))
    known = {_TAGS_LIST.steps(_TAGS_LIST.value(steps)) for steps in paths if steps}
    for value in sheet.values(_TAGS_LIST):
        steps = _TAGS_LIST.steps(value)
        if steps not in known:
            paths[steps] = None
    words = _words(paths)
    paths.update(
        (steps, None)
        for steps in (_SUBJECT.steps(value) for value in sheet.values(_SUBJECT))
        if words.isdisjoint(steps)
    )
    paths.pop((), None)
    return paths


def _words(paths: Iterable[_Steps]) -> set[str]:
    """All that these paths may have brought into dc:subject, digiKam's way to write "/" included."""
    words = {step for steps in paths for step in steps}
    return words | {word.replace("\\", "/") for word in words}


# ------------------------------------------------------------------------------------------------------- characters

_MARKS = (
    (codecs.BOM_UTF8, ""),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ONE_BYTE = re.compile(r"ascii|iso8859-\d+|cp125\d|koi8-[rtu]")


@dataclass(frozen=True, slots=True)
class _Text:
    """A sidecar's characters; encoding: "" if they are UTF-8 as they stand, utf8 is then the very bytes."""

    data: bytes
    encoding: str
    utf8: bytes

    @classmethod
    def of(cls, data: bytes) -> _Text:
        """What a file's first bytes and its XML declaration say of its characters. Raises UnreadableSidecar."""
        if len(data) > LIMIT:
            raise UnreadableSidecar(f"is bigger than {LIMIT >> 20} MB")
        if not data.strip(b"\0 \t\r\n"):  # zeros are what a crash can leave
            raise UnreadableSidecar("is empty")
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                return cls._decoded(data, encoding)
        for start, encoding in _STARTS:
            if data.startswith(start):
                return cls._decoded(data, encoding)
        declared = _DECLARED.match(data)
        if declared is None:
            return cls(data, "", data)
        name = declared[1].decode()
        try:
            encoding = codecs.lookup(name).name
        except LookupError:
            encoding = ""
        if encoding == "utf-8":
            return cls(data, "", data)
        if not _ONE_BYTE.fullmatch(encoding):
            raise UnreadableSidecar(f"is written in a character set that isn’t known here, “{name}”")
        return cls._decoded(data, encoding)

    @classmethod
    def _decoded(cls, data: bytes, encoding: str) -> _Text:
        if not encoding:
            return cls(data, "", data)
        try:
            utf8 = data.decode(encoding).encode()
        except UnicodeError as error:
            raise UnreadableSidecar(_DAMAGED) from error
        return cls(data, encoding, utf8)

    def placed(self, edits: list[Change]) -> tuple[Change, ...]:
        """Edits of `utf8` as changes of `data`."""
        made: list[Change] = []
        seen = here = 0
        for edit in edits:
            start = here + self._length(seen, edit.start)
            seen, here = edit.end, start + self._length(edit.start, edit.end)
            text = edit.text
            if self.encoding:
                text = text.decode().encode(self.encoding, "xmlcharrefreplace")
            made.append(Change(start, here, text))
        return tuple(made)

    def _length(self, start: int, end: int) -> int:
        """Bytes in `data` of what stands from `start` to `end` in `utf8`."""
        return len(self.utf8[start:end].decode().encode(self.encoding)) if self.encoding else end - start


def _applied(data: bytes, edits: Iterable[Change]) -> bytes:
    """The bytes with all edits made, which are in order; `data` itself if there are none."""
    pieces: list[bytes] = []
    done = 0
    for edit in edits:
        pieces += (data[done : edit.start], edit.text)
        done = edit.end
    return b"".join((*pieces, data[done:])) if pieces else data


# ------------------------------------------------------------------------------------------------ where things stand

_DAMAGED = "is damaged: its text is cut off or garbled"
_STRANGE = "keeps its tags in an unusual way; Lennonnet can’t add to it without changing what others wrote"
_PARTS = "\f"  # between namespace and name, as the parser tells them; in XML itself it can't occur
_TAG = re.compile(rb"""<[^"'>]*(?:(?:"[^"]*"|'[^']*')[^"'>]*)*>""")
_CONTAINERS = frozenset((_RDF, name) for name in ("Bag", "Seq", "Alt"))
_ITEM, _VALUE, _DESCRIPTION = (_RDF, "li"), (_RDF, "value"), (_RDF, "Description")
_DEEPEST = 16  # elements around rdf:RDF; in XMP it is one
_MOST = 100_000  # elements that are looked at; a file with more is out to use up the memory


@dataclass(slots=True, eq=False)
class _Element:
    """An element and where its parts begin: all of it, what is inside, its end tag; and where it ends.

    scope: namespaces by prefix, "" for that of names without one; words: the text directly in it
    """

    name: _Name
    start: int
    inside: int
    empty: bool
    attributes: dict[_Name, str]
    scope: dict[str, str]
    parent: _Element | None
    close: int = 0
    end: int = 0
    children: list[_Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Holding:
    """A property that is one of the three lists, and its container if it has one."""

    element: _Element
    container: _Element | None

    def items(self) -> list[_Element]:
        return [] if self.container is None else [c for c in self.container.children if c.name == _ITEM]


class _Sheet:
    """Where in a sidecar (UTF-8) what stands. Raises UnreadableSidecar."""

    def __init__(self, page: bytes) -> None:
        self.page = page
        self._rdf: _Element | None = None
        self._top: _Element | None = None
        self._list: _Element | None = None
        self._depth = self._skipped = self._looked_at = 0
        self._declared: dict[str, str] = {}
        # The encoding is settled: whatever the declaration says, these bytes are UTF-8.
        parser = self._parser = expat.ParserCreate("utf-8", _PARTS)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(page, True)
        except expat.ExpatError as error:
            raise UnreadableSidecar(f"isn’t whole XML (line {error.lineno})") from error
        finally:
            del self._parser  # which knows the way back here
        if self._rdf is None:
            raise UnreadableSidecar("holds no XMP")
        self.rdf: _Element = self._rdf

    def nodes(self) -> list[_Element]:
        """The elements whose properties are the photo's."""
        return [node for node in self.rdf.children if node.name[0] != _RDF or node.name == _DESCRIPTION]

    def holdings(self, kind: _Kind) -> list[_Holding]:
        """All places of a list; there should be one at most."""
        return [
            _Holding(one, _container(one))
            for node in self.nodes()
            for one in node.children
            if one.name == kind.name
        ]

    def values(self, kind: _Kind) -> Iterator[str]:
        """The entries of a list, wherever and however they are written."""
        for node in self.nodes():
            if kind.name in node.attributes:
                yield node.attributes[kind.name]
        for holding in self.holdings(kind):
            if holding.container is None:
                yield _value(holding.element)
            for item in holding.items():
                yield _value(item)

    def lead(self, element: _Element) -> str:
        """The blanks before an element: from the last line break on, if there is one among them."""
        before = self.page[max(0, element.start - 4096) : element.start]
        blanks = before[len(before.rstrip(b" \t\r\n")) :].decode()
        line = re.search(r"(?:\r\n|\n|\r)[ \t]*\Z", blanks)
        return line[0] if line else blanks

    def tag(self, element: _Element) -> str:
        """An element's name as it stands there, with its prefix."""
        found = re.compile(rb"[^\s/>]+").match(self.page, element.start + 1)
        assert found is not None
        return found[0].decode()

    def _wanted(self) -> bool:
        if self._rdf is None:
            return self._depth < _DEEPEST
        # Its nodes, their properties, and all that is in one of the lists.
        assert self._top is not None
        return self._list is not None or self._rdf in (self._top, self._top.parent)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        declared, self._declared = self._declared, {}
        if self._skipped or not self._wanted():
            self._skipped += 1
            return
        self._looked_at += 1
        if self._looked_at > _MOST:
            raise UnreadableSidecar("holds more than a sidecar can need")
        start, top = self._parser.CurrentByteIndex, self._top
        tag = _TAG.match(self.page, start)
        assert tag is not None
        scope = {} if top is None else top.scope
        element = _Element(
            name=_split(name),
            start=start,
            inside=tag.end(),
            empty=tag[0].endswith(b"/>"),
            attributes={_split(key): value for key, value in attributes.items()},
            scope={**scope, **declared} if declared else scope,
            parent=top,
        )
        self._top = element
        self._depth += 1
        if self._rdf is None:
            if element.name == (_RDF, "RDF"):
                self._rdf = element
            return
        assert top is not None
        top.children.append(element)
        if self._list is None and element.name in _LISTS:
            self._list = element

    def _end(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        element = self._top
        assert element is not None
        element.close = element.inside if element.empty else self._parser.CurrentByteIndex
        element.end = element.inside if element.empty else self.page.index(b">", element.close) + 1
        self._top = element.parent
        self._depth -= 1
        if element is self._list:
            self._list = None

    def _characters(self, text: str) -> None:
        if self._list is not None and not self._skipped and self._top is not None:
            self._top.words.append(text)

    def _declare(self, prefix: str | None, namespace: str | None) -> None:
        self._declared[prefix or ""] = namespace or ""

    def _doctype(self, _name: str, system: str | None, public: str | None, inner: bool) -> None:
        if system or public or inner:  # it could rename what stands in the file, or name other files
            raise UnreadableSidecar("has a document type of its own, which no sidecar needs")


def _split(name: str) -> _Name:
    namespace, _, local = name.rpartition(_PARTS)
    return namespace, local


def _container(element: _Element, levels: int = 2) -> _Element | None:
    """The container that a property holds, straight away or as the value of a node with qualifiers."""
    if element.attributes.get((_RDF, "parseType"), "Resource") != "Resource":
        return None
    for child in element.children:
        if child.name in _CONTAINERS:
            return child
        if levels and child.name in (_VALUE, _DESCRIPTION):
            found = _container(child, levels - 1)
            if found is not None:
                return found
    return None


def _value(element: _Element, levels: int = 2) -> str:
    """What an entry says: its text, what it refers to, or the value of a node with qualifiers."""
    for name in ((_RDF, "resource"), _VALUE):
        if name in element.attributes:
            return element.attributes[name]
    if not element.children:
        return "".join(element.words)
    for child in element.children if levels else ():
        if child.name in (_VALUE, _DESCRIPTION):
            return _value(child, levels - 1)
    return ""


# --------------------------------------------------------------------------------------------------- what is written


def _edits(sheet: _Sheet, add: list[_Steps], remove: set[_Steps], keep: set[_Steps]) -> list[Change]:
    """What is to change so that `add` is there, and `remove` is not."""
    staying = [steps for steps in _found(sheet) if steps in keep or steps not in remove]
    edits: list[Change] = []
    new: list[tuple[_Kind, list[str]]] = []
    for kind in _KINDS:
        values = _missing(sheet, kind, add, staying)
        gone = {kind.steps(kind.value(steps)) for steps in remove}
        if kind.separator:
            gone -= {kind.steps(kind.value(steps)) for steps in (*add, *staying)}
        else:
            words = _words((*add, *keep, *staying))
            gone = {steps for steps in gone if words.isdisjoint(steps)}
        holdings = sheet.holdings(kind)
        target = _target(sheet, kind, holdings) if values else None
        for holding in holdings if gone else ():
            edits += _without(sheet, kind, holding, gone, stays=holding is target)
        if target is not None:
            edits += _with(sheet, kind, target, values)
        elif values:
            new.append((kind, values))
    if new:
        edits += _with_properties(sheet, new)
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


def _missing(sheet: _Sheet, kind: _Kind, add: list[_Steps], staying: list[_Steps]) -> list[str]:
    """The entries that a list lacks.

    digiKam reads the first list alone that has entries. So one that has none takes along what the others know: else
    these tags would be gone from its view, and lost the next time it writes.
    """
    there = {kind.steps(value) for value in sheet.values(kind)} - {()}
    wanted = add if there or not add else [*staying, *add]
    values: list[str] = []
    for steps in wanted:
        value = kind.value(steps)
        if kind.steps(value) not in there:
            there.add(kind.steps(value))
            values.append(value)
    return values


def _target(sheet: _Sheet, kind: _Kind, holdings: list[_Holding]) -> _Holding | None:
    """Where a list can be added to; None: there is none yet. Raises UnreadableSidecar."""
    for holding in holdings:
        if holding.container is not None:
            return holding
    for holding in holdings:
        element = holding.element
        if not element.children and all(name[0] == _XML for name in element.attributes):
            return holding
    if holdings or any(kind.name in node.attributes for node in sheet.nodes()):
        raise UnreadableSidecar(_STRANGE)
    return None


def _without(
    sheet: _Sheet, kind: _Kind, holding: _Holding, gone: set[_Steps], *, stays: bool
) -> list[Change]:
    """Cut out entries of a list; and the whole property, if it then says nothing more."""
    items = holding.items()
    cut = [item for item in items if kind.steps(_value(item)) in gone]
    if cut and len(cut) == len(items) and not stays and _says_nothing_more(sheet, holding):
        cut = [holding.element]
    return [Change(one.start - len(sheet.lead(one)), one.end, b"") for one in cut]


def _says_nothing_more(sheet: _Sheet, holding: _Holding) -> bool:
    """Whether there is nothing but the entries: no attribute, no comment."""
    element, container, items = holding.element, holding.container, holding.items()
    if container is None or element.children != [container] or container.children != items:
        return False
    if element.attributes or container.attributes:
        return False
    ends = [element.inside, container.inside, *(item.end for item in items), container.end]
    starts = [container.start, *(item.start for item in items), container.close, element.close]
    return not any(sheet.page[end:start].strip() for end, start in zip(ends, starts, strict=True))


def _with(sheet: _Sheet, kind: _Kind, holding: _Holding, values: list[str]) -> list[Change]:
    """Add entries to a list that is there, be it empty, or a mere text."""
    element, container = holding.element, holding.container
    if container is not None:
        prefix = sheet.tag(container).rpartition(":")[0]
        lead, _ = _leads(sheet, container)
        return _into(sheet, container, _items(prefix, values, lead))
    lead, step = _leads(sheet, element)
    if not "".join(element.words).strip():
        return _into(sheet, element, _list(kind, values, element.scope, lead, step))
    # What is there becomes the first entry.
    around = _list(kind, ["", *values], element.scope, "", "")
    at = around.index("></") + 1
    return [
        Change(element.inside, element.inside, around[:at].encode()),
        Change(element.close, element.close, around[at:].encode()),
    ]


def _with_properties(sheet: _Sheet, new: list[tuple[_Kind, list[str]]]) -> list[Change]:
    """Add lists that are not there yet: beside one that is, or to the first node, or to a new one."""
    nodes = sheet.nodes()
    node = next((node for node in nodes if any(one.name in _LISTS for one in node.children)), None)
    if node is None and nodes:
        node = nodes[0]
    if node is not None:
        lead, step = _leads(sheet, node)
        return _into(sheet, node, _properties(new, node.scope, lead, step))
    lead, step = _leads(sheet, sheet.rdf)
    scope = sheet.rdf.scope
    prefix, declared = _prefix(scope, _RDF, "rdf", attribute=True)
    scope = {**scope, prefix: _RDF}
    for kind, _ in new:
        known, declaration = _prefix(scope, kind.name[0], kind.prefix)
        scope = {**scope, known: kind.name[0]}
        declared += declaration
    inner = _properties(new, scope, _deeper(lead, step), step)
    text = f'{lead}<{prefix}:Description {prefix}:about=""{declared}>{inner}{lead}</{prefix}:Description>'
    return _into(sheet, sheet.rdf, text)


def _into(sheet: _Sheet, element: _Element, text: str) -> list[Change]:
    """Put text into an element, after its last child; every byte of its tags stays, also of `<a/>`."""
    if element.children:
        at = element.children[-1].end
        return [Change(at, at, text.encode())]
    lead = sheet.lead(element)
    tail = lead if _breaks(text) and _breaks(lead) else ""
    at = element.inside
    if element.empty:  # `<a/>`: its own slash becomes that of the end tag
        opened = f">{text}{tail}<".encode()
        return [Change(at - 2, at - 2, opened), Change(at - 1, at - 1, sheet.tag(element).encode())]
    if _breaks(sheet.page[at : sheet.page.index(b"<", at)].decode()):
        tail = ""
    return [Change(at, at, (text + tail).encode())]


def _leads(sheet: _Sheet, element: _Element) -> tuple[str, str]:
    """The blanks before a child of an element, as its children have them, and by how much each level is indented."""
    own = sheet.lead(element)
    if element.children:
        lead = sheet.lead(element.children[-1])
        return lead, _step(own, lead)
    step = _step("" if element.parent is None else sheet.lead(element.parent), own)
    return _deeper(own, step), step


def _step(outer: str, inner: str) -> str:
    if _breaks(outer) and inner.startswith(outer) and len(inner) > len(outer):
        return inner[len(outer) :]
    return "\t" if "\t" in inner else " "


def _breaks(text: str) -> bool:
    return "\n" in text or "\r" in text


def _deeper(lead: str, step: str) -> str:
    return lead + step if _breaks(lead) else ""


def _properties(new: list[tuple[_Kind, list[str]]], scope: dict[str, str], lead: str, step: str) -> str:
    text = ""
    for kind, values in new:
        prefix, declared = _prefix(scope, kind.name[0], kind.prefix)
        tag = _tag(prefix, kind.name[1])
        within = {**scope, prefix: kind.name[0]}
        text += (
            f"{lead}<{tag}{declared}>{_list(kind, values, within, _deeper(lead, step), step)}{lead}</{tag}>"
        )
    return text


def _list(kind: _Kind, values: list[str], scope: dict[str, str], lead: str, step: str) -> str:
    prefix, declared = _prefix(scope, _RDF, "rdf")
    tag = _tag(prefix, kind.container)
    return f"{lead}<{tag}{declared}>{_items(prefix, values, _deeper(lead, step))}{lead}</{tag}>"


def _items(prefix: str, values: list[str], lead: str) -> str:
    tag = _tag(prefix, "li")
    return "".join(f"{lead}<{tag}>{_escaped_text(value)}</{tag}>" for value in values)


def _escaped_text(value: str) -> str:
    for letter, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        value = value.replace(letter, reference)
    return value


def _tag(prefix: str, local: str) -> str:
    return f"{prefix}:{local}" if prefix else local


def _prefix(scope: dict[str, str], namespace: str, usual: str, *, attribute: bool = False) -> tuple[str, str]:
    """The prefix for a namespace, and the attribute that declares it if nothing around does.

    attribute: names of attributes need one; those of elements may be without.
    """
    known = [prefix for prefix, one in scope.items() if one == namespace and (prefix or not attribute)]
    if known:
        return (usual if usual in known else max(known)), ""
    prefix, number = usual, 1
    while prefix in scope:
        number += 1
        prefix = f"{usual}{number}"
    return prefix, f' xmlns:{prefix}="{namespace}"'
