"""A trained generator: loaded from its run folder, exported, and loaded again without trust."""
