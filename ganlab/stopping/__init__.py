"""When training ends."""
