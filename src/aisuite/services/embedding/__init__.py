"""The embedding service: texts in, unit vectors out."""
