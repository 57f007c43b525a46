"""What a backup is, and what must be done to make, keep, check and bring back one. Pure."""

JOURNAL = "restore.json"  # of a restore under way, in the project folder; here, where looking for it costs no import
