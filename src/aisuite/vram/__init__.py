"""What fits (pure): a model's header and a server's flags become bytes per device, and a plan for one card."""
