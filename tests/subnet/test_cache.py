import copy
import pickle

import pytest
import torch

from hypernas.subnet.cache import Cache


def test_a_value_is_made_once_and_remembered():
    made = []
    cache = Cache(2)
    first = cache.get("a", lambda: made.append(1) or object())
    assert cache.get("a", lambda: made.append(1) or object()) is first
    assert made == [1]


def test_the_least_recently_used_is_forgotten():
    cache = Cache(2)
    for key in "abac":
        cache.get(key, lambda key=key: key)
    assert len(cache) == 2
    assert cache.get("a", lambda: "made again") == "a"
    assert cache.get("b", lambda: "made again") == "made again"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_keep_the_size_and_forget_the_rest(again):
    cache = Cache(3)
    cache.get("a", lambda: 1)
    assert (again(cache).size, len(again(cache))) == (3, 0)


def test_what_inference_mode_remembers_can_be_trained_on():
    cache = Cache(1)
    with torch.inference_mode():
        cache.get("a", lambda: torch.ones(2))
    weight = torch.ones(2, requires_grad=True)
    (weight * cache.get("a", lambda: None)).sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones(2))
