"""The Docker engine: the rendered Compose file, carried out through the Docker SDK."""

from aisuite.adapters.docker_engine.engine import DockerEngine

__all__ = ["DockerEngine"]
