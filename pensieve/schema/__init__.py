"""The nouns of the Messages API: request, message, events."""
