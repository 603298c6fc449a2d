"""Banks: the trained tensors that weights are mixed and sliced from."""
