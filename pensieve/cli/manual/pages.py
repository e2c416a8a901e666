"""The pages of all verbs, by the words that call them."""

from pensieve.cli.manual import client_pages, model_pages, server_pages
from pensieve.cli.manual.page import Page

PAGES: dict[str, Page] = server_pages.PAGES | client_pages.PAGES | model_pages.PAGES
