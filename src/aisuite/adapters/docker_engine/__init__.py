"""The Docker engine: the rendered Compose file, carried out through the Docker SDK.

Nothing is imported here: what a stack of local processes asks of an engine beside it needs a small part of this.
"""
