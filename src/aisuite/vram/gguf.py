"""The header of a GGUF file: bounded, and never the tensors' data."""
