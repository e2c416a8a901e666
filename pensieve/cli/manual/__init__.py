"""What `--help` says: a page for each verb."""
