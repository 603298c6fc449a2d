"""Weight generators: each is a function or class that takes a search space."""

from hypernas.generators.cafenet import cafenet
from hypernas.generators.full_hypernetwork import FullHypernetwork
from hypernas.generators.generator import Description, Generator, ParameterGroup
from hypernas.generators.hypernas import hypernas
from hypernas.generators.hypnettorch_hypernetworks import chunked_hmlp, from_hypnettorch, hmlp
from hypernas.generators.mip_hypernetwork import mip_hypernetwork
from hypernas.generators.mixture import Mixture
from hypernas.generators.mos import mos_layer, mos_neuron
from hypernas.generators.ofa import ofa
from hypernas.generators.shared import shared
from hypernas.generators.sorting import sort_channels
from hypernas.generators.standalone import Standalone

__all__ = [
    "Description",
    "FullHypernetwork",
    "Generator",
    "Mixture",
    "ParameterGroup",
    "Standalone",
    "cafenet",
    "chunked_hmlp",
    "from_hypnettorch",
    "hmlp",
    "hypernas",
    "mip_hypernetwork",
    "mos_layer",
    "mos_neuron",
    "ofa",
    "shared",
    "sort_channels",
]
