"""The gateway's own Python environment, and those of former versions."""

from aisuite.adapters.gateway_env.environment import GatewayEnv
from aisuite.adapters.gateway_env.leftovers import GatewayLeftovers

__all__ = ["GatewayEnv", "GatewayLeftovers"]
