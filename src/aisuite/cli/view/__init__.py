"""Reports as people read them, and as JSON. One pair of functions for each report; no decisions."""
