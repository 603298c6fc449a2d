"""Soft sharing: layers of equal shape are mixed from common templates."""

from collections.abc import Sequence

from hypernas.generators.banks.bank import JoinedBank, PerParameterBank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.banks.templates import TemplateBank
from hypernas.generators.coefficients.learned import Free, orthogonal
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def soft_sharing(
    space: SearchSpace,
    *,
    num_templates: int = 2,
    share: Sequence[str] | str = "*",
    coefficient_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """W_l = Σ_k c_lk T_k: templates for all layers of a shape, free coefficients for each layer.

    Savarese and Maire, "Learning Implicitly Recurrent CNNs Through Parameter Sharing", 2019, arXiv
    1902.09701, over the largest shapes of a space, of which subnets take slices. Layers share when
    their largest shapes are equal and their modules of one class; others have weights of their own. As published, coefficients are
    filled orthogonally and do not decay, and vectors (biases, norms) are not shared. We deviate in
    that every row of coefficients has the length at which the layer starts as large as the builder
    makes it (see `evenly_spread`).

    Args:
        num_templates: K, for each shape; 6 in the published SWRN-28-10-6. As many templates as layers
            of that shape, or more, save nothing.
        share: patterns of the parameters, of two or more axes, that may share.
        coefficient_lr_scale: learning rate of the coefficients, relative to that of the templates.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if a pattern matches no parameter.
    """
    if num_templates < 1:
        raise ValueError(f"num_templates must be 1 or more, got {num_templates}.")
    supernet = Supernet(space)
    starts = Starts(supernet, num=num_templates, seed=seed)
    matrices = [name for name, shape in supernet.shapes.items() if len(shape) > 1]
    candidates = starts.random(matching(matrices, share, purpose="share"))
    alike: dict[tuple[object, ...], list[str]] = {}
    for name in candidates:
        kind = (supernet.shapes[name], type(supernet.owner(name)), name.rpartition(".")[2])
        alike.setdefault(kind, []).append(name)
    groups = [names for names in alike.values() if len(names) > 1]
    templates = TemplateBank(starts, groups=groups, num_templates=num_templates)
    rest = [name for name in supernet.shapes if name not in templates.num_entries]
    initial = orthogonal(
        groups, num_entries=templates.num_entries, scales=templates.scales, seed=seed
    )
    generator = Mixture(
        supernet,
        bank=JoinedBank(
            (templates, templates.num_entries),
            (PerParameterBank(supernet, names=rest, seed=seed), rest),
        ),
        source=Free(initial),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    return start_at(generator, start)
