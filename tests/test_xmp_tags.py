"""Tags in XMP sidecars: what is there stays byte for byte, and another parser finds what was added."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training import __version__, xmp_tags
from training.xmp_tags import (
    Change,
    Tags,
    UnreadableSidecar,
    UnusableTag,
    changes,
    escaped,
    merge,
    names,
    normal,
    read,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC, LR = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/lightroom/1.0/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
SUBJECT, HIERARCHY, TAGS_LIST = f"{{{DC}}}subject", f"{{{LR}}}hierarchicalSubject", f"{{{DIGIKAM}}}TagsList"
LISTS = (SUBJECT, HIERARCHY, TAGS_LIST)
CONTAINERS = [f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt")]
JOHN = "People/John Lennon"
AS_JOHN = {SUBJECT: ["John Lennon"], HIERARCHY: ["People|John Lennon"], TAGS_LIST: ["People/John Lennon"]}


# ------------------------------------------------------------------------------------- another way to read a sidecar


def tree(data: bytes) -> ElementTree.Element:
    """A sidecar as the standard library's tree has it, comments and processing instructions included."""
    for encoding, marks in (("utf-32", (b"\xff\xfe\0\0", b"\0\0\xfe\xff")),):
        if data.startswith(marks):  # the one encoding that its parser doesn't know
            data = re.sub(r"^<\?xml.*?\?>", "", data.decode(encoding)).encode()
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    return ElementTree.fromstring(data, ElementTree.XMLParser(target=builder))


def nodes(root: ElementTree.Element) -> list[ElementTree.Element]:
    found = next(root.iter(f"{{{RDF}}}RDF"))
    return [node for node in found if isinstance(node.tag, str)]


def words(element: ElementTree.Element) -> str:
    """The text of an element, around comments."""
    inner = (child.tail or "" for child in element if not isinstance(child.tag, str))
    return ((element.text or "") + "".join(inner)).strip()


def lists(data: bytes) -> dict[str, list[str]]:
    """The entries of the three lists, in their order."""
    found: dict[str, list[str]] = {name: [] for name in LISTS}
    for node in nodes(tree(data)):
        for one in node:
            if one.tag in LISTS:
                bare = not any(part.tag in CONTAINERS for part in one.iter())
                items = [one] if bare else list(one.iter(f"{{{RDF}}}li"))
                found[str(one.tag)] += filter(None, map(words, items))
    return found


Shape = tuple[str, tuple[tuple[str, str], ...], str, tuple["Shape", ...]]


def rest(data: bytes) -> Shape:
    """Everything in a sidecar but the three lists and nodes that hold nothing else."""
    root = tree(data)
    for node in nodes(root):
        for one in list(node):
            if one.tag in LISTS:
                node.remove(one)
    rdf = next(root.iter(f"{{{RDF}}}RDF"))
    for node in nodes(root):
        if not len(node) and node.attrib in ({}, {f"{{{RDF}}}about": ""}):
            rdf.remove(node)
    return shape(root)


def shape(element: ElementTree.Element) -> Shape:
    tag = element.tag if isinstance(element.tag, str) else f"<{element.tag.__name__}>"
    inner = tuple(shape(child) for child in element)
    return tag, tuple(sorted(element.attrib.items())), (element.text or "").strip(), inner


def applied(old: bytes, edits: tuple[Change, ...]) -> bytes:
    new = old
    for edit in reversed(edits):
        new = new[: edit.start] + edit.text + new[edit.end :]
    return new


def without_what_was_put_in(new: bytes, edits: tuple[Change, ...]) -> bytes:
    """Cut the very bytes out of the new sidecar that were put in."""
    shift = 0
    for edit in edits:
        at = edit.start + shift
        assert new[at : at + len(edit.text)] == edit.text
        new = new[:at] + new[at + len(edit.text) :]
        shift -= edit.end - edit.start
    return new


def added(old: bytes, *paths: str) -> bytes:
    """Add tags, and check all that holds whatever the sidecar looks like."""
    tags = Tags(paths)
    new, edits = merge(old, tags), changes(old, tags)
    assert all(edit.start == edit.end for edit in edits)
    assert new == applied(old, edits)
    assert without_what_was_put_in(new, edits) == old
    assert merge(new, tags) is new
    assert rest(new) == rest(old)
    before, after = lists(old), lists(new)
    for name in LISTS:
        assert after[name][: len(before[name])] == before[name]
    assert {normal(path) for path in paths} <= read(new)
    return new


# --------------------------------------------------------------------------------------------------- a fresh sidecar


def test_a_fresh_sidecar_is_short_and_whole() -> None:
    made = merge(None, Tags(("People/John Lennon", "Band")))
    assert (
        made.decode()
        == f"""\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Lennonnet {__version__}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>John Lennon</rdf:li>
     <rdf:li>Band</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>People|John Lennon</rdf:li>
     <rdf:li>Band</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>People/John Lennon</rdf:li>
     <rdf:li>Band</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
    )
    assert read(made) == {"People/John Lennon", "Band"}


def test_a_fresh_sidecar_comes_and_goes() -> None:
    empty = merge(None, Tags())
    tags = ("People/John Lennon", "Band")
    full = merge(None, Tags(tags))
    assert lists(empty) == {name: [] for name in LISTS}
    assert read(empty) == set()
    assert merge(empty, Tags(tags)) == full
    assert merge(full, Tags(remove=tags)) == empty


# ------------------------------------------------------------------------------------------ as other programs write

LIGHTROOM = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00        ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="3"
   xmp:MetadataDate="2024-05-01T12:00:00+02:00"
   crs:Look="a &gt; b"
   crs:HasSettings="True">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Places</rdf:li>
     <rdf:li>Rome</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Rome</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <crs:ToneCurve>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurve>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

BRIDGE = (
    """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6-c140">
   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description rdf:about=""
            xmlns:xmp="http://ns.adobe.com/xap/1.0/">
         <xmp:Rating>2</xmp:Rating>
      </rdf:Description>
      <rdf:Description rdf:about=""
            xmlns:dc="http://purl.org/dc/elements/1.1/">
         <dc:subject>
            <rdf:Bag>
               <rdf:li>sea</rdf:li>
            </rdf:Bag>
         </dc:subject>
      </rdf:Description>
   </rdf:RDF>
</x:xmpmeta>
"""
    + (" " * 99 + "\n") * 20
    + '<?xpacket end="w"?>'
)

DARKTABLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="1"
   xmpMM:DerivedFrom="IMG_1.CR2"
   darktable:xmp_version="5"
   darktable:auto_presets_applied="1">
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="rawprepare"
      darktable:params="gz02eJxjYGBg"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

DIGIKAM_S = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   digiKam:PickLabel="0">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>Places/Rome</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Rome</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Rome</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

EXIFTOOL = """\
<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Image::ExifTool 12.57'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>

 <rdf:Description rdf:about=''
  xmlns:dc='http://purl.org/dc/elements/1.1/'>
  <dc:subject>
   <rdf:Bag>
    <rdf:li>sea</rdf:li>
    <rdf:li>it&#39;s</rdf:li>
   </rdf:Bag>
  </dc:subject>
 </rdf:Description>

 <rdf:Description rdf:about=''
  xmlns:xmp='http://ns.adobe.com/xap/1.0/'>
  <xmp:Rating>5</xmp:Rating>
 </rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""

APPLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">
   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description rdf:about=""
            xmlns:exif="http://ns.adobe.com/exif/1.0/"
            xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
         <exif:GPSLongitudeRef>W</exif:GPSLongitudeRef>
         <photoshop:DateCreated>2020-01-01T10:00:00Z</photoshop:DateCreated>
      </rdf:Description>
   </rdf:RDF>
</x:xmpmeta>
"""

CAPTURE_ONE = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.5.0">\r\n'
    '\t<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\r\n'
    '\t\t<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" />\r\n'
    "\t</rdf:RDF>\r\n"
    "</x:xmpmeta>\r\n"
)

ONE_LINE = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="uuid:1234" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>'
    "</rdf:Description></rdf:RDF>"
)

WRITTEN = {
    "lightroom": LIGHTROOM,
    "bridge": BRIDGE,
    "darktable": DARKTABLE,
    "digikam": DIGIKAM_S,
    "exiftool": EXIFTOOL,
    "apple": APPLE,
    "capture one": CAPTURE_ONE,
    "one line": ONE_LINE,
}
every_program = pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())


@every_program
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"], ids=lambda name: name
)
def test_what_other_programs_wrote_stays(text: str, encoding: str) -> None:
    if "utf-8" not in encoding:
        text = text.replace(' encoding="UTF-8"', "").replace("\ufeff", "")
    old = text.encode(encoding)
    new = lists(added(old, JOHN))
    for name, entries in AS_JOHN.items():
        assert new[name][-1:] == entries
    assert read(added(old, JOHN)) == read(old) | {JOHN}


@every_program
def test_what_is_there_is_not_added_again(text: str) -> None:
    old = text.encode()
    new = merge(old, Tags((JOHN,)))
    assert merge(new, Tags((JOHN,))) is new
    assert merge(old, Tags()) is old
    assert merge(old, Tags(remove=("Nobody", "People/Nobody"))) is old


@pytest.mark.parametrize("text", [DIGIKAM_S, DARKTABLE, APPLE])
def test_what_is_taken_away_again_leaves_nothing_behind(text: str) -> None:
    """So it is wherever no list took other tags along, and no empty element had to be opened."""
    old = text.encode()
    new = merge(old, Tags((JOHN, "Band")))
    assert new != old
    assert merge(new, Tags(remove=(JOHN, "Band"))) == old


def test_words_stand_as_the_lines_around_them() -> None:
    old = LIGHTROOM.encode()
    edits = changes(old, Tags((JOHN,)))
    assert [edit.text.decode() for edit in edits] == [
        "\n     <rdf:li>John Lennon</rdf:li>",
        "\n     <rdf:li>People|John Lennon</rdf:li>",
        """
   <digiKam:TagsList xmlns:digiKam="http://www.digikam.org/ns/1.0/">
    <rdf:Seq>
     <rdf:li>Places/Rome</rdf:li>
     <rdf:li>People/John Lennon</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>""",
    ]
    assert (
        changes(old.replace(b"\n", b"\r\n"), Tags((JOHN,)))[0].text
        == b"\r\n     <rdf:li>John Lennon</rdf:li>"
    )


def test_an_empty_description_is_opened_and_keeps_all_its_bytes() -> None:
    old = CAPTURE_ONE.encode()
    first, second = changes(old, Tags(("John",)))
    assert old[first.start :].startswith(b"/>")
    assert second.start == first.start + 1
    assert second.text == b"rdf:Description"
    assert (
        first.text.decode().replace("\r\n", "\n")
        == """\
>
\t\t\t<dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/">
\t\t\t\t<rdf:Bag>
\t\t\t\t\t<rdf:li>John</rdf:li>
\t\t\t\t</rdf:Bag>
\t\t\t</dc:subject>
\t\t\t<lr:hierarchicalSubject xmlns:lr="http://ns.adobe.com/lightroom/1.0/">
\t\t\t\t<rdf:Bag>
\t\t\t\t\t<rdf:li>John</rdf:li>
\t\t\t\t</rdf:Bag>
\t\t\t</lr:hierarchicalSubject>
\t\t\t<digiKam:TagsList xmlns:digiKam="http://www.digikam.org/ns/1.0/">
\t\t\t\t<rdf:Seq>
\t\t\t\t\t<rdf:li>John</rdf:li>
\t\t\t\t</rdf:Seq>
\t\t\t</digiKam:TagsList>
\t\t<"""
    )
    assert first.text.count(b"\r\n") == first.text.count(b"\n")
    back = merge(merge(old, Tags(("John",))), Tags(remove=("John",)))
    assert rest(back) == rest(
        old
    )  # but <rdf:Description .../> is <rdf:Description ...></rdf:Description> now


def test_indentation_is_what_it_is_around() -> None:
    (edit,) = changes(APPLE.encode(), Tags(("John",)))
    assert edit.text.decode().splitlines()[1:5] == [
        '         <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/">',
        "            <rdf:Bag>",
        "               <rdf:li>John</rdf:li>",
        "            </rdf:Bag>",
    ]
    old = f'<rdf:RDF xmlns:rdf="{RDF}">\n\t<rdf:Description/></rdf:RDF>'.encode()
    lines = added(old, "John").decode().splitlines()
    assert [len(line) - len(line.lstrip("\t")) for line in lines[1:6]] == [1, 2, 3, 4, 3]


def test_in_one_line_no_line_breaks_come_in() -> None:
    assert b"\n" not in added(ONE_LINE.encode(), JOHN)


def test_padding_stays_as_it_is() -> None:
    new = added(BRIDGE.encode(), JOHN)
    assert new.endswith(((" " * 99 + "\n") * 20 + '<?xpacket end="w"?>').encode())


# ------------------------------------------------------------------------------------------- all ways to hold a list

PACKET = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <rdf:Description rdf:about="">
   {}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def bag(*entries: str, kind: str = "Bag") -> str:
    return f"<rdf:{kind}>{''.join(f'<rdf:li>{entry}</rdf:li>' for entry in entries)}</rdf:{kind}>"


@pytest.mark.parametrize(
    ("tag", "written", "merged"),
    [
        ("<dc:subject/>", "", bag("John")),
        ("<dc:subject />", "", bag("John")),
        ("<dc:subject>", "", bag("John")),
        ("<dc:subject>", "\n   ", bag("John")),
        ("<dc:subject>", "<rdf:Bag/>", bag("John")),
        ("<dc:subject>", bag(), bag("John")),
        ("<dc:subject>", "<rdf:Bag>\n</rdf:Bag>", bag("John")),
        ("<dc:subject>", bag("a"), bag("a", "John")),
        ("<dc:subject>", bag("a", kind="Seq"), bag("a", "John", kind="Seq")),
        ("<dc:subject>", bag("a", kind="Alt"), bag("a", "John", kind="Alt")),
        ("<dc:subject>", "a", bag("a", "John")),
        ("<dc:subject xml:lang='en'>", "a &amp; <!-- b --> c", bag("a &amp; <!-- b --> c", "John")),
        (
            "<dc:subject rdf:parseType='Resource'>",
            f"<rdf:value>{bag('a')}</rdf:value><dc:x>q</dc:x>",
            f"<rdf:value>{bag('a', 'John')}</rdf:value><dc:x>q</dc:x>",
        ),
        (
            "<dc:subject>",
            "<rdf:Bag> <rdf:li>a</rdf:li> <rdf:li>b</rdf:li><!-- end --> </rdf:Bag>",
            "<rdf:Bag> <rdf:li>a</rdf:li> <rdf:li>b</rdf:li> <rdf:li>John</rdf:li><!-- end --> </rdf:Bag>",
        ),
    ],
)
def test_a_list_is_added_to_however_it_is_written(tag: str, written: str, merged: str) -> None:
    old = PACKET.format(tag if tag.endswith("/>") else f"{tag}{written}</dc:subject>")
    new = added(old.encode(), "John").decode()
    found = re.search(r"<dc:subject[^>]*>(.*?)</dc:subject>", new, re.DOTALL)
    assert found is not None
    assert re.sub(r"\n *", "", found[1]) == merged


@pytest.mark.parametrize(
    "inner",
    [
        "<dc:subject rdf:resource='http://a/'/>",
        "<dc:subject rdf:parseType='Literal'><rdf:Bag><rdf:li>a</rdf:li></rdf:Bag></dc:subject>",
        "<dc:subject rdf:parseType='Collection'/>",
        "<dc:subject rdf:datatype='http://a/'>a</dc:subject>",
        "<dc:subject dc:x='a'/>",
        "<dc:subject><dc:Thing><dc:x>a</dc:x></dc:Thing></dc:subject>",
    ],
)
def test_what_could_only_be_added_by_changing_it_is_left_alone(inner: str) -> None:
    with pytest.raises(UnreadableSidecar, match="unusual"):
        merge(PACKET.format(inner).encode(), Tags(("John",)))
    old = PACKET.format(inner).encode()
    assert merge(old, Tags(remove=("John",))) is old


def test_a_list_that_is_an_attribute_is_read_and_left_alone() -> None:
    old = PACKET.format("").replace('about=""', 'about="" dc:subject="John"').encode()
    assert read(old) == {"John"}
    assert merge(old, Tags(remove=("John",))) is old
    with pytest.raises(UnreadableSidecar):
        merge(old, Tags(("Paul",)))


@pytest.mark.parametrize(
    "item",
    [
        "<rdf:li>John</rdf:li>",
        "<rdf:li> John\n</rdf:li>",
        "<rdf:li>Jo<!-- h -->hn</rdf:li>",
        "<rdf:li><![CDATA[John]]></rdf:li>",
        "<rdf:li>J&#111;&#x68;n</rdf:li>",
        "<rdf:li xml:lang='en'>John</rdf:li>",
        "<rdf:li rdf:resource='John'/>",
        "<rdf:li rdf:parseType='Resource'><rdf:value>John</rdf:value><dc:x>q</dc:x></rdf:li>",
        "<rdf:li><rdf:Description><rdf:value>John</rdf:value></rdf:Description></rdf:li>",
        "<rdf:li><rdf:Description rdf:value='John' dc:x='q'/></rdf:li>",
    ],
)
def test_an_entry_is_known_however_it_is_written(item: str) -> None:
    old = PACKET.format(f"<dc:subject><rdf:Bag><rdf:li>a</rdf:li>{item}</rdf:Bag></dc:subject>").encode()
    assert read(old) == {"a", "John"}
    assert b"<rdf:li>John</rdf:li></rdf:Bag></dc:subject>" not in merge(old, Tags(("John",))).replace(
        item.encode(), b""
    )
    gone = merge(old, Tags(remove=("John",)))
    assert gone == old.replace(item.encode(), b"")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_letters_are_the_same(form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Zoë/Müller")
    old = merge(None, Tags((name,)))
    new = PACKET.format(
        f"<dc:subject><rdf:Bag><rdf:li>{unicodedata.normalize(form, 'Müller')}</rdf:li></rdf:Bag></dc:subject>"
    ).encode()
    assert merge(old, Tags((unicodedata.normalize(form, name),))) is old
    assert [edit.text for edit in changes(new, Tags((name,))) if b"subject>" not in edit.text.lower()] == []
    assert lists(merge(new, Tags((name,))))[SUBJECT] == [unicodedata.normalize(form, "Müller")]


def test_upper_and_lower_case_are_two_tags() -> None:
    new = added(merge(None, Tags(("john",))), "John")
    assert lists(new)[SUBJECT] == ["john", "John"]


OTHER_PREFIXES = """\
<m:xmpmeta xmlns:m="adobe:ns:meta/">
 <RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:rdf="http://other/" xmlns:digiKam="http://mine/">
  <Description xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" r:about="photo.jpg">
   <s:subject xmlns:s="http://purl.org/dc/elements/1.1/">
    <Bag>
     <li>sea</li>
    </Bag>
   </s:subject>
   <hierarchicalSubject xmlns="http://ns.adobe.com/lightroom/1.0/"/>
  </Description>
 </RDF>
</m:xmpmeta>
"""


def test_other_prefixes_are_used_as_they_are() -> None:
    new = added(OTHER_PREFIXES.encode(), "John").decode()
    assert "\n     <li>John</li>\n    </Bag>" in new
    assert '<hierarchicalSubject xmlns="http://ns.adobe.com/lightroom/1.0/">\n    <r:Bag>\n' in new
    assert '<digiKam2:TagsList xmlns:digiKam2="http://www.digikam.org/ns/1.0/">\n    <r:Seq>\n' in new


def test_a_node_is_made_where_there_is_none() -> None:
    for rdf in ('<rdf:RDF xmlns:rdf="{}"/>', '<rdf:RDF xmlns:rdf="{}"></rdf:RDF>', '<RDF xmlns="{}"></RDF>'):
        old = f"<?xml version='1.0'?>\n{rdf.format(RDF)}".encode()
        new = added(old, JOHN)
        assert lists(new) == AS_JOHN
        assert [node.attrib for node in nodes(tree(new))] == [{f"{{{RDF}}}about": ""}]


def test_tags_go_where_the_other_tags_are() -> None:
    new = added(BRIDGE.encode(), JOHN)
    assert [len(node) for node in nodes(tree(new))] == [1, 3]


def test_typed_nodes_hold_properties_too() -> None:
    old = PACKET.format("").replace("rdf:Description", "dc:Photo").encode()
    assert b"rdf:Description" not in added(old, JOHN)
    assert lists(added(old, JOHN))[SUBJECT] == ["John Lennon"]


def test_lists_inside_of_other_properties_are_none_of_ours() -> None:
    inner = "<dc:source><rdf:Description><dc:subject><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag></dc:subject>"
    old = PACKET.format(f"{inner}</rdf:Description></dc:source>").encode()
    assert read(old) == set()
    assert lists(added(old, "John"))[SUBJECT] == ["John"]
    assert merge(old, Tags(remove=("John",))) is old


def test_lists_after_the_packet_are_none_of_ours() -> None:
    more = (
        f"<rdf:RDF xmlns:rdf='{RDF}'><rdf:Description xmlns:dc='{DC}'><dc:subject>{bag('John')}</dc:subject>"
    )
    old = PACKET.format("").replace("</x:", f"{more}</rdf:Description></rdf:RDF></x:").encode()
    assert read(old) == set()
    assert merge(merge(old, Tags(("Paul",))), Tags(remove=("Paul", "John"))).count(b"John") == 1


def test_a_list_that_stands_twice_is_read_as_one() -> None:
    one = "<dc:subject><rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag></dc:subject>"
    old = PACKET.format(one.format("a") + one.format("b")).encode()
    assert read(old) == {"a", "b"}
    assert lists(merge(old, Tags(("b", "c"))))[SUBJECT] == ["a", "c", "b"]
    assert lists(merge(old, Tags(remove=("b",))))[SUBJECT] == ["a"]


def test_a_new_list_takes_the_other_tags_along() -> None:
    """A program that reads the first list alone that has entries would lose them otherwise."""
    new = lists(added(LIGHTROOM.encode(), JOHN))
    assert new[TAGS_LIST] == [
        "Places/Rome",
        "People/John Lennon",
    ]  # Places alone is no tag, but a step of one
    assert new[HIERARCHY] == ["Places|Rome", "People|John Lennon"]
    assert new[SUBJECT] == ["Places", "Rome", "John Lennon"]
    new = lists(added(ONE_LINE.encode(), JOHN))
    assert new[TAGS_LIST] == ["sea", "People/John Lennon"]
    assert new[HIERARCHY] == ["sea", "People|John Lennon"]


def test_what_is_taken_along_is_the_same_there() -> None:
    old = PACKET.format("<dc:subject><rdf:Bag><rdf:li>a&#13;&amp;b</rdf:li></rdf:Bag></dc:subject>").encode()
    assert lists(added(old, "John"))[TAGS_LIST] == ["a\r&b", "John"]


def test_digikams_way_to_write_a_slash_makes_no_second_tag() -> None:
    seq = "<k:TagsList xmlns:k='http://www.digikam.org/ns/1.0/'><rdf:Seq><rdf:li>Bands/AC\\DC</rdf:li></rdf:Seq></k:TagsList>"
    old = PACKET.format("<dc:subject><rdf:Bag><rdf:li>AC/DC</rdf:li></rdf:Bag></dc:subject>" + seq).encode()
    assert read(old) == {r"Bands/AC\\DC"}


# ---------------------------------------------------------------------------------------------------- taking out


def test_taking_out_leaves_the_others() -> None:
    old = merge(None, Tags(("A/John", "B/John", "C")))
    new = merge(old, Tags(remove=("A/John",)))
    assert lists(new) == {SUBJECT: ["John", "C"], HIERARCHY: ["B|John", "C"], TAGS_LIST: ["B/John", "C"]}
    assert lists(merge(new, Tags(remove=("B/John",)))) == {SUBJECT: ["C"], HIERARCHY: ["C"], TAGS_LIST: ["C"]}


def test_taking_out_keeps_what_was_there_before() -> None:
    before = PACKET.format("<dc:subject><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag></dc:subject>").encode()
    ours = merge(before, Tags(("People/John",)))
    gone = merge(ours, Tags(remove=("People/John",), keep=tuple(read(before))))
    assert lists(gone) == {name: ["John"] for name in LISTS}
    assert lists(merge(ours, Tags(remove=("People/John",))))[HIERARCHY] == ["John"]


def test_taking_out_keeps_a_word_that_was_there_alone() -> None:
    before = DIGIKAM_S.replace("<rdf:li>Rome", "<rdf:li>John</rdf:li><rdf:li>Rome").encode()
    assert read(before) == {"Places/Rome", "John"}
    ours = merge(before, Tags(("People/John",)))
    assert merge(ours, Tags(remove=("People/John",), keep=tuple(read(before)))) == before


def test_one_tag_for_another() -> None:
    old = merge(None, Tags(("People/not John", "Band")))
    new = merge(old, Tags(("People/John",), remove=("People/not John",)))
    assert read(new) == {"People/John", "Band"}
    assert new == merge(None, Tags(("Band", "People/John")))
    alone = merge(merge(None, Tags(("A",))), Tags(("B",), remove=("A",)))
    assert alone == merge(None, Tags(("B",)))


def test_what_is_added_and_taken_out_is_added() -> None:
    assert read(merge(None, Tags(("A", "B"), remove=("B",)))) == {"A", "B"}


def test_taking_out_the_last_takes_the_empty_list_along() -> None:
    bag = "<dc:subject><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag></dc:subject>"
    assert (
        merge(PACKET.format(bag).encode(), Tags(remove=("John",)))
        == PACKET.format("").replace("   \n", "").encode()
    )


@pytest.mark.parametrize(
    "bag",
    [
        "<dc:subject xml:lang='en'><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag></dc:subject>",
        "<dc:subject><rdf:Bag rdf:ID='a'><rdf:li>John</rdf:li></rdf:Bag></dc:subject>",
        "<dc:subject><rdf:Bag><rdf:li>John</rdf:li><!-- mine --></rdf:Bag></dc:subject>",
        "<dc:subject><!-- mine --><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag></dc:subject>",
        "<dc:subject><rdf:Bag><rdf:li>John</rdf:li></rdf:Bag><?mine?></dc:subject>",
    ],
)
def test_a_list_with_more_in_it_stays_when_its_last_entry_goes(bag: str) -> None:
    old = PACKET.format(bag).encode()
    assert merge(old, Tags(remove=("John",))) == old.replace(b"<rdf:li>John</rdf:li>", b"")


# ----------------------------------------------------------------------------------------------------- characters


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "us-ascii", "koi8-r", "iso-8859-15"])
def test_letters_that_the_encoding_lacks_are_written_as_numbers(encoding: str) -> None:
    old = PACKET.format("<dc:x>caf&#233;</dc:x>")
    old = f"<?xml version='1.0' encoding='{encoding}'?>\n" + (
        old.replace("&#233;", "é") if "1" in encoding else old
    )
    data = old.encode(encoding)
    new = added(data, "Jörg \N{GRINNING FACE}")
    assert lists(new)[SUBJECT] == ["Jörg \N{GRINNING FACE}"]
    assert b"&#128512;" in new


def test_a_mark_counts_more_than_what_is_declared() -> None:
    old = f'<?xml version="1.0" encoding="UTF-8"?>{ONE_LINE}'.encode("utf-16")
    assert read(merge(old, Tags(("Jörg",)))) == {"sea", "Jörg"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (b"\0" * 4096, "is empty"),
        (b"\xff\xd8\xff\xe0JFIF", "isn’t whole XML"),
        (b"John", "isn’t whole XML"),
        (LIGHTROOM.encode()[:900], r"isn’t whole XML \(line \d+\)"),
        (LIGHTROOM.encode() + b"\0\0", "isn’t whole XML"),
        (LIGHTROOM.replace("Rome", "Rom\x01").encode(), "isn’t whole XML"),
        (LIGHTROOM.replace("Rome", "Orléans").encode("latin-1"), "isn’t whole XML"),
        (LIGHTROOM.replace("xmlns:crs", "xmlns:c").encode(), "isn’t whole XML"),
        (b"<svg/>", "holds no XMP"),
        (b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", "holds no XMP"),
        (b"<rdf:RDF xmlns:rdf='http://other/'/>", "holds no XMP"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "character set that isn’t known here, “klingon”"),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", "character set that isn’t known here"),
        (b"<?xml version='1.0' encoding='rot13'?><a/>", "character set that isn’t known here"),
        (b"<?xml version='1.0' encoding='unicode_escape'?><a/>", "character set that isn’t known here"),
        ("\ufeff<a".encode("utf-16-le") + b"\0\xd8", "is damaged"),
        ("<a>\ufeff".encode("utf-16-le") + b"\n", "is damaged"),
        (b"<a>" * 200_000, "isn’t whole XML"),
    ],
)
def test_what_is_no_sidecar_is_left_alone(name: bytes, reason: str) -> None:
    for ask in (read, lambda data: merge(data, Tags(("John",))), lambda data: merge(data, Tags())):
        with pytest.raises(UnreadableSidecar, match=reason) as caught:
            ask(name)
        assert str(caught.value) == f"The sidecar {caught.value.reason}."


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE x [<!ENTITY a 'John'>]>",
        "<!DOCTYPE x [<!ENTITY % a SYSTEM 'file:///etc/passwd'> %a;]>",
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE x SYSTEM 'http://localhost/x.dtd'>",
        "<!DOCTYPE x PUBLIC 'a' 'http://localhost/x.dtd'>",
        "<!DOCTYPE x [<!ATTLIST x:xmpmeta a CDATA 'b'>]>",
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>",
    ],
)
def test_document_types_that_define_anything_are_refused(doctype: str) -> None:
    with pytest.raises(UnreadableSidecar, match="document type"):
        read((doctype + LIGHTROOM).encode())


def test_a_document_type_that_says_nothing_is_no_harm() -> None:
    added(("<!DOCTYPE x:xmpmeta>\n" + LIGHTROOM).encode(), JOHN)


def test_a_file_of_any_size_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    room = len(merge(LIGHTROOM.encode(), Tags((JOHN,))))
    monkeypatch.setattr(xmp_tags, "LIMIT", room)
    merge(LIGHTROOM.encode(), Tags((JOHN,)))
    with pytest.raises(UnreadableSidecar, match="would become bigger"):
        merge(LIGHTROOM.encode(), Tags((JOHN, "Paul")))
    monkeypatch.setattr(xmp_tags, "LIMIT", 100)
    with pytest.raises(UnreadableSidecar, match="is bigger than"):
        read(LIGHTROOM.encode())


@pytest.mark.parametrize("written", ["Paul", "<"])
def test_what_is_not_read_as_it_was_meant_is_never_handed_out(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xmp_tags, "_escaped_text", lambda _: written)
    with pytest.raises(UnreadableSidecar):
        merge(LIGHTROOM.encode(), Tags(("John",)))


def test_a_file_that_is_out_to_use_up_the_memory_is_refused() -> None:
    with pytest.raises(UnreadableSidecar, match="more than a sidecar can need"):
        read(PACKET.format("<dc:subject>" + "<a/>" * 100_000 + "</dc:subject>").encode())


def test_a_big_sidecar_takes_no_time() -> None:
    old = DARKTABLE.replace("gz02eJxjYGBg", "gz02eJxjYGBg" * 200_000).encode()
    start = time.process_time()
    new = merge(old, Tags((JOHN,)))
    assert time.process_time() - start < 2
    assert read(new) == {JOHN}


# ------------------------------------------------------------------------------------------------------------ names


def test_both_namings() -> None:
    assert names("IMG_1.CR2") == ("IMG_1.xmp", "IMG_1.CR2.xmp")
    assert names("a.b.jpg") == ("a.b.xmp", "a.b.jpg.xmp")
    assert names("scan") == ("scan.xmp", "scan.xmp")
    assert names(".jpg") == (".jpg.xmp", ".jpg.xmp")


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("People/John", "People/John"),
        (" People / John Lennon ", "People/John Lennon"),
        ("/People//John/", "People/John"),
        ("cafe\u0301", "caf\u00e9"),
        (r"Bands/AC\/DC", r"Bands/AC\/DC"),
        ("a\\b", r"a\\b"),
        ("a\\\\b", r"a\\b"),
        ("a\\", "a\\\\"),
    ],
)
def test_a_path_has_one_spelling(path: str, one: str) -> None:
    assert normal(path) == one
    assert normal(one) == one


@pytest.mark.parametrize(
    "path", ["", " / ", "a|b", "People/a|b", "a\nb", "a\0", "a\udce9", "a\ufffe", "a\u2028b"]
)
def test_tags_that_programs_could_not_read_are_refused(path: str) -> None:
    with pytest.raises(UnusableTag) as caught:
        merge(None, Tags((path,)))
    assert str(caught.value).encode()
    with pytest.raises(UnusableTag):
        normal(path)
    merge(None, Tags(remove=(path,), keep=(path,)))  # what can't be there is not


def test_a_slash_in_a_name_is_no_step() -> None:
    tag = "Bands/" + escaped("AC/DC")
    new = merge(None, Tags((tag,)))
    assert lists(new) == {SUBJECT: ["AC/DC"], HIERARCHY: ["Bands|AC/DC"], TAGS_LIST: ["Bands/AC\\DC"]}
    assert read(new) == {tag}
    assert merge(new, Tags(remove=(tag,))) == merge(None, Tags())


def test_two_tags_that_digikam_takes_for_one_go_with_the_second() -> None:
    one, other = r"Bands/AC\/DC", r"Bands/AC\\DC"
    both = merge(None, Tags((one, other)))
    assert lists(both)[TAGS_LIST] == ["Bands/AC\\DC"]
    left = lists(merge(both, Tags(remove=(one,))))
    assert (left[HIERARCHY], left[TAGS_LIST]) == (["Bands|AC\\DC"], ["Bands/AC\\DC"])
    assert merge(both, Tags(remove=(one, other))) == merge(None, Tags())


def test_names_that_mean_something_in_xml() -> None:
    name = "R&B <\"'> ]]> &amp;"
    assert lists(added(LIGHTROOM.encode(), name))[SUBJECT][-1] == name


def test_a_very_long_name() -> None:
    name = "Jö" * 50_000
    assert lists(added(LIGHTROOM.encode(), name))[SUBJECT][-1] == name


# ------------------------------------------------------------------------------------------------------- any sidecar

LETTERS = st.sampled_from("ab AZ/&<>\"'é\u0301\u00e9ñ漢\N{GRINNING FACE}\u200d#;,\\")
NAMES = st.text(LETTERS, min_size=1, max_size=6).filter(str.strip)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda some: "/".join(escaped(one) for one in some))
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "latin-1",
    "ascii",
    "windows-1252",
    "utf-32",
)


@dataclass
class Writer:
    """A program with habits of its own."""

    draw: Callable[[st.SearchStrategy[str]], str]
    newline: str
    step: str
    prefixes: dict[str, str]
    outside: set[str]
    """Namespaces that are declared around all; the others are on each element that needs them."""

    def lead(self, level: int) -> str:
        return self.newline + self.step * level if self.newline else ""

    def element(self, namespace: str, local: str, inner: str, attributes: str = "") -> str:
        prefix = self.prefixes[namespace]
        tag = f"{prefix}:{local}" if prefix else local
        if namespace not in self.outside:
            declared = f' xmlns{":" if prefix else ""}{prefix}="{namespace}"'
            attributes = self.draw(st.sampled_from([declared + attributes, attributes + declared]))
        if not inner:
            return f"<{tag}{attributes}{self.draw(st.sampled_from(['/>', ' />', f'></{tag}>']))}"
        return f"<{tag}{attributes}>{inner}</{tag}{self.draw(st.sampled_from(['', ' ']))}>"


def text_of(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


OTHER = "http://other.example/"


@st.composite
def sidecars(draw: st.DrawFn, *, tidy: bool = False) -> bytes:
    """Sidecars as some program may write them; every namespace, list and entry in any of the ways there are.

    tidy: all three lists or none, no empty one, and some other property before each.
    """

    def pick(*some: str) -> str:
        return draw(st.sampled_from(some))

    prefixes = {
        RDF: pick("rdf", "r", "dc"),
        DC: pick("dc", "d", "", "lr"),
        LR: pick("lr", "l", ""),
        DIGIKAM: pick("digiKam", "k", ""),
        OTHER: pick("o", "", "digiKam"),
    }
    named = [prefix for prefix in prefixes.values() if prefix]
    assume(len(named) == len(set(named)))
    outside = {RDF} | {space for space in (DC, LR, DIGIKAM, OTHER) if prefixes[space] and draw(st.booleans())}
    writer = Writer(draw, pick("\n", "\r\n", "\r", ""), pick(" ", "  ", "\t", ""), prefixes, outside)
    rdf = prefixes[RDF]
    holders: list[list[str]] = [[] for _ in range(draw(st.integers(tidy, 3)))]
    whole = tidy and draw(st.booleans())
    for name in draw(st.permutations(LISTS)):
        there = draw(st.booleans())
        if holders and (whole if tidy else there):
            draw(st.sampled_from(holders)).append(holding(draw, writer, name, tidy=tidy))
    some_nodes = []
    for properties in holders:
        there = draw(st.booleans())
        if tidy or there:
            properties.insert(draw(st.integers(0, 0 if tidy else len(properties))), other(draw, writer))
        attributes = pick(
            "", f' {rdf}:about=""', f' {rdf}:about="uuid:1"', f" {rdf}:about=''{writer.lead(4)}"
        )
        blanks = draw(st.booleans())
        tail = writer.lead(2) if properties or blanks else ""
        inner = "".join(writer.lead(3) + one for one in properties) + tail
        some_nodes.append(writer.lead(2) + writer.element(RDF, "Description", inner, attributes))
        some_nodes.append(pick("", "<!-- a <comment> -->", "<?lights on?>", writer.newline))
    declared = "".join(f' xmlns:{prefixes[space]}="{space}"' for space in sorted(outside))
    tail = writer.lead(1) if some_nodes else ""
    body = f"<{rdf}:RDF{declared}>{''.join(some_nodes)}{tail}</{rdf}:RDF>"
    if draw(st.booleans()):
        body = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{writer.lead(1)}{body}{writer.newline}</x:xmpmeta>'
    if draw(st.booleans()):
        end = pick("w", "r")
        padding = " " * draw(st.integers(0, 50)) + writer.newline
        body = f'<?xpacket begin="" id="W5M0"?>{writer.newline}{body}{padding}<?xpacket end="{end}"?>'
    encoding = draw(st.sampled_from(ENCODINGS))
    if encoding in ("latin-1", "ascii", "windows-1252"):
        body = f'<?xml version="1.0" encoding="{encoding}"?>{body}'
    elif draw(st.booleans()):
        body = f'<?xml version="1.0"?>{body}'
    return body.encode(encoding, "xmlcharrefreplace")


def holding(draw: st.DrawFn, writer: Writer, name: str, *, tidy: bool) -> str:
    namespace, local = name[1:].split("}")
    form = draw(
        st.sampled_from(("Bag", "Seq", "Alt") if tidy else ("Bag", "Seq", "Alt", "", "none", "text", "value"))
    )
    if form == "":
        return writer.element(namespace, local, "")
    if form == "text":
        return writer.element(namespace, local, text_of(draw(NAMES)))
    around, between = (writer.lead(5), writer.lead(4)) if draw(st.booleans()) else ("", "")
    entries = [] if form == "none" else [entry(draw, writer) for _ in range(draw(st.integers(1, 3)))]
    items = "".join(around + one for one in entries) + (between if entries else "")
    container = writer.element(RDF, form if form in ("Bag", "Seq", "Alt") else "Bag", items)
    container = f"{between}{container}{writer.lead(3) if between else ''}"
    if form == "value":
        container = writer.element(RDF, "value", container) + writer.element(OTHER, "q", "1")
        return writer.element(namespace, local, container, f' {writer.prefixes[RDF]}:parseType="Resource"')
    return writer.element(namespace, local, container)


def entry(draw: st.DrawFn, writer: Writer) -> str:
    name = draw(NAMES) + draw(st.sampled_from(["n", "n", "n|x", "n/y"]))
    inner = draw(
        st.sampled_from(
            [
                text_of(name),
                f" {text_of(name)} ",
                f"<!-- a -->{text_of(name)}",
                f"<?p q?>{text_of(name)}",
                "".join(f"&#{ord(letter)};" for letter in name),
                f"<![CDATA[{name}]]>" if name.isascii() else text_of(name),
            ]
        )
    )
    return writer.element(RDF, "li", inner, draw(st.sampled_from(["", ' xml:lang="de"'])))


def other(draw: st.DrawFn, writer: Writer) -> str:
    inner = draw(st.sampled_from(["", "5", " a &amp; b "]))
    if draw(st.booleans()):
        item = writer.element(RDF, "li", inner, draw(st.sampled_from(["", ' a="/&gt;"'])))
        inner = (
            writer.lead(4)
            + writer.element(RDF, "Seq", writer.lead(5) + item + writer.lead(4))
            + writer.lead(3)
        )
    return writer.element(OTHER, "history", inner)


@given(sidecars(), st.lists(PATHS, max_size=3), st.lists(PATHS, min_size=1, max_size=2))
def test_any_sidecar_is_added_to(old: bytes, first: list[str], then: list[str]) -> None:
    new = added(old, *first)
    for path in first:
        assert_there(new, path)
    newer = added(new, *then)
    for path in (*first, *then):
        assert_there(newer, path)
    assert merge(newer, Tags(tuple(first))) is newer


def assert_there(data: bytes, path: str) -> None:
    """Another parser finds a tag in all three lists."""
    steps = [composed(step) for step in split(path) if step.strip()]
    found = lists(data)
    assert steps[-1] in map(composed, found[SUBJECT])
    assert steps in [list(parts(value, "|")) for value in found[HIERARCHY]]
    assert [step.replace("/", "\\") for step in steps] in [
        list(parts(value, "/")) for value in found[TAGS_LIST]
    ]


def parts(value: str, separator: str) -> Iterator[str]:
    return filter(None, map(composed, value.split(separator)))


def split(path: str) -> Iterator[str]:
    """The steps of a path that `escaped` made."""
    for step in re.findall(r"(?:\\.|[^\\/])+", path):
        yield re.sub(r"\\(.)", r"\1", step)


@given(sidecars(), st.lists(PATHS, min_size=1, max_size=3))
def test_taking_out_leaves_what_was_there(old: bytes, paths: list[str]) -> None:
    tags = Tags(remove=tuple(paths), keep=tuple(read(old)))
    back = merge(merge(old, Tags(tuple(paths))), tags)
    assert rest(back) == rest(old)
    assert merge(back, tags) is back
    before, after = lists(old), lists(back)
    for name in LISTS:
        assert [value for value in before[name] if value not in after[name]] == []


NEW_NAMES = st.text("Q &\u0301", max_size=4).map("Q".__add__)
NEW_PATHS = st.lists(NEW_NAMES, min_size=1, max_size=3).map("/".join)


@given(sidecars(tidy=True), st.lists(NEW_PATHS, min_size=1, max_size=3))
def test_every_byte_comes_back_when_what_was_added_is_taken_out(old: bytes, paths: list[str]) -> None:
    """Where no list took other tags along, and no empty element had to be opened or a text to become a list."""
    new = merge(old, Tags(tuple(paths)))
    assert new != old
    assert merge(new, Tags(remove=tuple(paths))) == old


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


@given(
    sidecars(),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=3), st.integers(0, 40)), max_size=4),
)
def test_broken_sidecars_are_refused_or_kept(old: bytes, wounds: list[tuple[int, bytes, int]]) -> None:
    for at, put, cut in wounds:
        at %= len(old) + 1
        old = old[:at] + put + old[at + cut :]
    try:
        edits = changes(old, Tags((JOHN,)))
        new = merge(old, Tags((JOHN,)))
    except UnreadableSidecar:
        return
    assert without_what_was_put_in(new, edits) == old
    assert JOHN in read(new)
    assert merge(new, Tags((JOHN,))) is new
