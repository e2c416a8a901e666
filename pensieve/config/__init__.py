"""Settings of the server: flags beat variables, they a file, it the defaults."""
