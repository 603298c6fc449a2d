"""Strategies that look at gradients, of examples or of architectures, on several ranks."""

import copy

import torch
from torch.testing import assert_close
from training_on_ranks import ADAMW, blobs, made

from hypernas import generators
from hypernas.distributed import ProcessGroup
from hypernas.objectives import CrossEntropy
from hypernas.sampling import PADA, Examples, Sandwich, Uniform
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Split


class Reader(Sandwich, Examples):
    """Reads examples in their order, and notes how they fared."""

    def __init__(self, **options):
        super().__init__(**options)
        self.trail = []

    def order(self, epoch, num, rng):
        return torch.arange(num)

    def factors(self, examples):
        return 1 + examples / 100

    def fared(self, examples, norms):
        self.trail.append((examples, norms))


def read(ranks, sampler):
    generator = made("shared").double()
    Training(steps=6, batch_size=40, accumulate=2).run(
        generator,
        Task(blobs(torch.float64), CrossEntropy()),
        Strategy(sampler=sampler, optimizer=ADAMW),
        device="cpu",
        ranks=ranks,
    )
    return dict(generator.named_parameters()), getattr(sampler, "trail", None)


def test_ranks_read_the_examples_of_one_process_and_learn_the_same_of_them(pair):
    for sampler in (PADA(unbiased=True), Reader(num_random=2, divide=True)):
        expected = read(ProcessGroup(), copy.deepcopy(sampler))
        for found in pair(read, sampler):
            assert_close(found, expected, rtol=1e-5, atol=1e-7)


def split(ranks):
    space = made("shared").space
    generator = generators.few_shot(space, num_groups=2, grouping="gradient").double()
    Training(steps=6, batch_size=16).run(
        generator,
        Task(blobs(torch.float64), CrossEntropy()),
        Strategy(sampler=Uniform(num=2), optimizer=ADAMW),
        callbacks=[Split(at=0.4, num_batches=2)],
        device="cpu",
        ranks=ranks,
    )
    return dict(generator.named_parameters()), generator.groups.words()


def test_ranks_split_a_supernet_alike(pair):
    expected, words = split(ProcessGroup())
    for found, own in pair(split):
        assert_close(found, expected, rtol=1e-6, atol=1e-9)
        assert own == words
