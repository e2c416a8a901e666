"""The patterns by which byte-level tokenizers take text apart before they merge.

As the models' own tokenizer.json has them. `tokenizers` runs them; `_native.splitter`
has each as hand-written code.
"""

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPELT_CONTRACTION = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*" + _SPACES

LLAMA3 = _CONTRACTION + _WORDS % "{1,3}"
"""GLM-4's, too."""
LLAMA3_SPELT = _SPELT_CONTRACTION + _WORDS % "{1,3}"
"""The same, for engines that do not ignore case."""
QWEN2 = _CONTRACTION + _WORDS % ""
QWEN35 = (
    _CONTRACTION
    + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    + _SPACES
)

DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + _SPACES,
)
"""One after the other, each within the pieces of the one before."""

_BEFORE_WORD = r"[^\r\n\p{L}\p{N}]?"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = f"{_BEFORE_WORD}{_UPPER}*{_LOWER}+%s|{_BEFORE_WORD}{_UPPER}+{_LOWER}*%s"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*" + _SPACES

O200K = _CASED % (f"{_CONTRACTION}?", f"{_CONTRACTION}?") + r"|\p{N}{1,3}|" + _REST
TEKKEN = _CASED % ("", "") + r"|\p{N}|" + _REST
