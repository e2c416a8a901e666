"""Markdown cut into final blocks: nothing is lost, and none is cut in two."""

import itertools

import pytest

from pensieve.cli.chat.markdown_blocks import MarkdownBlocks, parsed

TEXTS = {
    "paragraphs": "One\ntwo.\n\nThree.\n#hashtag\n\n# Heading\nfour",
    "setext": "Title\n=====\ntext\n\nNo title\n-\nmore",
    "list": "- a\n- b\n\n  still b\n\n- c\nlazy\n\nafter\n\n1. x\n2. y\n",
    "fence": "before\n```python\nif x:\n\n    # no heading\n```\nafter\n",
    "indented code": "before\n\n    indented\n\n    on\nafter",
    "open code": "text\n~~~\n# a\n\n# b\n",
    "table": "intro\na | b\n--|--\n1 | 2\n\nend",
    "quote": "> a\nlazy\n\n> b\n\nc",
    "rules": "a\n\n---\n***\nb\n",
    "html": "<div>\n\n# a\n</div>\n\nb",
    "other ends of lines": "a\x0cb\u2028c\n\nd\n\ne",
}


def shape(text):
    """Return what a text is made of, block by block, as far as it is drawn."""
    return [(token.type, token.content) for token in parsed(text) if token.nesting >= 0]


def cut(text, places):
    ends = [0, *places, len(text)]
    return [text[a:b] for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_blocks_do_not_depend_on_where_the_text_is_cut(text):
    for place in range(len(text) + 1):
        blocks = MarkdownBlocks()
        parts = [blocks.feed(piece) for piece in cut(text, [place])]
        check(text, [*parts, blocks.finish()])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_so_it_is_character_by_character(text):
    blocks = MarkdownBlocks()
    parts = [blocks.feed(character) for character in text]
    check(text, [*parts, blocks.finish()])


def check(text, parts):
    """See that the parts are the text, and are drawn as it is."""
    assert "".join(parts) == text
    assert [token for part in parts for token in shape(part)] == shape(text)


def test_a_block_is_final_once_the_next_has_begun():
    blocks = MarkdownBlocks()

    assert blocks.feed("One.\n\nTwo") == ""
    assert blocks.feed(" and more.\n") == "One.\n\n"
    assert blocks.pending == "Two and more.\n"
    assert blocks.finish() == "Two and more.\n"
    assert blocks.pending == ""
