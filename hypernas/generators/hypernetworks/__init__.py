"""Full hypernetworks: every weight straight out of a network."""
