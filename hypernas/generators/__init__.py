"""Weight generators: each is a function or class that takes a search space."""

from hypernas.generators.description import Description
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.hypernetworks.full import FullHypernetwork
from hypernas.generators.hypnettorch.generators import chunked_hmlp, from_hypnettorch, hmlp
from hypernas.generators.leaves import together
from hypernas.generators.methods.acdc import acdc
from hypernas.generators.methods.by_name import ByName, by_name
from hypernas.generators.methods.cafenet import cafenet
from hypernas.generators.methods.few_shot import FewShot, few_shot
from hypernas.generators.methods.hypernas import hypernas
from hypernas.generators.methods.mip_hypernetwork import mip_hypernetwork
from hypernas.generators.methods.mos import mos, mos_layer, mos_neuron
from hypernas.generators.methods.ofa import ofa
from hypernas.generators.methods.shared import shared
from hypernas.generators.methods.soft_sharing import soft_sharing
from hypernas.generators.methods.ssn import ssn
from hypernas.generators.methods.standalone import Standalone, wake, wakes
from hypernas.generators.mixture import Mixture
from hypernas.generators.selection.importance import sort_channels
from hypernas.generators.selection.settling import settle, settles
from hypernas.generators.statistics import running_statistics

__all__ = [
    "ByName",
    "Description",
    "FewShot",
    "FullHypernetwork",
    "Generator",
    "Mixture",
    "ParameterGroup",
    "Standalone",
    "acdc",
    "by_name",
    "cafenet",
    "chunked_hmlp",
    "few_shot",
    "from_hypnettorch",
    "hmlp",
    "hypernas",
    "mip_hypernetwork",
    "mos",
    "mos_layer",
    "mos_neuron",
    "ofa",
    "running_statistics",
    "settle",
    "settles",
    "shared",
    "soft_sharing",
    "sort_channels",
    "ssn",
    "together",
    "wake",
    "wakes",
]
