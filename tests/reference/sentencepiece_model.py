"""SentencePiece itself, given a GGUF file's vocabulary."""

from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

from pensieve.models.description import GgufVocabulary

UNKNOWN, USER_DEFINED = 2, 4
BPE = 2


def processor(vocabulary: GgufVocabulary) -> SentencePieceProcessor:
    """Return a processor of the model that the vocabulary was converted from.

    Piece types have the same numbers in both.
    """
    model = sentencepiece_model_pb2.ModelProto()
    model.trainer_spec.model_type = BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = vocabulary.add_space_prefix
    model.normalizer_spec.remove_extra_whitespaces = False
    rows = zip(
        vocabulary.tokens, vocabulary.token_types, vocabulary.scores, strict=True
    )
    for token_id, (token, token_type, score) in enumerate(rows):
        is_unknown = token_id == vocabulary.unknown_token_id
        model.pieces.add(
            piece=token.replace(" ", "\u2581"),
            type=UNKNOWN if is_unknown else token_type,
            score=score,
        )
    return SentencePieceProcessor(model_proto=model.SerializeToString())
