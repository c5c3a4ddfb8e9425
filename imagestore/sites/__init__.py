"""Other Images APIs, and dumps: what two sites have, how they differ, and making them equal."""
