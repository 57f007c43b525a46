"""The images of a Docker Engine."""

from aisuite.adapters.images.docker_images import DockerImages

__all__ = ["DockerImages"]
