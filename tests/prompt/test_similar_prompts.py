from array import array

from reference.conversations import conversation, user

from pensieve.errors import InvalidRequestError
from pensieve.prompt import similar_prompts
from pensieve.prompt.similar_prompts import SimilarPrompts

PROMPT = array("I", [1, 2, 9])


class Encoder:
    """Encodes each conversation to the same tokens, and notes which were asked for."""

    def __init__(self, token_ids):
        self.token_ids = token_ids
        self.encoded = []

    def __call__(self, each):
        self.encoded.append(each.system)
        return self.token_ids


def asked(system):
    return conversation([user("Hi")], system=system)


def test_a_prompt_is_made_once():
    encode = Encoder([1, 2, 3])
    similar = SimilarPrompts(encode, max_prompts=2)

    assert [similar.num_shared(asked("a"), PROMPT) for _ in range(2)] == [2, 2]
    assert encode.encoded == ["a"]


def test_the_one_not_used_for_longest_is_forgotten():
    encode = Encoder([1])
    similar = SimilarPrompts(encode, max_prompts=2)
    for system in ("a", "b", "a", "c", "a", "b"):
        similar.num_shared(asked(system), PROMPT)

    assert encode.encoded == ["a", "b", "c", "b"]


def test_few_are_remembered_where_they_are_long(monkeypatch):
    monkeypatch.setattr(similar_prompts, "MAX_TOKENS", 5)
    encode = Encoder([1, 2, 3])
    similar = SimilarPrompts(encode, max_prompts=9)
    for system in ("a", "b", "b", "a"):
        similar.num_shared(asked(system), PROMPT)

    assert encode.encoded == ["a", "b", "a"]


def test_where_the_template_refuses_nothing_is_shared():
    def refuse(each):
        raise InvalidRequestError("two questions, please")

    assert SimilarPrompts(refuse, 1).num_shared(asked("a"), PROMPT) == 0
