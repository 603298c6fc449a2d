"""Loads and completion bounds of plans, against linear programs and against other ways to count."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linprog

from hypernas.cost import all_reduce_bytes, delivery_bytes
from hypernas.planning import (
    Demand,
    LeafSpine,
    Step,
    delivery,
    dispatch,
    halving_doubling,
    plan,
    ring,
)
from hypernas.planning.ecmp import Ecmp
from hypernas.planning.leaf_pair import LeafPair
from hypernas.planning.scheme import cut
from hypernas.planning.source_leaf import SourceLeaf
from hypernas.planning.split import split
from hypernas.planning.spraying import Spraying


def random_demand(rng, num_ranks, *, sizes=1):
    """As many flows as chance makes, of one size or of several."""
    some = rng.random((num_ranks, num_ranks)) < rng.random()
    return some * rng.integers(1, sizes + 1, size=(num_ranks, num_ranks))


def outcome(fabric, matrix, scheme):
    return plan(fabric, [Step("", Demand.of_matrix(matrix))], schemes=[scheme]).outcomes[0]


def links(fabric, sender, receiver, spine):
    """The links on the way of a piece."""
    a, b = sender // fabric.hosts, receiver // fabric.hosts
    between = [("up", a, spine), ("down", b, spine)] if a != b else []
    return [("out", sender), *between, ("in", receiver)]


def rates(fabric):
    """Link -> bytes a second."""
    found = {
        (way, host): fabric.host_rate for way in ("out", "in") for host in range(fabric.num_hosts)
    }
    pairs = itertools.product(("up", "down"), range(fabric.leaves), range(fabric.spines))
    return found | dict.fromkeys(pairs, fabric.spine_rate)


def least_seconds(fabric, matrix):
    """The time of the best flow of any kind: a program over what goes over each spine."""
    every = [(i, j) for i, j in np.argwhere(matrix) if i != j]
    number = {
        key: k for k, key in enumerate(itertools.product(range(len(every)), range(fabric.spines)))
    }
    link_rates = rates(fabric)
    place = {link: k for k, link in enumerate(link_rates)}
    below = np.zeros((len(place), len(number) + 1))
    whole = np.zeros((len(every), len(number) + 1))
    for (flow, spine), k in number.items():
        whole[flow, k] = 1
        for link in links(fabric, *every[flow], spine):
            below[place[link], k] = 1e6 / link_rates[link]
    below[:, -1] = -1  # microseconds
    cost = np.zeros(len(number) + 1)
    cost[-1] = 1
    sizes = [matrix[pair] for pair in every]
    return linprog(cost, below, np.zeros(len(place)), whole, sizes).fun / 1e6


def seconds_of_pieces(fabric, pieces):
    """The time of pieces on given ways: the largest share of each that all can send in a second."""
    link_rates = rates(fabric)
    place = {link: k for k, link in enumerate(link_rates)}
    below = np.zeros((len(place), 1 + len(pieces)))
    same = np.zeros((len(pieces), 1 + len(pieces)))
    for k, (sender, receiver, spine, size) in enumerate(pieces):
        same[k, 0], same[k, 1 + k] = -size, 1  # the rate of a piece is its size times the share
        for link in links(fabric, sender, receiver, spine):
            below[place[link], 1 + k] += 1
    found = linprog(
        [-1, *[0] * len(pieces)], below, [*link_rates.values()], same, [0] * len(pieces)
    )
    return -1 / found.fun


def pieces_of_theorem(fabric, matrix, *, pairs):
    """Pieces by the words of Theorem 1, one flow after the other."""
    found, groups = [], {}
    for sender, receiver in np.argwhere(matrix):
        a, b = sender // fabric.hosts, receiver // fabric.hosts
        if a == b:
            found.append((sender, receiver, 0, matrix[sender, receiver]))
        else:
            groups.setdefault((a, b) if pairs else a, []).append((sender, receiver))
    for flows in groups.values():
        own = split(len(flows), fabric.spines)
        turn = itertools.cycle(range(fabric.spines))
        for k, (sender, receiver) in enumerate(flows):
            num = 1 if k < own.num_whole else own.num_pieces
            size = matrix[sender, receiver] / num
            found += [(sender, receiver, next(turn), size) for _ in range(num)]
    return found


FABRICS = [
    LeafSpine(2, 2, 3),
    LeafSpine(3, 2, 2, spine_gbit=100.0),
    LeafSpine(2, 3, 2, host_gbit=200.0),
]


@pytest.mark.parametrize("fabric", FABRICS, ids=str)
def test_spraying_takes_the_least_time_that_any_flow_takes(fabric):
    rng = np.random.default_rng(1)
    for sizes in (1, 9):
        matrix = 1e6 * random_demand(rng, fabric.num_hosts, sizes=sizes)
        np.fill_diagonal(matrix, 0)
        matrix[0, -1] = 1e6
        found = outcome(fabric, matrix, Spraying()).seconds
        assert found == pytest.approx(least_seconds(fabric, matrix), rel=1e-6)


@pytest.mark.parametrize("fabric", FABRICS, ids=str)
@pytest.mark.parametrize(("scheme", "pairs"), [(SourceLeaf(), False), (LeafPair(), True)])
def test_split_flows_take_the_time_of_a_program_over_their_ways(fabric, scheme, pairs):
    matrix = 1e6 * random_demand(np.random.default_rng(2), fabric.num_hosts)
    np.fill_diagonal(matrix, 0)
    matrix[0, -1] = 1e6
    pieces = pieces_of_theorem(fabric, matrix, pairs=pairs)
    found = outcome(fabric, matrix, scheme)
    assert found.seconds == pytest.approx(seconds_of_pieces(fabric, pieces), rel=1e-6)
    inside = sum(a // fabric.hosts == b // fabric.hosts for a, b, *_ in pieces)
    assert found.num_pieces == len(pieces) - inside


def test_hashes_take_the_mean_time_of_programs_over_drawn_ways():
    fabric, rng = LeafSpine(2, 3, 3), np.random.default_rng(3)
    matrix = np.zeros((6, 6))
    matrix[:3, 3:] = 1e6 * rng.integers(1, 4, size=(3, 3))
    every = np.argwhere(matrix)
    drawn = [
        seconds_of_pieces(fabric, [(i, j, rng.integers(3), matrix[i, j]) for i, j in every])
        for _ in range(60)
    ]
    error = np.std(drawn) / 60**0.5
    found = outcome(fabric, matrix, Ecmp(num_draws=2000)).seconds
    assert abs(found - np.mean(drawn)) < 4 * error


def test_pieces_split_by_pairs_of_leaves_load_every_link_as_spraying_does():
    rng = np.random.default_rng(0)
    for _ in range(200):
        fabric = LeafSpine(*(int(n) for n in rng.integers(1, 5, size=3)))
        matrix = random_demand(rng, fabric.num_hosts)
        up, down = np.zeros((2, fabric.leaves, fabric.spines))
        for sender, receiver, spine, size in pieces_of_theorem(fabric, matrix, pairs=True):
            a, b = sender // fabric.hosts, receiver // fabric.hosts
            up[a, spine] += size * (a != b)
            down[b, spine] += size * (a != b)
        for scheme in (LeafPair(), Spraying()):
            loads = outcome(fabric, matrix, scheme).loads
            np.testing.assert_allclose(loads.up[0], up, atol=1e-9)
            np.testing.assert_allclose(loads.down[0], down, atol=1e-9)


def test_a_line_of_unequal_flows_is_cut_into_equal_parts_at_most_once_less_than_there_are():
    rng = np.random.default_rng(0)
    for _ in range(100):
        num_spines = int(rng.integers(1, 9))
        sizes = rng.integers(1, 20, size=rng.integers(1, 30)).astype(float)
        ends, places, flows = cut(sizes, num_spines)
        assert len(places) <= num_spines - 1
        stops = np.sort(np.concatenate([ends, places]))
        parts = np.diff(stops, prepend=0.0)
        spines = np.ceil(stops / ends[-1] * num_spines - 1e-9).astype(int) - 1
        loads = np.bincount(spines, weights=parts, minlength=num_spines)
        np.testing.assert_allclose(loads, sizes.sum() / num_spines)
        assert ((ends[flows] - sizes[flows] < places) & (places < ends[flows])).all()


def test_split_by_source_leaf_loads_links_up_as_spraying_does_but_not_those_down():
    rng, differ = np.random.default_rng(0), 0
    for sizes in (1, 40):
        for _ in range(50):
            fabric = LeafSpine(*(int(n) for n in rng.integers(2, 6, size=3)))
            steps = [Step("", Demand.of_matrix(random_demand(rng, fabric.num_hosts, sizes=sizes)))]
            own, ideal = (
                one.loads
                for one in plan(fabric, steps, schemes=[SourceLeaf(), Spraying()]).outcomes
            )
            np.testing.assert_allclose(own.up, ideal.up, atol=1e-9)
            np.testing.assert_allclose(own.down.sum(2), ideal.down.sum(2), atol=1e-9)
            differ += not np.allclose(own.down, ideal.down)
    assert differ > 50


@pytest.mark.parametrize("fabric", [LeafSpine(4, 4, 4), LeafSpine(3, 5, 2)], ids=str)
def test_a_ring_takes_as_long_under_every_scheme(fabric):
    made = plan(fabric, ring(fabric.num_hosts, 1e6))
    assert [row["relative"] for row in made.rows()] == pytest.approx([1.0] * 5, rel=1e-12)
    assert made.advice.startswith("Leave flows whole")


def test_ranks_send_what_the_library_says_they_send():
    fabric = LeafSpine(4, 2, 2)
    for steps in (ring(8, 4e3), halving_doubling(8, 4e3)):
        sent = plan(fabric, steps).outcomes[0].loads.sent
        np.testing.assert_allclose(sent, all_reduce_bytes(1000, num_ranks=8))
    sent = plan(fabric, delivery(8, [4e3, *[0] * 7])).outcomes[0].loads.sent
    assert sent.mean() == pytest.approx(delivery_bytes(1000, num_ranks=8))
    np.testing.assert_allclose(
        plan(fabric, delivery(8, 4e3)).outcomes[0].loads.sent, delivery_bytes(1000, num_ranks=8)
    )


def test_ranks_may_be_fewer_than_hosts_and_leaves():
    for steps in (ring(3, 1e6), delivery(3, 1e6), halving_doubling(2, 1e6), dispatch(3, 1.0)):
        made = plan(LeafSpine(4, 2, 2), steps)
        loads = made.outcomes[0].loads
        assert loads.up[:, 2:].sum() == 0
        assert len(list(made.links())) == 2 * len(loads.sent) + 2 * 4 * 2


def test_a_dispatch_sends_each_token_to_different_experts_and_its_output_back():
    there, back = dispatch(16, 1.0, tokens=30, top_k=3)
    every = [np.zeros((16, 16)), np.zeros((16, 16))]
    for found, step in zip(every, (there, back), strict=True):
        pairs = step.demand.pairs(range(16))
        found[pairs.senders, pairs.receivers] = pairs.sizes
    np.testing.assert_array_equal(every[0], every[1].T)
    assert (every[0].sum(1) <= 90).all()
    assert every[0].max() <= 30  # no token is sent to an expert twice


def test_four_thousand_ranks_are_planned_without_a_matrix_of_them():
    made = plan(LeafSpine(64, 64, 64), halving_doubling(4096, 1e9), num_draws=3)
    assert [round(row["relative"], 2) for row in made.rows()][2:] == [1, 1, 1]
    assert "turn" in made.advice


def test_advice_tells_of_flows_that_are_split():
    rows = np.zeros((8, 8))
    rows[0, 4] = rows[1, 6] = rows[4, 2] = 1e6
    made = plan(LeafSpine(4, 2, 2), [Step("", Demand.of_matrix(rows))])
    assert made.advice.startswith("Split ")
    assert {row["scheme"] for row in made.splits()} == {"source_leaf", "leaf_pair"}
    inside = np.kron(np.eye(4), np.ones((2, 2)))
    alone = plan(LeafSpine(4, 2, 2), [Step("", Demand.of_matrix(inside))])
    assert alone.advice.startswith("No flow leaves its leaf")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LeafSpine(0, 2, -1), r"leaves: expected a whole number.*\n.*spines: expected"),
        (lambda: LeafSpine(host_gbit=0.0), "host_gbit: expected more than 0 Gbit/s, got 0.0"),
        (lambda: plan(LeafSpine(1, 2, 1), ring(3, 1.0)), "3 ranks need as many hosts"),
        (lambda: plan(LeafSpine(), []), "nothing to plan"),
        (lambda: halving_doubling(6, 1.0), "got 6: take collective=ring"),
        (lambda: ring(1, 1.0), "expected ranks, 2 or more, and bytes, more than 0, got 1"),
        (lambda: delivery(4, [1.0, 2.0]), "for each of 4 ranks, got 2"),
        (lambda: dispatch(4, 1.0, top_k=5), "top_k from 1 to 4"),
        (lambda: Demand.of_matrix([[1.0, 2.0]]), "a square matrix of bytes, got the shape"),
        (lambda: Demand.of_matrix([[0.0, -1.0], [0.0, 0.0]]), "finite bytes, 0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_planning_needs_no_torch():
    code = (
        "import sys\nfrom hypernas.planning import LeafSpine, plan, ring\n"
        "print(plan(LeafSpine(), ring(256, 1e9)).advice)\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_advice_names_the_schemes_that_were_laid():
    steps = [Step("", Demand.of_matrix(np.roll(np.eye(25), 7, 1) * 1e6))]
    fabric = LeafSpine(5, 5, 15, host_gbit=100, spine_gbit=200)
    made = plan(fabric, steps, schemes=[Ecmp(), Ecmp(num_subflows=4), LeafPair()])
    alone = plan(fabric, steps, schemes=[LeafPair()])
    assert "spraying" not in made.advice + alone.advice
    assert "hash" not in alone.advice
    assert alone.advice.startswith("Send whole flows over the spines in turn")
    assert "turn" not in plan(fabric, steps, schemes=[Ecmp(), Ecmp(num_subflows=4)]).advice
    with pytest.raises(ValueError, match="expected one scheme or more"):
        plan(fabric, steps, schemes=[])
