"""Text of many kinds, for comparing tokenizers."""

from pathlib import Path

from hypothesis import strategies

VARIED = [
    "",
    " ",
    "Hello, world!",
    "  two before, two after  ",
    "a    b\tc\t\td\n\n\n\ne\r\nf\r\n\r\ng",
    " " * 40 + "x",
    "\n" * 40 + "x",
    "x" * 200,
    "1 12 123 1234 1,234.56 0x1F 1e-9 ²½ ٣ १२३ \uff11\uff12",
    "I'm, you're, it's, we'LL, DON'T, y'all'd've; 'tis",
    "def f(x):\n    return x ** 2  # 平方\n\n\nclass A(B):\n\tpass\n",
    "<html><body class='x'>&amp;</body></html>\n<table>\n<tr><td>1</td></tr>",
    '{"key": [1, 2.5, null, "\\u00e9\\n"]}',
    "https://example.com/a/b?c=d&e=%20#f user@example.com C:\\dir\\file.txt",
    "日本語のテキスト、中文测试。한국어 텍스트",
    "مرحبا بالعالم שלום עולם हिन्दी ไทย ελληνικά русский",
    "naïve café über Ångström œuvre straße ĲĳſﬁǄ",
    "e\u0301 n\u0303 \u1e9b\u0323 \u212b \uff46\uff55\uff4c\uff4c \u2126",
    "😀 👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 👍🏽 ☃️",
    "\u200b\u200d\ufeff\u00a0\u2003\u3000\u2028x\x00\x01\x7f\x85",
    "\ufffd \ufffe \U0010ffff \U0001d54f",
    "camelCaseWords HTTPServer SNAKE_CASE kebab-case",
    "... !!! ??? --- *** === ~~~ ``` $$$ @@@ ^^^ |||",
    "<0x0A> <0x41> <|not_a_token|> [NOR] </this>",
    Path(__file__).with_name("byte_level_bpe.py").read_text(),
]

PIECES = strategies.sampled_from(
    [
        *(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "a", "B", "é", "e\u0301", "ß", "1"),
        *("22", "日", "😀", "'s", "'LL", "_", "-", ".", "<", ">", "the ", "ing"),
    ]
)
ANY = strategies.lists(PIECES | strategies.text(max_size=8), max_size=20).map("".join)
"""Text that is likelier than chance to meet the corners of a tokenizer."""
