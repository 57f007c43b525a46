"""aisuite: one typed profile, one private AI suite that keeps answering."""

__version__ = "0.1.0"
