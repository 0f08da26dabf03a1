"""What a search has found so far, on disk, so that it can go on from there."""
