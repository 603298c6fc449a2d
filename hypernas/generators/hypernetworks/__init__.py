"""Full hypernetworks: every weight straight out of a network."""

from hypernas.generators.hypernetworks.attention import Attention
from hypernas.generators.hypernetworks.body import Body
from hypernas.generators.hypernetworks.convolution import Convolution
from hypernas.generators.hypernetworks.perceptron import Perceptron
from hypernas.generators.hypernetworks.recurrence import Recurrence

__all__ = ["Attention", "Body", "Convolution", "Perceptron", "Recurrence"]
