"""Relations of tokens, and sub-spaces by size that are trained by them (AutoDistil)."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas import generators
from hypernas.objectives import TeacherRelationError
from hypernas.objectives.teacher_relation_error import relations
from hypernas.sampling import Subspaces
from hypernas.spaces import mlp
from hypernas.subnet.sizes import SizeParts

STATES = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(0)).double()


def error(outputs, heads=3, **options):
    teacher = nn.Identity()
    options = {"outputs": [None], "teacher_outputs": [None], **options}
    objective = TeacherRelationError(teacher=teacher, num_heads=heads, **options)
    return objective.loss(outputs, None, objective.teach(STATES))


def test_relations_of_any_widths_have_equal_shapes():
    assert relations(STATES, 3).shape == relations(STATES[..., :12], 3).shape == (2, 3, 5, 5)
    assert_close(relations(STATES, 3).sum(-1), torch.ones(2, 3, 5).double())


def test_the_error_is_zero_of_a_copy_and_does_not_see_a_rotation_within_a_head():
    assert float(error(STATES)) == 0
    rotation = torch.linalg.qr(torch.randn(3, 8, 8, dtype=torch.double)).Q
    turned = torch.einsum("nthd,hde->nthe", STATES.unflatten(-1, (3, 8)), rotation).flatten(-2)
    assert not torch.allclose(turned, STATES)
    assert float(error(turned)) < 1e-15
    assert float(error(STATES.flip(1))) > 1e-3


def test_it_is_the_sum_over_states_of_squared_differences():
    student = torch.randn(2, 5, 12).double()
    (head,) = (student[0, :, 4:8],)
    (taught,) = (STATES[0, :, 8:16],)
    own = [(x @ x.T / x.shape[1] ** 0.5).softmax(-1) for x in (head, taught)]
    squares = (relations(student, 3) - relations(STATES, 3)).square()
    assert_close(squares[0, 1], (own[0] - own[1]).square())
    assert_close(error(student), squares.mean())
    objective = TeacherRelationError(
        teacher=nn.Identity(), outputs=["a", "b"], teacher_outputs=[None, None], weights=[2, 0.5]
    )
    outputs = {"a": student, "b": STATES}
    expected = 2 * (relations(student, 1) - relations(STATES, 1)).square().mean()
    assert_close(objective.loss(outputs, None, objective.teach(STATES)), expected)


def test_states_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match="num_heads=5"):
        error(STATES, heads=5)
    with pytest.raises(ValueError, match="teacher's shape"):
        error(STATES[:, :3])
    with pytest.raises(ValueError, match="1 outputs, 2 of the teacher"):
        error(STATES, teacher_outputs=[None, None])


def test_a_step_takes_a_sandwich_of_one_part_and_moves_its_supernet_alone():
    own = mlp(input_shape=(4,), num_classes=3, depths=(1, 2), widths=(4, 8, 12), norm="none")
    generator, parts = generators.few_shot(own, num_groups=3, grouping="size"), SizeParts(own, 3)
    sampler, rng, seen = Subspaces(), torch.Generator().manual_seed(0), set()
    for _ in range(12):
        drawn = sampler(own, rng)
        (part,) = {parts(architecture) for architecture in drawn}
        assert drawn[0] == parts.members[part][-1]
        assert drawn[-1] == parts.members[part][0]
        generator.zero_grad()
        generator.call(drawn[1], torch.ones(2, 4)).sum().backward()
        moved = [any(p.grad is not None for p in g.parameters()) for g in generator.generators]
        assert moved == [k == part for k in range(3)]
        seen.add(part)
    assert seen == {0, 1, 2}
