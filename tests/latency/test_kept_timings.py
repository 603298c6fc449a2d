"""Latencies are kept by their content, whatever else happens to the files."""

from hypernas.latency.cache import Cache
from hypernas.latency.turns import Timing

TIMING = Timing.of([1.0, 2.0, 3.0])


def test_what_is_put_is_there_for_others(tmp_path):
    Cache(tmp_path / "folder").put("content", TIMING)
    assert Cache(tmp_path / "folder").get("content") == TIMING
    assert Cache(tmp_path / "folder").get("another") is None


def test_without_a_folder_it_is_in_memory_alone():
    cache = Cache(None)
    cache.put("content", TIMING)
    assert cache.get("content") == TIMING
    assert Cache(None).get("content") is None


def test_torn_foreign_and_empty_files_count_as_absent(tmp_path):
    Cache(tmp_path).put("content", TIMING)
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    for text in ("", whole[:40], "[]", whole.replace("content", "other"), '{"content": "content"}'):
        path.write_text(text)
        assert Cache(tmp_path).get("content") is None
    path.write_bytes(b"\xff\xfe")
    assert Cache(tmp_path).get("content") is None
    Cache(tmp_path).put("content", TIMING)
    assert Cache(tmp_path).get("content") == TIMING


def test_two_writers_leave_whole_entries_of_both(tmp_path):
    first, second = Cache(tmp_path), Cache(tmp_path)
    for i in range(20):
        first.put(f"content {i % 10}", TIMING)
        second.put(f"content {i % 7 + 5}", TIMING)
    reader = Cache(tmp_path)
    assert all(reader.get(f"content {i}") == TIMING for i in range(12))
    assert len(list(tmp_path.iterdir())) == 12
