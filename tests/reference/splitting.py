"""The splitters of `_native.splitter`, as steps of Hugging Face `tokenizers`.

Each is that of the models' own tokenizer.json; there, a pattern may have its line ends
written out.
"""

from tokenizers import Regex, normalizers, pre_tokenizers

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _SPACES
)
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_CAPITALS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_PUNCTUATION = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|"

PATTERNS = {
    "gpt2": [
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    ],
    "llama3": [_LLAMA3],
    "glm4": [_LLAMA3],
    "qwen2": [_LLAMA3.replace("{1,3}", "")],
    "qwen35": [
        _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
        r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + _SPACES
    ],
    "deepseek_v3": [
        r"\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
        r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
        r"| ?[\p{P}\p{S}]+[\r\n]*|" + _SPACES,
    ],
    "o200k": [
        f"{_BEFORE}{_CAPITALS}*{_SMALL}+{_CONTRACTION}?"
        f"|{_BEFORE}{_CAPITALS}+{_SMALL}*{_CONTRACTION}?"
        r"|\p{N}{1,3}|" + _PUNCTUATION + _SPACES
    ],
    "tekken": [
        f"{_BEFORE}{_CAPITALS}*{_SMALL}+|{_BEFORE}{_CAPITALS}+{_SMALL}*"
        r"|\p{N}|" + _PUNCTUATION + _SPACES
    ],
}

SPLITTERS = {
    name: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    )
    for name, patterns in PATTERNS.items()
}
SPLITTERS["smollm"] = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Split(Regex(PATTERNS["gpt2"][0]), "isolated"),
    ]
)

BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
"""What "gpt2" really is, its pattern built in; it changes the text, so it is compared
by the places of the pieces."""


def pieces(splitter: str, text: str) -> list[str]:
    if splitter == "none":
        return [text] if text else []
    return [piece for piece, _ in SPLITTERS[splitter].pre_tokenize_str(text)]


def byte_level_pieces(text: str) -> list[str]:
    return [text[start:end] for _, (start, end) in BYTE_LEVEL.pre_tokenize_str(text)]


def is_nfc(text: str) -> bool:
    return normalizers.NFC().normalize_str(text) == text
