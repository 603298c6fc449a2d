"""Methods: one public function a file, each a search space -> a generator."""
