"""Where candidates train: in child processes, here or on other machines, which may fail."""
