"""gunicorn: settings, the hardened ASGI worker, the daemon."""
