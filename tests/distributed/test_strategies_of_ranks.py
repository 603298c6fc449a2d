"""Strategies that are told losses, weigh architectures or keep an average, on several ranks."""

from typing import NamedTuple

import torch
from torch.testing import assert_close
from training_on_ranks import ADAMW, blobs, made

from hypernas.conditions import BatchStatistics
from hypernas.distributed import ProcessGroup, share
from hypernas.events import Observer, Stepped
from hypernas.objectives import CrossEntropy, FrozenLargest
from hypernas.sampling import Progressive, Sampler, Weighted
from hypernas.subnet.rows import num_rows
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Average, Validation


class Curious(Sampler, Observer, Weighted):
    """Trains the architectures of a pool whose last losses were the highest, those most."""

    def __init__(self, num):
        self.num, self.losses, self.trail = num, {}, []

    def __call__(self, space, rng):
        pool = [space.largest(), space.smallest(), *(space.sample(rng) for _ in range(3))]
        return sorted(pool, key=lambda a: self.losses.get(a.to_json(), 0.0))[-self.num :]

    def weights(self, architectures):
        return [1 + i for i in range(len(architectures))]

    def see(self, event):
        if isinstance(event, Stepped):
            self.trail.append(event.losses)
            for architecture, loss in zip(event.architectures, event.losses.tolist(), strict=True):
                self.losses[architecture.to_json()] = loss


def strategic(ranks, num):
    """Losses by architecture, the average of the parameters, and what was validated."""
    generator = made("hypernas", condition_dim=4).double()
    sampler, average = Curious(num), Average(decay=0.5)

    def stop(run, event):  # on rank 0 only
        if isinstance(event, Stepped) and event.step == 5:
            run.stop("enough")

    final = Training(steps=50, batch_size=16, accumulate=2).run(
        generator,
        Task(blobs(torch.float64), CrossEntropy(), BatchStatistics()),
        Strategy(sampler=sampler, optimizer=ADAMW),
        callbacks=[average, Validation(every=3), stop],
        device="cpu",
        ranks=ranks,
    )
    return sampler.trail, dict(average.state()), final


def test_two_ranks_take_the_strategic_steps_of_one_process(pair):
    for num in (3, 1):  # architectures a step; one is divided by rows
        trail, average, final = strategic(ProcessGroup(), num)
        assert len(trail) == 6
        for found in pair(strategic, num):
            assert_close(found[0], trail, rtol=1e-6, atol=1e-9)
            assert_close(found[1], average, rtol=1e-6, atol=1e-9)
            assert_close(found[2], final, rtol=1e-6, atol=1e-9)


def assert_as_one_process(pair, trained):
    """Two ranks end with the parameters of one process."""
    expected = trained(ProcessGroup())
    for found in pair(trained):
        assert_close(found, expected, rtol=1e-6, atol=1e-9)


def once_for_all(ranks, shard_banks=False):
    """Steps of the largest, then of two at once that it teaches as it was."""
    generator = made("shared").double()
    phases = [{"share": 0.5}, {"share": 0.5, "opened": {"*": None}, "num": 2}]
    Training(steps=4, batch_size=16, shard_banks=shard_banks).run(
        generator,
        Task(blobs(torch.float64), FrozenLargest(share=0.5)),
        Strategy(sampler=Progressive(phases=phases), optimizer=ADAMW),
        device="cpu",
        ranks=ranks,
    )
    return dict(generator.named_parameters())


def test_ranks_keep_the_same_teacher_and_refuse_to_where_none_holds_all(pair):
    assert_as_one_process(pair, once_for_all)
    for error in pair(once_for_all, True):
        assert "FrozenLargest looks at all of the generator" in str(error)


class Named(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


def test_rows_of_any_batch_are_divided():
    batch = {"x": torch.arange(7), "more": (torch.arange(14).view(7, 2), "word")}, [torch.arange(7)]
    assert num_rows(batch) == 7
    second = share(1, 2, [7]).rows.of(batch)
    assert second[0]["x"].tolist() == second[1][0].tolist() == [3, 4, 5, 6]
    assert second[0]["more"][0].shape == (4, 2)
    assert second[0]["more"][1] == "word"
    assert share(0, 1, [7]).rows.of(batch) is batch
    named = Named(torch.arange(7), torch.arange(14).view(7, 2))  # as torch collates them
    inputs, _ = share(1, 2, [7]).rows.of((named, torch.arange(7)))
    assert isinstance(inputs, Named)
    assert inputs.left.tolist() == [3, 4, 5, 6]
