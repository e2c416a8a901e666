"""The Hugging Face hub: what a repository holds, where its files are, what went wrong.

HF_ENDPOINT, HF_TOKEN and the token that `hf auth login` keeps are honoured.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
from msgspec import Meta

from pensieve import __version__
from pensieve.errors import ModelError
from pensieve.models.pulling.transfer import TIMEOUT_S, RemoteFile

DEFAULT_ENDPOINT = "https://huggingface.co"


class LargeFile(msgspec.Struct, frozen=True):
    """What the hub says of a file in large file storage."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ListedFile(msgspec.Struct, frozen=True):
    """A file of a repository."""

    rfilename: str
    size: Annotated[int, Meta(ge=0)]
    lfs: LargeFile | None = None


class Listing(msgspec.Struct, frozen=True):
    """A repository at its newest commit: GET /api/models/{repo_id}?blobs=true."""

    sha: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    siblings: list[ListedFile]


class Hub:
    """One repository, as the hub has it.

    Raises:
        ModelError: HF_ENDPOINT is no URL.
    """

    def __init__(self, repo_id: str) -> None:
        # Its telemetry asks the hub which agent runs here, and tells it.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
        )

        self.repo_id = repo_id
        self.endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        self.endpoint = self.endpoint.rstrip("/")
        if not self.endpoint.startswith(("https://", "http://")):
            raise ModelError(
                f"HF_ENDPOINT: expected http:// or https://, got {self.endpoint!r}"
            )
        self.headers: dict[str, str] = build_hf_headers(
            library_name="pensieve", library_version=__version__
        )

    def listing(self) -> Listing:
        """Ask what the repository holds.

        Raises:
            ModelError: there is no such repository, or the hub cannot be reached.
        """
        from huggingface_hub import get_session, hf_raise_for_status

        url = f"{self.endpoint}/api/models/{self.repo_id}"
        with self.plain_errors():
            response = get_session().get(
                url, params={"blobs": True}, headers=self.headers, timeout=TIMEOUT_S
            )
            hf_raise_for_status(response)
        try:
            return msgspec.json.decode(response.content, type=Listing)
        except msgspec.ValidationError as error:
            raise ModelError(f"{url}: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelError(f"{url}: expected JSON, got {error}") from error

    def remote(self, file: ListedFile, commit: str) -> RemoteFile:
        """Return where a listed file is."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(
            self.repo_id, file.rfilename, revision=commit, endpoint=self.endpoint
        )
        sha256 = file.lfs.sha256 if file.lfs else None
        return RemoteFile(file.rfilename, url, file.size, sha256)

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turn what huggingface_hub raises into sentences.

        Raises:
            ModelError: any failure of the hub or of the way to it.
        """
        from huggingface_hub.errors import (  # type: ignore[attr-defined]
            GatedRepoError,
            HfHubHTTPError,
            HTTPError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
        )

        try:
            yield
        except GatedRepoError as error:
            raise ModelError(
                f"{self.repo_id}: its terms must be accepted first, at "
                f"{self.endpoint}/{self.repo_id}; then set HF_TOKEN"
            ) from error
        except RepositoryNotFoundError as error:
            raise ModelError(
                f"{self.repo_id}: {self.endpoint} has no such repository, or a private "
                "one that HF_TOKEN does not open"
            ) from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            raise ModelError(
                f"{self.repo_id}: {self.endpoint} answered with status {status}"
            ) from error
        except OfflineModeIsEnabled as error:
            raise ModelError(
                f"{self.repo_id}: HF_HUB_OFFLINE is set, so nothing can be fetched"
            ) from error
        except HTTPError as error:
            raise ModelError(
                f"{self.repo_id}: {self.endpoint} cannot be reached: {error}"
            ) from error
