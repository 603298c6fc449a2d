"""W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset: the one hot loop of the library."""

from hypernas.mixing.mix import PLAIN, Coefficients, mix, mix_all

__all__ = ["PLAIN", "Coefficients", "mix", "mix_all"]
