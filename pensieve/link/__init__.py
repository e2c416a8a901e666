"""The wire between the HTTP process and the engine process."""
