"""What sequences need of the machine's memory, and whether there is room."""
