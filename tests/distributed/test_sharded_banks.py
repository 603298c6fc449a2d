"""ProcessGroup that divide a bank have the gradients of one process, in a part of its memory."""

import pytest
import torch
from torch.testing import assert_close
from training_on_ranks import assert_same_gradient, blobs, divisible, gradients, made

from hypernas.cost import delivery_bytes
from hypernas.distributed import ProcessGroup, Replicated, ShardedBanks
from hypernas.objectives import CrossEntropy
from hypernas.training.gradients import add_gradients
from hypernas.training.part import Part

CPU = torch.device("cpu")


def union(parts):
    """Gradients by name, of which each rank has some; those that several have are the same."""
    found = {}
    for part in parts:
        for name, gradient in part.items():
            if name in found:
                assert_close(gradient, found[name], rtol=0, atol=0)
            found[name] = gradient
    return found


@pytest.mark.parametrize("name", divisible())
def test_one_rank_that_divides_its_bank_among_none_has_the_same_gradients(name):
    step = name, 2, "mean", True, "batch", torch.float32
    expected, loss = gradients(ProcessGroup(), *step, Replicated)
    found, total = gradients(ProcessGroup(), *step, ShardedBanks)
    assert_close(found, expected)
    assert_close(total, loss)


def test_what_a_loss_does_not_reach_has_no_gradient():
    generator = made("shared")
    storage = ShardedBanks(generator, ProcessGroup())
    with storage.together([generator.subnet(generator.space.largest())], [[0]]) as weights:
        weights[0]["head.bias"].sum().backward()
    reached = {name for name, p in generator.named_parameters() if p.grad is not None}
    assert reached == {"bank.stacks.head/bias"}


@pytest.mark.parametrize("num_random", [-1, 1, 2])  # one architecture, of which ranks split rows
@pytest.mark.parametrize("name", divisible())
def test_the_gradient_of_two_ranks_is_that_of_one_process(pair, name, num_random):
    step = name, num_random, "mean", True, "layer"
    for dtype, each, whole in ((torch.float32, 1e-5, 1e-6), (torch.float64, 1e-12, 1e-12)):
        expected, loss = gradients(ProcessGroup(), *step, dtype)
        parts, totals = zip(*pair(gradients, *step, dtype, ShardedBanks), strict=True)
        assert_same_gradient(union(parts), expected, each=each, whole=whole)
        assert_close(list(totals), [loss, loss], rtol=1e-6, atol=0)


def of_depths(ranks, depths, kept):
    """Gradients by name, or None, of architectures of these depths."""
    generator = made("hypernas").double()
    rng = torch.Generator().manual_seed(2)
    drawn = [generator.space.sample(rng) for _ in range(100)]
    architectures = [next(a for a in drawn if a["depth"] == depth) for depth in depths]
    batch = tuple(tensor[:16] for tensor in blobs(torch.float64).train.tensors)
    storage = kept(generator, ranks)
    storage.place(CPU)
    add_gradients(
        storage,
        [Part([generator.subnet(a) for a in architectures], batch)],
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    return {n: p.grad for n, p in generator.named_parameters() if storage.holds(p)}


@pytest.mark.parametrize("depths", [(1, 2), (2, 1), (3, 1), (1, 1)])
def test_a_layer_that_one_rank_used_has_a_gradient_and_one_that_none_did_has_none(pair, depths):
    expected = of_depths(ProcessGroup(), depths, Replicated)
    assert any(g is None for g in expected.values()) == (max(depths) < 3)
    found = union(pair(of_depths, depths, ShardedBanks))
    assert {n for n, g in found.items() if g is None} == {
        n for n, g in expected.items() if g is None
    }
    assert_same_gradient(found, expected, each=1e-12, whole=1e-12)


def weights_of(ranks, trained):
    generator = made("dropout").double().train()
    storage = ShardedBanks(generator, ranks)
    storage.place(CPU)
    torch.manual_seed(ranks.rank)
    rng = torch.Generator().manual_seed(3)
    bounds = generator.space.largest(), generator.space.smallest()
    every = [generator.subnet(architecture) for architecture in bounds]
    with storage.together(every, trained, read=[0], rng=rng) as weights:
        return {i: {n: w.detach() for n, w in own.items()} for i, own in weights.items()}


def test_ranks_mix_with_one_draw_of_dropout(pair):
    expected = weights_of(ProcessGroup(), [[0, 1]])
    first, second = pair(weights_of, [[0], [1]])
    assert_close(first, {0: expected[0]})
    assert_close(second, {1: expected[1], 0: expected[0]})


def stored(ranks):
    """Elements of parameters, gradients and moments on this rank, of all and of what is copied."""
    generator = made("hypernas")
    storage = ShardedBanks(generator, ranks)
    copied = 4 * sum(p.numel() for p in generator.source.parameters())
    total = 4 * sum(p.numel() for p in generator.parameters())
    storage.place(CPU)
    optimizer = storage.maker(torch.optim.AdamW)(list(generator.parameters()))
    bounds = generator.space.largest(), generator.space.smallest()
    batch = tuple(tensor[:16] for tensor in blobs().train.tensors)
    add_gradients(
        storage,
        [Part([generator.subnet(a) for a in bounds], batch)],
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    optimizer.step()
    held = [*generator.parameters(), *(p.grad for p in generator.parameters())]
    held += [entry[key] for entry in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]
    return sum(t.untyped_storage().nbytes() // 4 for t in held if t is not None), copied, total


def test_a_rank_stores_half_of_the_bank_its_gradient_and_the_moments(pair):
    for held, copied, total in pair(stored):
        assert held - copied == pytest.approx((total - copied) / 2, rel=0.05)


def sent(ranks):
    """Bytes that this rank sends to the other in a step in which each trains the largest subnet."""
    counts, swap = [], ranks.all_to_all

    def counting(tensor, to, sizes):
        counts.append(to[1 - ranks.rank] * tensor.element_size())
        return swap(tensor, to, sizes)

    ranks.all_to_all = counting
    generator = made("hypernas")
    batch = tuple(tensor[:16] for tensor in blobs().train.tensors)
    storage = ShardedBanks(generator, ranks)
    storage.place(CPU)
    add_gradients(
        storage,
        [Part([generator.subnet(generator.space.largest())] * 2, batch)],
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    return sum(counts)


def test_ranks_send_the_weights_that_they_do_not_have_and_their_gradients(pair):
    weights = made("hypernas")(made("hypernas").space.largest())
    num = sum(weight.numel() for weight in weights.values())
    assert sum(pair(sent)) == 2 * delivery_bytes(num, num_ranks=2)


def told(ranks):
    """What a generator of which this rank has a part says to one who asks for weights, or for its state."""
    generator = made("shared")
    ShardedBanks(generator, ranks).place(CPU)
    whole = torch.nn.ModuleDict({"student": generator})  # of which the generator is a part
    found = []
    for asked in (lambda: generator(generator.space.largest()), whole.state_dict):
        try:
            found.append(str(asked()))
        except RuntimeError as error:
            found.append(str(error))
    return found


def test_a_part_of_a_generator_says_that_it_is_one(pair):
    for rank, (weights, state) in enumerate(pair(told)):
        assert f"is mixed on rank {1 - rank} while ranks divide the bank" in weights
        assert f"a state dict read on rank {rank} while ranks divide the bank" in state


def told_to_the_end(ranks):
    generator = made("shared")
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    storage = ShardedBanks(generator, ranks)
    storage.place(CPU)
    gathered = storage.state_dicts(torch.optim.SGD(generator.parameters(), lr=0.1))
    storage.unshard()
    return before, gathered and gathered[0], dict(generator.state_dict())


def test_checkpoints_of_parts_and_the_generator_after_them_are_whole(pair):
    (before, gathered, after), (_, nothing, other) = pair(told_to_the_end)
    assert nothing is None
    for found in (gathered, after, other):
        assert_close(found, before, rtol=0, atol=0)
