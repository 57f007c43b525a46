"""What a backup is, and what must be done to make, keep, check and bring back one. Pure."""
