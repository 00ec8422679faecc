"""ByteCache: bounded in bytes, the ones used longest ago go first, many threads."""

from concurrent.futures import ThreadPoolExecutor

from skmimic.utils import ByteCache


def test_keeps_what_fits_and_drops_what_was_used_longest_ago():
    cache = ByteCache(100)
    cache.put("a", 1, 40)
    cache.put("b", 2, 40)
    assert cache.get("a") == 1
    cache.put("c", 3, 40)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_what_is_larger_than_all_may_be_is_not_kept():
    cache = ByteCache(100)
    cache.put("a", 1, 100)
    cache.put("b", 2, 101)
    assert [cache.get(key) for key in "ab"] == [1, None]


def test_room_can_be_made_before_a_value_is_computed():
    cache = ByteCache(100)
    cache.put("a", 1, 60)
    cache.make_room(40)
    assert len(cache) == 1
    cache.make_room(41)
    assert len(cache) == 0


def test_a_value_in_place_of_another_is_counted_once():
    cache = ByteCache(100)
    for value in range(3):
        cache.put("a", value, 60)
    cache.put("b", 1, 40)
    assert [cache.get(key) for key in "ab"] == [2, 1]


def test_clear_drops_all():
    cache = ByteCache(100)
    cache.put("a", 1, 1)
    cache.clear()
    assert cache.get("a") is None


def test_threads_share_it():
    cache = ByteCache(50)

    def work(number):
        for key in range(200):
            cache.put(key % 7, key % 7, 10)
            assert cache.get(number) in (None, number)
        return len(cache)

    with ThreadPoolExecutor(4) as pool:
        assert all(count <= 5 for count in pool.map(work, range(4)))
