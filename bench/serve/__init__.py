"""Benches of whole servers, over HTTP."""
