"""The loop of training, and who is told of what happens in it."""

import json
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from training_runs import ADAMW, Recorder, blobs, fit, say_format, short, space

from hypernas import generators
from hypernas.distributed import ProcessGroup, Replicated
from hypernas.events import Observer, Stateful
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sampler, Sandwich
from hypernas.training import (
    Begun,
    Ended,
    Stepped,
    Strategy,
    Task,
    Validated,
    checkpoint,
    train_steps,
)
from hypernas.training.callbacks import (
    Average,
    Checkpoints,
    EarlyStopping,
    Validation,
    load_average,
)
from hypernas.training.validation import validate


def begun(generator, training, callbacks=(), **strategy):
    strategy = {"sampler": Sandwich(num_random=1), "optimizer": ADAMW, **strategy}
    task = Task(blobs(), CrossEntropy())
    return training.begin(generator, task, Strategy(**strategy), callbacks=callbacks, device="cpu")


def test_a_loop_of_ones_own_sees_every_event_in_order_and_trains_as_any():
    own, usual = (generators.shared(space()) for _ in range(2))
    validation = Validation(every=2, num_subnets=0)
    seen = [(type(e), e.step) for e in train_steps(begun(own, short(3), [validation]))]
    fit(usual, short(3), callbacks=[])
    assert seen == [
        (Begun, 0),
        (Stepped, 1),
        (Stepped, 2),
        (Validated, 2),
        (Stepped, 3),
        (Validated, 3),
        (Ended, 3),
    ]
    assert_close(own.state_dict(), usual.state_dict(), rtol=0, atol=0)


def test_a_loop_that_is_left_tells_the_end():
    recorder = Recorder()
    for event in train_steps(begun(generators.shared(space()), short(9), [recorder])):
        if event.step == 2:
            break
    assert recorder.ended == 1


def test_of_a_run_that_a_callback_refuses_those_are_told_the_end_who_began():
    seen = []

    def told(name):
        return lambda run, event: seen.append((name, type(event)))

    def refuses(run, event):
        seen.append(("refuses", type(event)))
        raise ValueError("not so")

    callbacks = [told("first"), refuses, told("last")]
    with pytest.raises(ValueError, match="not so"):
        list(train_steps(begun(generators.shared(space()), short(), callbacks)))
    assert seen == [("first", Begun), ("refuses", Begun), ("first", Ended)]


class Outer(Stateful):
    """A callback whose state is a tensor, beside one whose class is within its own."""

    class Inner(Stateful):
        def __init__(self, value):
            self.kept = torch.tensor(value)

        def __call__(self, run, event):
            pass

        def state(self):
            return {"kept": self.kept}

        def restore(self, state):
            assert set(state) == {"kept"}
            self.kept = state["kept"]

    __init__, __call__, state, restore = (
        Inner.__init__,
        Inner.__call__,
        Inner.state,
        Inner.restore,
    )


def test_callbacks_keep_their_states_apart_also_where_a_class_is_within_another(tmp_path):
    kept = [Outer(1.0), Outer.Inner(2.0), Checkpoints(tmp_path)]
    fit(generators.shared(space()), short(steps=2), callbacks=kept)
    again = [Outer(0.0), Outer.Inner(0.0)]
    fit(generators.shared(space()), short(steps=4), callbacks=again, resume=tmp_path)
    assert [float(callback.kept) for callback in again] == [1.0, 2.0]


def test_a_plain_function_is_a_callback_and_sees_the_run():
    steps = []

    def see(run, event):
        if isinstance(event, Stepped):
            steps.append((run.step, run.steps, event.last, run.generator))

    generator = generators.shared(space())
    fit(generator, short(2), callbacks=[see])
    assert steps == [(1, 2, False, generator), (2, 2, True, generator)]


@pytest.mark.parametrize("first", [True, False])
def test_checkpoints_are_saved_after_all_others_saw_a_step_whatever_the_order(first, tmp_path):
    """Else they would hold states, and figures, of the step before."""
    others = [Average(), Validation(every=2, num_subnets=0)]
    saves = Checkpoints(tmp_path / "saved", every=2)
    callbacks = [saves, *others] if first else [*others, saves]
    generator = generators.shared(space())
    final = fit(generator, short(2), callbacks=callbacks)
    state = checkpoint.load(checkpoint.newest(tmp_path / "saved"), generator=generator)
    assert state.figures == final
    kept = state.part("callback Average")
    assert_close(kept, others[0].state(), rtol=0, atol=0)


# --- strategies --------------------------------------------------------------------------------


class Curious(Sampler, Observer, Stateful):
    """Trains the architecture whose last loss was the highest; counts what it saw."""

    def __init__(self):
        self.losses, self.seen = {}, 0

    def __call__(self, space, rng):
        bounds = [space.smallest(), space.largest()]
        return [max(bounds, key=lambda a: self.losses.get(a.to_json(), 99.0))]

    def see(self, event):
        self.seen += 1
        if isinstance(event, Stepped):
            for architecture, loss in zip(event.architectures, event.losses.tolist(), strict=True):
                self.losses[architecture.to_json()] = loss

    def state(self):
        return {"losses": self.losses, "seen": self.seen}

    def restore(self, state):
        self.losses, self.seen = state["losses"], state["seen"]


def test_a_sampler_is_told_losses_by_architecture_and_goes_on_with_its_state(tmp_path):
    samplers = [Curious(), Curious(), Curious()]
    whole, stopped, resumed = (generators.shared(space()) for _ in range(3))
    fit(whole, short(6), sampler=samplers[0], callbacks=[])
    assert len(samplers[0].losses) == 2
    stop = partial(stop_after, 4)
    callbacks = [Checkpoints(tmp_path), stop]
    fit(stopped, short(6), sampler=samplers[1], callbacks=callbacks)
    assert checkpoint.newest(tmp_path).step == 5
    fit(resumed, short(6), sampler=samplers[2], callbacks=[], resume=tmp_path)
    assert samplers[2].losses == samplers[0].losses
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def stop_after(step, run, event):
    if isinstance(event, Stepped) and event.step == step:
        run.stop("enough")


# --- early stopping ----------------------------------------------------------------------------


def test_a_run_ends_after_the_step_that_follows_the_wish_to_stop(tmp_path):
    recorder = Recorder()
    callbacks = [partial(stop_after, 3), recorder, Checkpoints(tmp_path)]
    fit(generators.shared(space()), short(50), callbacks=callbacks)
    assert list(recorder.losses) == [1, 2, 3, 4]
    assert checkpoint.newest(tmp_path).step == 4
    assert recorder.ended == 1


def judged(stopping, values):
    """After how many validations it asks to stop, if at all."""

    class Run:
        reason = None

        def stop(self, reason):
            self.reason = reason

    run, subnet = Run(), space().largest()
    for i, value in enumerate(values, start=1):
        stopping(run, Validated(i, 99, {"largest": (subnet, {"accuracy": value})}))
        if run.reason:
            return i
    return None


def test_early_stopping_waits_as_long_as_its_patience():
    assert judged(EarlyStopping(patience=2), [0.1, 0.2, 0.2, 0.3, 0.3, 0.1]) == 6
    assert judged(EarlyStopping(patience=2), [0.1, 0.2, 0.3]) is None
    assert judged(EarlyStopping(patience=1, better="lower"), [0.3, 0.2, 0.2]) == 3
    assert judged(EarlyStopping(patience=1, least=0.1), [0.1, 0.15]) == 2


def test_early_stopping_goes_on_waiting_after_a_resume():
    first, second = EarlyStopping(patience=3), EarlyStopping(patience=3)
    judged(first, [0.5, 0.4, 0.4])
    second.restore(first.state())
    assert judged(second, [0.4]) == 1


def test_early_stopping_ends_a_run_that_no_longer_becomes_better():
    recorder = Recorder()
    callbacks = [Validation(every=2, num_subnets=0), EarlyStopping(patience=2), recorder]
    lazy = partial(torch.optim.SGD, lr=0.0)
    final = fit(generators.shared(space("layer")), short(90), optimizer=lazy, callbacks=callbacks)
    assert list(recorder.validations) == [2, 4, 6]
    assert list(recorder.losses)[-1] == 7
    assert recorder.final == final


def test_a_run_that_was_ended_early_takes_no_step_when_it_is_resumed(tmp_path):
    def ended(resume=None, patience=1):
        generator = generators.shared(space())
        taken = []
        callbacks = [
            Validation(every=2, num_subnets=0),
            EarlyStopping(patience=patience, least=1.0),  # which no accuracy gains
            Checkpoints(tmp_path),
            lambda run, event: taken.append(event.step) if isinstance(event, Stepped) else None,
        ]
        fit(generator, short(9), callbacks=callbacks, resume=resume)
        return taken

    assert ended() == [1, 2, 3, 4, 5]
    assert ended(tmp_path) == []
    assert ended(tmp_path, patience=2) == [6, 7]


def test_a_measure_that_nobody_makes_is_refused_with_those_there_are():
    callbacks = [Validation(num_subnets=0), EarlyStopping(measure="bleu")]
    with pytest.raises(ValueError, match=r"watches 'bleu', .*\['accuracy', 'cross_entropy'\]"):
        fit(generators.shared(space()), short(1), callbacks=callbacks)


# --- the average -------------------------------------------------------------------------------


def test_the_average_is_that_of_the_parameters_after_each_step():
    trail = []

    def follow(run, event):
        if isinstance(event, Begun | Stepped):
            trail.append([p.detach().clone() for p in run.generator.parameters()])

    average, generator = Average(decay=0.5), generators.hypernas(space())
    fit(generator, short(4), callbacks=[follow, average])
    expected = trail[0]
    for step, parameters in enumerate(trail[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = [decay * a + (1 - decay) * p for a, p in zip(expected, parameters, strict=True)]
    assert_close(list(average.state().values()), expected)


def test_the_average_is_validated_and_training_goes_on_with_the_parameters():
    plain, averaged, recorder = generators.shared(space()), generators.shared(space()), Recorder()
    average = Average(decay=0.99)
    fit(plain, short(6), callbacks=[Validation(every=3, num_subnets=0)])
    callbacks = [recorder, average, Validation(every=3, num_subnets=0)]
    fit(averaged, short(6), callbacks=callbacks)
    assert_close(averaged.state_dict(), plain.state_dict(), rtol=0, atol=0)
    still = generators.shared(space())
    fit(still, short(6), callbacks=[])
    with average.averaged(still):
        assert_close(dict(still.named_parameters()), average.state(), rtol=0, atol=0)
    assert_close(dict(still.named_parameters()), dict(plain.named_parameters()), rtol=0, atol=0)
    with_average = recorder.validations[6]["largest"][1]
    assert with_average != validated(plain)["largest"][1]


def validated(generator):
    watched = {"largest": generator.space.largest()}
    batches = blobs().batches(batch_size=32)
    return validate(
        Replicated(generator, ProcessGroup()), Task(blobs(), CrossEntropy()), watched, batches, 4
    )


@pytest.mark.parametrize("factory", [generators.hypernas, generators.Standalone])
def test_the_average_goes_on_after_a_resume_and_is_read_from_a_checkpoint(factory, tmp_path):
    averages = [Average(), Average()]
    whole, resumed = (factory(space()) for _ in range(2))
    fit(whole, short(6), callbacks=[averages[0], Checkpoints(tmp_path, every=3)])
    (tmp_path / "00000006").rename(tmp_path / "late")
    again = [averages[1], Checkpoints(tmp_path, every=3)]
    fit(resumed, short(6), callbacks=again, resume=tmp_path)
    assert_close(averages[1].state(), averages[0].state(), rtol=0, atol=0)
    read = factory(space())
    assert load_average(tmp_path, read) == 6
    assert_close(dict(read.named_parameters()), averages[0].state(), rtol=0, atol=0)


def test_a_run_without_an_average_has_none_to_read(tmp_path):
    fit(generators.shared(space()), short(1), callbacks=[Checkpoints(tmp_path)])
    with pytest.raises(checkpoint.CheckpointError, match="holds no average"):
        load_average(tmp_path, generators.shared(space()))


# --- formats -----------------------------------------------------------------------------------


def test_a_checkpoint_of_the_first_format_is_gone_on_from_and_a_later_one_is_refused(tmp_path):
    whole, resumed = (generators.shared(space()) for _ in range(2))
    fit(whole, short(6), callbacks=[Checkpoints(tmp_path, every=3)])
    (tmp_path / "00000006").rename(tmp_path / "late")
    say_format(checkpoint.newest(tmp_path), 1)
    path = tmp_path / "00000003" / "state.json"
    record = json.loads(path.read_text())
    del record["parts"]
    path.write_text(json.dumps(record))
    with pytest.warns(UserWarning, match="earlier version of hypernas, without checksums"):
        fit(resumed, short(6), callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    path.write_text(json.dumps(record | {"format": 9}))
    with pytest.raises(checkpoint.CheckpointError, match="has the format 9, expected 4 or less"):
        fit(resumed, short(6), callbacks=[], resume=tmp_path)
