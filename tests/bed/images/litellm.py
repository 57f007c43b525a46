#!/usr/bin/python3
"""Run the command `litellm` of the installed package."""

import sys
from importlib.metadata import distribution

(command,) = distribution("litellm").entry_points.select(group="console_scripts", name="litellm")
sys.exit(command.load()())
