"""Claude Code and other clients, pointed at the local server."""
