"""The feature cache: remembers by content, and never stands in the way."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from training.cache import Facts, FeatureCache
from training.photos import PhotoFile


def a_file(name: str = "a.jpg", size: int = 10, mtime_ns: int = 5) -> PhotoFile:
    return PhotoFile(f"/photos/{name}", size, mtime_ns)


def facts(number: int) -> Facts:
    return Facts(number.to_bytes(16, "big"), 40, 30, "2020-01-02T03:04:05", "Camera")


def vector(number: int) -> np.ndarray:
    return np.full(8, number, np.float32)


def stored(cache: FeatureCache, *numbers: int) -> list[bytes]:
    cache.store([(a_file(f"{n}.jpg", n, n), facts(n), vector(n)) for n in numbers], "net")
    return [facts(n).digest for n in numbers]


def test_what_was_stored_is_found_again_after_reopening() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, 1, 2, 3)
    with FeatureCache() as cache:
        found, vectors = cache.vectors([*digests, bytes(16)], "net")
        assert sorted(found) == sorted(digests)
        assert [row[0] for row in vectors] == [digest[-1] for digest in found]
        assert cache.facts_of([a_file("2.jpg", 2, 2)]) == {"/photos/2.jpg": facts(2)}
        assert cache.facts_of_digests(digests[:1]) == {digests[0]: facts(1)}
        assert cache.notice == ""


@pytest.mark.parametrize("change", [{"size": 3}, {"mtime_ns": 3}])
def test_a_changed_file_is_not_known(change: dict[str, int]) -> None:
    with FeatureCache() as cache:
        stored(cache, 2)
        assert cache.facts_of([a_file("2.jpg", **{"size": 2, "mtime_ns": 2} | change)]) == {}


def test_another_extractors_features_are_not_found() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, 1)
        found, vectors = cache.vectors(digests, "other net")
        assert found == [] and vectors.shape[0] == 0


def test_names_that_are_not_text_are_remembered() -> None:
    file = a_file("\udcff\n\U0001f600.jpg")
    with FeatureCache() as cache:
        cache.store([(file, facts(1), vector(1))], "net")
        assert cache.facts_of([file]) == {file.path: facts(1)}


def test_more_photos_than_a_query_takes_are_found() -> None:
    with FeatureCache() as cache:
        digests = stored(cache, *range(1, 1502))
        assert len(cache.vectors(digests, "net")[0]) == 1501
        assert cache.sizes_among(range(5000)) == set(range(1, 1502))


def test_the_longest_unused_go_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        cache.store([(a_file(f"{n}.jpg"), facts(n), np.zeros(1000)) for n in range(1, 1501)], "net")
    later = time.time() + 200_000
    monkeypatch.setattr(time, "time", lambda: later)
    with FeatureCache(bound=2 << 20) as cache:
        assert cache.size() > 2 << 20
        stored(cache, 2001)
    with FeatureCache() as cache:
        kept = cache.vectors([facts(n).digest for n in range(1, 1501)], "net")[0]
        assert 0 < len(kept) < 1000
        assert len(cache.vectors([facts(2001).digest], "net")[0]) == 1
        assert cache.size() < 2 << 20
        known = cache.facts_of([a_file(f"{n}.jpg") for n in range(1, 1501)])
        assert {entry.digest for entry in known.values()} == set(kept)  # nothing is kept of the others


def test_using_features_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
    with FeatureCache() as cache:
        later = time.time() + 200_000
        monkeypatch.setattr(time, "time", lambda: later)
        cache.vectors([facts(1).digest], "net")
        used = cache._all("SELECT used FROM feature WHERE extractor IN", [1])
        assert used == [(int(time.time()),)]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""])
def test_a_damaged_file_is_set_aside(home: Path, content: bytes) -> None:
    file = home / "cache" / "features.sqlite3"
    file.parent.mkdir()
    file.write_bytes(content)
    with FeatureCache() as cache:
        assert len(cache.vectors(stored(cache, 1), "net")[0]) == 1
        assert ("set aside" in cache.notice) == bool(content)
    asides = list(file.parent.glob("*.unusable"))
    assert [aside.read_bytes() for aside in asides] == ([content] if content else [])


def test_a_newer_versions_file_is_set_aside_whole(home: Path) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
    file = home / "cache" / "features.sqlite3"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with FeatureCache() as cache:
        assert "set aside" in cache.notice
        assert cache.facts_of([a_file("1.jpg", 1, 1)]) == {}
    (aside,) = file.parent.glob("*.unusable")
    db = sqlite3.connect(aside)
    assert db.execute("SELECT count(*) FROM feature").fetchone() == (1,)
    db.close()


def test_a_file_damaged_in_the_middle_costs_no_result(home: Path) -> None:
    with FeatureCache() as cache:
        stored(cache, *range(1, 2000))
    file = home / "cache" / "features.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 4 : -len(content) // 4] = bytes(len(content) // 2)
    file.write_bytes(content)
    with FeatureCache() as cache:
        cache.vectors([facts(n).digest for n in range(1, 2000)], "net")
        cache.facts_of([a_file(f"{n}.jpg", n, n) for n in range(1, 2000)])
        stored(cache, 5000)
        assert cache.notice
        cache.close()
        cache.close()


def test_where_nothing_can_be_written_it_says_so_and_goes_on(home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    with FeatureCache() as cache:
        assert stored(cache, 1) and cache.vectors([facts(1).digest], "net")[0] == []
        assert "can't be remembered" in cache.notice and "[Errno" not in cache.notice


def test_a_full_disk_is_told_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    with FeatureCache() as cache:
        stored(cache, 1)
        assert cache._db is not None
        cache._db.execute("PRAGMA max_page_count = 1")  # SQLite then answers as on a full disk
        stored(cache, *range(100, 3000))
        assert "full" in cache.notice
        assert len(cache.vectors([facts(1).digest], "net")[0]) == 1


def test_two_windows_write_at_once() -> None:
    with FeatureCache() as one, FeatureCache() as other:
        stored(one, 1)
        stored(other, 2)
        stored(one, 3)
        assert len(other.vectors([facts(n).digest for n in (1, 2, 3)], "net")[0]) == 3
        assert one.notice == other.notice == ""
