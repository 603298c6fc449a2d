"""Selection: which part of a bank a subnet's weights are."""
