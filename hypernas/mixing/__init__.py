"""W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset: the one hot loop of the library."""

from hypernas.mixing.ledger import Ledger, noting
from hypernas.mixing.mix import PLAIN, Coefficients, mix
from hypernas.mixing.mix_all import mix_all

__all__ = ["PLAIN", "Coefficients", "Ledger", "mix", "mix_all", "noting"]
