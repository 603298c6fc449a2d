"""Gates by input that come to agree: layers, channels or experts, and one smaller network in the end."""
