"""Weight generators: each is a function or class that takes a search space."""

from hypernas.generators.acdc import acdc
from hypernas.generators.by_name import ByName, by_name
from hypernas.generators.cafenet import cafenet
from hypernas.generators.description import Description
from hypernas.generators.few_shot import FewShot, few_shot
from hypernas.generators.full_hypernetwork import FullHypernetwork
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.hypernas import hypernas
from hypernas.generators.hypnettorch_hypernetworks import chunked_hmlp, from_hypnettorch, hmlp
from hypernas.generators.mip_hypernetwork import mip_hypernetwork
from hypernas.generators.mixture import Mixture
from hypernas.generators.mos import mos, mos_layer, mos_neuron
from hypernas.generators.ofa import ofa
from hypernas.generators.settling import settle, settles
from hypernas.generators.shared import shared
from hypernas.generators.soft_sharing import soft_sharing
from hypernas.generators.sorting import sort_channels
from hypernas.generators.ssn import ssn
from hypernas.generators.standalone import Standalone, wake, wakes
from hypernas.generators.statistics import running_statistics
from hypernas.generators.together import together

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
