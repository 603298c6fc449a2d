import pytest
from training_runs import space

from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import Fixed, Sandwich, Uniform
from hypernas.training import check_teacher


@pytest.mark.parametrize(
    "sampler", [Sandwich(), Fixed(architectures=["largest", "smallest"])], ids=["sandwich", "fixed"]
)
def test_samplers_that_draw_the_largest_first_may_distil(sampler):
    check_teacher(InPlaceDistillation(), sampler, space())


@pytest.mark.parametrize(
    "sampler",
    [Uniform(), Fixed(), Fixed(architectures=["smallest", "largest"])],
    ids=["one random", "the largest alone", "the largest last"],
)
def test_distillation_without_a_teacher_is_refused_and_cross_entropy_is_not(sampler):
    check_teacher(CrossEntropy(), sampler, space())
    with pytest.raises(ValueError, match=r"draws no step that begins with it.*sampling=sandwich"):
        check_teacher(InPlaceDistillation(), sampler, space())
