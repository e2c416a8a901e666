"""The models of one server, each with an engine of its own while it is wanted."""
