"""Companions: told by name, each of one photo alone, and named after it wherever it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.companions import Kind, companions, sidecars, stem_of, suffix_of


def found(*names: str, photos: list[str] | None = None) -> dict[str, list[tuple[str, str]]]:
    asked = [name for name in names if suffix_of(name) not in (".xmp", ".aae", ".mov", ".txt")]
    answer = companions(names, asked if photos is None else photos)
    return {lead: [(one.name, str(one.kind)) for one in some] for lead, some in answer.items()}


def test_both_namings_of_sidecars_go_along() -> None:
    assert found("a.jpg", "a.xmp", "a.jpg.xmp", "b.xmp", "b.txt") == {
        "a.jpg": [("a.xmp", "sidecar"), ("a.jpg.xmp", "sidecar")]
    }


def test_further_versions_of_darktable_go_along() -> None:
    assert found("a.cr2", "a_01.cr2.xmp", "a_x.cr2.xmp") == {"a.cr2": [("a_01.cr2.xmp", "sidecar")]}


def test_edits_and_films_go_along() -> None:
    assert found("a.HEIC", "a.MOV", "a.AAE", "b.png", "b.mov") == {
        "a.HEIC": [("a.MOV", "film"), ("a.AAE", "edits")]
    }


def test_a_camera_file_goes_with_its_picture_and_takes_its_sidecar_along() -> None:
    assert found("a.CR2", "a.JPG", "a.xmp", "a.CR2.xmp") == {
        "a.JPG": [("a.CR2", "partner"), ("a.xmp", "sidecar"), ("a.CR2.xmp", "sidecar")]
    }


def test_the_picture_goes_with_the_camera_file_where_only_that_is_asked_of() -> None:
    assert found("a.nef", "a.jpg", photos=["a.nef"]) == {"a.nef": [("a.jpg", "partner")]}


def test_two_pictures_of_one_stem_are_no_pair_and_the_sidecar_goes_with_one() -> None:
    assert found("a.jpg", "a.png", "a.xmp") == {"a.jpg": [("a.xmp", "sidecar")]}


def test_case_counts_only_where_there_are_several() -> None:
    assert found("IMG.jpg", "img.xmp") == {"IMG.jpg": [("img.xmp", "sidecar")]}
    assert found("IMG.jpg", "img.jpg", "Img.xmp") == {}
    assert found("IMG.jpg", "img.jpg", "img.xmp") == {"img.jpg": [("img.xmp", "sidecar")]}


def test_of_names_that_differ_in_case_only_one_goes_along() -> None:
    assert found("a.JPG", "a.jpg", "a.cr2", "a.xmp", "a.XMP") == {
        "a.JPG": [("a.cr2", "partner"), ("a.xmp", "sidecar")]
    }


def test_letters_composed_in_another_way_are_the_same() -> None:
    assert found("cafe\u0301.jpg", "caf\u00e9.xmp") == {"cafe\u0301.jpg": [("caf\u00e9.xmp", "sidecar")]}


def test_nothing_belongs_to_what_is_not_asked_of() -> None:
    assert found("a.jpg", "a.xmp", photos=[]) == {}


@pytest.mark.parametrize(
    ("name", "renamed"),
    [("a.xmp", "b (2).xmp"), ("a.jpg.xmp", "b (2).jpg.xmp"), ("a_01.jpg.xmp", "b (2)_01.jpg.xmp")],
)
def test_companions_are_named_after_their_photo(name: str, renamed: str) -> None:
    ((one,),) = companions(["a.jpg", name], ["a.jpg"]).values()
    assert one.beside("b (2)") == renamed
    assert one.beside(one.stem) == name


def test_the_shared_stem_is_the_companions_own() -> None:
    ((one,),) = companions(["cafe\u0301.jpg", "caf\u00e9.jpg.xmp"], ["cafe\u0301.jpg"]).values()
    assert one.beside("b") == "b.jpg.xmp"


def test_names_without_a_suffix() -> None:
    assert (stem_of(".xmp"), suffix_of(".xmp"), stem_of("a"), suffix_of("a")) == (".xmp", "", "a", "")


names = st.text("aA1_\u00e9.", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
suffixes = st.sampled_from(
    [".jpg", ".JPG", ".cr2", ".heic", ".png", ".xmp", ".aae", ".mov", ".jpg.xmp", ".txt"]
)
files = st.lists(st.builds(lambda a, b: a + b, names, suffixes), unique=True)


@given(files, st.randoms(use_true_random=False))
def test_each_file_goes_with_one_photo_at_most(some: list[str], chance: object) -> None:
    photos = [name for name in some if suffix_of(name) in (".jpg", ".cr2", ".heic", ".png")]
    answer = companions(some, photos)
    along = [one.name for each in answer.values() for one in each]
    assert len(along) == len(set(along))
    assert not set(along) & set(answer)
    assert set(answer) <= set(photos)
    assert all(one.beside(one.stem) == one.name for each in answer.values() for one in each)
    assert all(one.kind is Kind.PARTNER for each in answer.values() for one in each if one.name in photos)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.xmp", "a.jpg.xmp"], {"a.jpg": ("a.xmp", "a.jpg.xmp")}),
        (["a.JPG", "a.CR2", "a.xmp", "a.JPG.xmp"], {"a.CR2": ("a.xmp",), "a.JPG": ("a.JPG.xmp",)}),
        (["a.jpg", "A.XMP", "b.xmp"], {"a.jpg": ("A.XMP",)}),
        (["a.cr2", "a_01.cr2.xmp"], {}),  # of another version
        (["a.jpg", "A.png", "a.xmp"], {"a.jpg": ("a.xmp",)}),
    ],
)
def test_each_photo_has_sidecars_of_its_own(names: list[str], expected: dict[str, tuple[str, ...]]) -> None:
    assert sidecars(names, [name for name in names if suffix_of(name) != ".xmp"]) == expected
