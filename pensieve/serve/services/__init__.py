"""The server as a service of the system: systemd's user manager, launchd's agents."""
