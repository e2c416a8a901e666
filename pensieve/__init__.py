"""Pensieve: a local model behind Anthropic's Messages API."""

from importlib.metadata import version

__version__ = version("pensieve")
