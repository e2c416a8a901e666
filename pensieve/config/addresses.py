"""Addresses that a server listens on: who can reach them, and by which URL."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether the address is one that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_url(host: str, port: int) -> str:
    """Return where clients on this machine reach a server that listens there."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
