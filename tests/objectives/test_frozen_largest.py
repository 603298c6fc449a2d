"""The largest subnet, as it was after the first part of training, teaches the rest of it."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close
from training_runs import fit, short, space

from hypernas import generators
from hypernas.events import Stepped
from hypernas.objectives import CrossEntropy, FrozenLargest
from hypernas.sampling import Progressive
from hypernas.training.callbacks import Checkpoints

PHASES = [{"share": 0.3}, {"share": 0.7, "opened": {"*": None}, "num": 2}]


def test_up_to_the_teacher_it_is_the_labels_and_then_no_more():
    found = []
    for objective in (FrozenLargest(share=0.5), CrossEntropy()):
        seen = []

        def note(run, event, seen=seen):
            if isinstance(event, Stepped):
                seen.append([p.detach().clone() for p in run.generator.parameters()])

        fit(generators.shared(space()), short(8), objective=objective, callbacks=[note])
        found.append(seen)
    assert_close(found[0][3], found[1][3], rtol=0, atol=0)
    assert not all(map(torch.equal, found[0][4], found[1][4]))


def test_the_teacher_is_the_largest_as_it_was_and_stays_so():
    objective, kept = FrozenLargest(share=0.3), {}

    def keep(run, event):
        if isinstance(event, Stepped) and event.step == 3:
            kept.update(run.generator.export(run.generator.space.largest()).state_dict())

    generator = generators.hypernas(space("batch"))
    fit(
        generator,
        short(10),
        objective=objective,
        sampler=Progressive(phases=PHASES),
        callbacks=[keep],
    )
    assert_close(dict(objective.teacher.module.state_dict()), kept, rtol=0, atol=0)
    largest = generator.export(generator.space.largest()).state_dict()
    assert any(not torch.equal(largest[name], kept[name]) for name in kept)


def test_the_loss_is_that_of_the_labels_and_the_teachers_whose_gradients_are_known():
    rng = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(5, 3, generator=rng).double() for _ in range(2))
    student.requires_grad_()
    targets = torch.tensor([0, 1, 2, 1, 0])
    FrozenLargest(ratio=2.0, label_smoothing=0.0).loss(student, targets, teacher).backward()
    own = student.detach().softmax(-1)
    labels, soft = own - F.one_hot(targets, 3), own - teacher.softmax(-1)
    assert_close(student.grad, (labels + 2 * soft) / 5, rtol=0, atol=1e-15)


def test_training_that_is_resumed_behind_the_teacher_takes_the_steps_of_one_that_never_stopped(
    tmp_path,
):
    whole, resumed = (generators.shared(space("batch")) for _ in range(2))
    options = {"sampler": Progressive(phases=PHASES)}
    saves = Checkpoints(tmp_path, every=5)
    fit(whole, short(10), objective=FrozenLargest(), callbacks=[saves], **options)
    (tmp_path / "00000010").rename(tmp_path / "late")
    fit(resumed, short(10), objective=FrozenLargest(), callbacks=[], resume=tmp_path, **options)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [{"share": 0}, {"ratio": -1}, {"temperature": 0}])
def test_teachers_of_no_time_are_refused(wrong):
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        FrozenLargest(**wrong)
