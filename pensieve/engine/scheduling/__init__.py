"""Which sequences the model works on next, and how much of each at a time."""
