"""Files and folders: written whole or not at all, flushed, checksummed, and locked by their writer."""
