"""Getting models: from the alias's package, from the hub, or from where they lie."""
