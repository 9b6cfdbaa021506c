"""Requests to an object store that speaks S3, and its refusals in words that hold no secret.

Where it is and who may write is said by the usual AWS_* variables and files, never by a lake. What a store answers can
repeat a key or a signature, so no answer is passed on: only its status, and its code.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from flows.lake.errors import LakeError, StoreFailed

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
    from obstore.store import S3Store
except ImportError:
    raise LakeError(
        "a lake in an object store needs obstore, which is not installed: pip install 'billfold[s3]'"
    ) from None

STILL_SECONDS = 60
"""How long a request may stand still."""

RETRIES = 6
PART = 16 * 2**20
"""Bytes of a part of a large file."""

MAKER = "maker"
"""Metadata of an object: which put made it."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_OWN_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")
"""Variables by which obstore finds credentials itself; all other ways are boto3's."""

_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_KIND = re.compile(r"kind: (Timeout|Connect|Request|Interrupted)\b")
"""How obstore says that there was no answer."""

Found = TypeVar("Found")


class Bucket:
    """What lies below a prefix of a bucket. Errors: StoreFailed, and FileNotFoundError where there is no object."""

    def __init__(self, address: str) -> None:
        self.address = address

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object, whole or not at all."""
        self._ask(name, lambda: obstore.put(self._client, name, content, use_multipart=False))

    def create(self, name: str, content: bytes, maker: str) -> None:
        """Write an object that is not there; FileExistsError where it is, or somebody is writing it just then."""
        made_by = {MAKER: maker}
        self._ask(
            name,
            lambda: obstore.put(self._client, name, content, mode="create", use_multipart=False, attributes=made_by),
        )

    def upload(self, file: Path, name: str) -> None:
        """Write or replace an object with a file of any size, in parts; nothing is there before all of them are."""
        self._ask(name, lambda: obstore.put(self._client, name, file, chunk_size=PART, max_concurrency=4))

    def copy_to_new(self, name: str, to: str) -> None:
        """Copy an object inside the store to one that is not there; FileExistsError as `create`."""
        self._ask(to, lambda: obstore.copy(self._client, name, to, overwrite=False))

    def size(self, name: str) -> int:
        """Bytes of an object."""
        return int(self._ask(name, lambda: obstore.head(self._client, name))["size"])

    def time_of(self, name: str) -> datetime:
        """When an object was last written, by the store's clock."""
        return self._ask(name, lambda: obstore.head(self._client, name))["last_modified"]

    def maker(self, name: str) -> str | None:
        """The put that made an object, where the store keeps metadata."""
        return self._ask(name, lambda: obstore.get(self._client, name)).attributes.get(MAKER)

    def chunks(self, name: str) -> Iterator[bytes]:
        """An object's bytes."""
        stream = iter(self._ask(name, lambda: obstore.get(self._client, name)).stream())
        while (chunk := self._ask(name, lambda: next(stream, None))) is not None:
            yield bytes(chunk)

    def read(self, name: str) -> bytes:
        """An object's bytes, all of them."""
        return b"".join(self.chunks(name))

    def times(self, folder: str) -> dict[str, datetime]:
        """When the objects below a folder were last written, by the store's clock."""

        def listed() -> dict[str, datetime]:
            pages = obstore.list(self._client, prefix=folder or None)
            return {meta["path"]: meta["last_modified"] for page in pages for meta in page}

        return self._ask(folder, listed)

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        self._ask(name, lambda: obstore.delete(self._client, name))

    @cached_property
    def _client(self) -> S3Store:
        """The store as the environment says it is reached."""
        bucket, _, prefix = self.address.removeprefix("s3://").partition("/")
        return S3Store(
            bucket,
            prefix=prefix or None,
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(minutes=2)},
            **_reached_by(self.address),
        )

    def _ask(self, name: str, request: Callable[[], Found]) -> Found:
        """Make a request; what is raised instead of a library's error has that neither as cause nor as context."""
        where = f"{self.address}/{name}" if name else self.address
        fault: Exception
        try:
            return request()
        except FileNotFoundError as missing:
            code = _said(missing)
            fault = (
                StoreFailed(f"{self.address}: there is no such bucket; make it, or name another")
                if "NoSuchBucket" in code
                else FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), where)
            )
        except AlreadyExistsError:
            fault = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), where)
        except (PermissionDeniedError, UnauthenticatedError) as refused:
            fault = StoreFailed(
                f"{where}: {_said(refused)}; see that the credentials in the environment, or of AWS_PROFILE, may read, "
                "write, list and delete there"
            )
        except (BaseError, OSError, ValueError) as failed:
            fault = StoreFailed(f"{where}: {_said(failed)}; when the store answers again, run the same command again")
        raise fault


def endpoint() -> str:
    """Where the store is reached, if the environment says so; Amazon's own otherwise."""
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")


def _reached_by(address: str) -> dict[str, Any]:
    """How a store is reached: endpoint, credentials, and what every store of the kind understands."""
    told, where = _credentials(address), endpoint()
    where = where or told.pop("endpoint", "")
    told |= {"endpoint": where} if where else {}
    if "AWS_COPY_IF_NOT_EXISTS" not in os.environ:
        told["copy_if_not_exists"] = "multipart"
    if "AWS_DISABLE_BULK_DELETE" not in os.environ:
        told["disable_bulk_delete"] = True
    told["client_options"] = {
        "allow_http": where.startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=STILL_SECONDS),
        "timeout": timedelta(hours=2),
    }
    return told


def _credentials(address: str) -> dict[str, Any]:
    """What the environment does not say itself: keys, region and endpoint of AWS's files, profiles and roles."""
    if any(os.environ.get(name) for name in _OWN_KEYS):
        return {}
    try:
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise LakeError(
            "credentials that are not in the environment need boto3, which is not installed: pip install 'billfold[s3]'"
        ) from None
    try:
        session = Session()
        has_any = session.get_credentials() is not None
    except BotoCoreError as fault:
        raise LakeError(f"{address}: {type(fault).__name__}; see AWS_PROFILE and AWS's configuration files") from None
    if not has_any:
        raise LakeError(
            f"{address}: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    region = session.region_name or "us-east-1"
    own = str(session.client("s3", region_name=region).meta.endpoint_url)
    is_amazons = own.rstrip("/").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return {"credential_provider": Boto3CredentialProvider(session), "region": region} | (
        {} if is_amazons else {"endpoint": own}
    )


def _said(fault: Exception) -> str:
    """What a store answered, without anything that it repeated of the request."""
    text = str(fault)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code or status:
        return "the store answered " + " ".join(found[1] for found in (status, code) if found)
    kind = _KIND.search(text)
    if kind and kind[1] != "Timeout":
        return "the store cannot be reached"
    if kind or "timed out" in text.lower():
        return "the store did not answer in time"
    return f"the store did not do it ({type(fault).__name__})"
