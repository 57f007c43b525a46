"""What may break (pure): faults, what must still hold while they last, and the verdict on what was measured."""
