"""Weight generators: each is a function or class that takes a search space."""

from hypernas.generators.composite import Composite, auxiliary_loss, coefficients
from hypernas.generators.description import Description
from hypernas.generators.generator import Generator, Given, ParameterGroup
from hypernas.generators.hypernetworks.full import FullHypernetwork
from hypernas.generators.hypnettorch.generators import chunked_hmlp, from_hypnettorch, hmlp
from hypernas.generators.leaves import together
from hypernas.generators.methods.acdc import acdc
from hypernas.generators.methods.by_name import ByName, by_name
from hypernas.generators.methods.cafenet import cafenet, choose_channels, has_free_channels
from hypernas.generators.methods.few_shot import FewShot, few_shot
from hypernas.generators.methods.full_hypernetwork import full_hypernetwork
from hypernas.generators.methods.hypernas import hypernas
from hypernas.generators.methods.layer_groups import layer_groups
from hypernas.generators.methods.mip_hypernetwork import mip_hypernetwork
from hypernas.generators.methods.mos import mos, mos_layer, mos_neuron
from hypernas.generators.methods.ofa import ofa
from hypernas.generators.methods.reduced_sharing import reduced_sharing
from hypernas.generators.methods.shared import shared
from hypernas.generators.methods.soft_sharing import soft_sharing
from hypernas.generators.methods.ssn import ssn
from hypernas.generators.methods.standalone import (
    Standalone,
    create_late_parameters,
    has_late_parameters,
)
from hypernas.generators.mixture import Mixture
from hypernas.generators.padding import padding_rows
from hypernas.generators.selection.importance import sort_channels
from hypernas.generators.start.order import Ordered, ordered
from hypernas.generators.start.start import start_at
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Start
from hypernas.generators.statistics import late_buffers, running_statistics

__all__ = [
    "ByName",
    "Composite",
    "Description",
    "FewShot",
    "FullHypernetwork",
    "Generator",
    "Given",
    "Mixture",
    "Ordered",
    "ParameterGroup",
    "Standalone",
    "Start",
    "Startable",
    "acdc",
    "auxiliary_loss",
    "by_name",
    "cafenet",
    "choose_channels",
    "chunked_hmlp",
    "coefficients",
    "create_late_parameters",
    "few_shot",
    "from_hypnettorch",
    "full_hypernetwork",
    "has_free_channels",
    "has_late_parameters",
    "hmlp",
    "hypernas",
    "late_buffers",
    "layer_groups",
    "mip_hypernetwork",
    "mos",
    "mos_layer",
    "mos_neuron",
    "ofa",
    "ordered",
    "padding_rows",
    "reduced_sharing",
    "running_statistics",
    "shared",
    "soft_sharing",
    "sort_channels",
    "ssn",
    "start_at",
    "together",
]
