"""Methods that learn one task after another: one a file."""
