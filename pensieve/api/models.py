"""GET /v1/models and /v1/models/{id}: the models, as the API describes them."""

from typing import Literal

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve.api.service import Service
from pensieve.errors import InvalidRequestError
from pensieve.models.description import ModelDescription


class ModelInfo(msgspec.Struct):
    """A model as clients see it; the fields are Anthropic's."""

    id: str
    display_name: str
    created_at: str
    max_input_tokens: int
    max_tokens: int
    lifecycle: Literal["active"] = "active"
    type: Literal["model"] = "model"


class ModelPage(msgspec.Struct):
    """One page of models."""

    data: list[ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


class Models:
    """Lists the models."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer one page."""
        page = page_of(
            [model_info(model.description) for model in self._service.models],
            limit=req.get_param_as_int("limit", min_value=1, max_value=1000) or 20,
            after_id=req.get_param("after_id"),
            before_id=req.get_param("before_id"),
        )
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(page)


class Model:
    """Describes one model. A name that a model only answers to gets its own id."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response, model_id: str) -> None:
        """Answer with the model of this name."""
        model = self._service.models.named(model_id)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(model_info(model.description))


def model_info(description: ModelDescription) -> ModelInfo:
    """Return what clients are told of a model."""
    return ModelInfo(
        id=description.name,
        display_name=description.name,
        created_at=description.created_at,
        max_input_tokens=description.context_length,
        max_tokens=description.context_length,
    )


def page_of(
    models: list[ModelInfo],
    limit: int,
    after_id: str | None = None,
    before_id: str | None = None,
) -> ModelPage:
    """Return up to `limit` models: the first after one id, or the last before another.

    Raises:
        InvalidRequestError: no model has that id, or both are given.
    """
    if after_id is not None and before_id is not None:
        raise InvalidRequestError("before_id: expected none beside after_id, got both")
    ids = [model.id for model in models]
    if before_id is not None:
        rest = models[: _place(before_id, ids, "before_id")]
        chosen = rest[-limit:]
    else:
        start = 0 if after_id is None else _place(after_id, ids, "after_id") + 1
        rest = models[start:]
        chosen = rest[:limit]
    return ModelPage(
        data=chosen,
        has_more=len(rest) > limit,
        first_id=chosen[0].id if chosen else None,
        last_id=chosen[-1].id if chosen else None,
    )


def _place(model_id: str, ids: list[str], field: str) -> int:
    if model_id not in ids:
        raise InvalidRequestError(f"{field}: expected a model's id, got {model_id}")
    return ids.index(model_id)
