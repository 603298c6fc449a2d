"""W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset: the one hot loop of the library."""

from hypernas.mixing.mix import PLAIN, Coefficients, mix
from hypernas.mixing.mix_all import mix_all

__all__ = ["PLAIN", "Coefficients", "mix", "mix_all"]
