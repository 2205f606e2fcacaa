"""An object store as runs use it: whole objects under one prefix, by `pyarrow.fs`, with patience and clear errors.

    s3://bucket/prefix      AWS, or whatever AWS_ENDPOINT_URL names; credentials and region by the SDK's own rules
    gs://bucket/prefix      Google's, by its own rules

A PUT is atomic, and what was put is there for every later GET and LIST: this is all that is asked of a store. What may
pass (a time-out, a reset, 5xx, slow down) is tried again for half a minute, beyond the SDK's own attempts; what will
not (no such bucket, a key that is refused) is said at once. Addresses with a key in them are refused, because an
address is shown, logged and kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pyarrow import fs

from persona_forge.core.errors import Misuse, StorageError
from persona_forge.dataset.shards import write_whole

T = TypeVar("T")
SCHEMES = ("s3", "gs")
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
ATTEMPTS = 3
"""The SDK's own, within each of ours."""
CONNECT_S, SILENT_S = 5.0, 20.0
CHUNK = 2**20
REFUSALS = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "ExpiredToken",
            "MISSING_AUTHENTICATION_TOKEN", "INVALID_CLIENT_TOKEN_ID", "PermanentRedirect", "PERMISSION_DENIED",
            "UNAUTHENTICATED")  # fmt: skip
ALLOWED = "s3://BUCKET/PREFIX or gs://BUCKET/PREFIX; keys, region and endpoint come from the environment"

log = logging.getLogger("persona_forge")


def is_address(where: str | Path) -> bool:
    """Whether this names a place in an object store, and not a folder of this disk."""
    return isinstance(where, str) and "://" in where


@dataclass(frozen=True, slots=True)
class Store:
    """The objects under one prefix; a name is relative to it."""

    address: str
    files: Any
    """A pyarrow.fs.FileSystem."""
    base: str
    """Bucket and prefix: what paths of `files` begin with."""

    def path(self, name: str) -> str:
        return f"{self.base}/{name}"

    def list(self, under: str = "", *, deep: bool = True) -> dict[str, Any]:
        """Name → FileInfo (size in bytes, mtime by the store's clock) of what lies under a name."""
        selector = fs.FileSelector(f"{self.base}/{under}".rstrip("/"), recursive=deep, allow_not_found=True)
        found = self._patiently(lambda: self.files.get_file_info(selector))
        return {f.path[len(self.base) + 1 :]: f for f in found if f.type == fs.FileType.File or not deep}

    def has(self, name: str) -> bool:
        info = self._patiently(lambda: self.files.get_file_info(self.path(name)))
        return bool(info.type == fs.FileType.File)

    def read(self, name: str) -> bytes | None:
        """None where there is no such object."""

        def get() -> bytes:
            with self.files.open_input_stream(self.path(name)) as stream:
                return bytes(stream.read())

        with suppress(FileNotFoundError):
            return self._patiently(get)
        return None

    def write(self, name: str, data: bytes, *, waits: tuple[float, ...] = WAITS_S) -> None:
        def put() -> None:
            with self.files.open_output_stream(self.path(name)) as stream:
                stream.write(data)

        self._patiently(put, waits)

    def upload(self, path: Path, name: str) -> None:
        self._patiently(lambda: self._copy(str(path), fs.LocalFileSystem(), self.path(name), self.files))

    def download(self, name: str, path: Path) -> None:
        """Whole or not there; raises StorageError where there is no such object."""

        def get(temporary: Path) -> None:
            try:
                self._patiently(lambda: self._copy(self.path(name), self.files, str(temporary), fs.LocalFileSystem()))
            except FileNotFoundError as error:
                raise StorageError(f"{self.address}/{name} is gone", todo="give the same command again") from error

        write_whole(path, get)

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._patiently(lambda: self.files.delete_file(self.path(name)))

    def sha256(self, name: str) -> str | None:
        """Of the bytes in the store, read through once; None where there is no such object."""

        def get() -> str:
            digest = hashlib.sha256()
            with self.files.open_input_stream(self.path(name)) as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
            return digest.hexdigest()

        with suppress(FileNotFoundError):
            return self._patiently(get)
        return None

    @staticmethod
    def _copy(source: str, source_files: Any, target: str, target_files: Any) -> None:
        fs.copy_files(source, target, source_files, target_files)

    def _patiently(self, call: Callable[[], T], waits: tuple[float, ...] = WAITS_S) -> T:
        for wait in (*waits, None):
            try:
                return call()
            except FileNotFoundError:
                raise
            except OSError as error:
                if any(word in str(error) for word in REFUSALS):
                    raise _refused(self.address, error) from error
                if wait is None:
                    raise StorageError(f"{self.address} does not answer as it should: {_short(error)}",
                                       todo="the same command goes on where it was") from error  # fmt: skip
                log.debug("%s: %s; again in %s s", self.address, _short(error), wait)
                time.sleep(wait)
        raise AssertionError


def open_store(address: str) -> Store:
    """Raises Misuse at once for an address, a bucket or keys that cannot work."""
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.strip("/").partition("/")
    if scheme not in SCHEMES or not bucket or set("@?#") & set(rest):
        shown = "an address with a key or options in it" if set("@?#") & set(rest) else repr(address)
        raise Misuse(f"{shown} is no place for a run", allowed=ALLOWED)
    base = "/".join(part for part in (bucket, prefix) if part)
    try:
        files = _s3(bucket) if scheme == "s3" else fs.GcsFileSystem(retry_time_limit=timedelta(seconds=SILENT_S))
        found = files.get_file_info(bucket)
    except OSError as error:
        raise _refused(address, error) from error
    if found.type == fs.FileType.NotFound:
        raise Misuse(f"there is no bucket {bucket!r}", todo="make it, or check the name, the endpoint and the region")
    return Store(f"{scheme}://{base}", files, base)


def _s3(bucket: str) -> Any:
    """pyarrow does not look at AWS_ENDPOINT_URL where anything else is set; a bucket of AWS knows its own region."""
    env = os.environ
    scheme, _, host = (env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or "").rpartition("://")
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    return fs.S3FileSystem(
        region=region or ("us-east-1" if host else fs.resolve_s3_region(bucket)),
        scheme=scheme or "https",
        endpoint_override=host or None,
        allow_delayed_open=True,  # a small object is one PUT
        connect_timeout=CONNECT_S,
        request_timeout=SILENT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def _refused(address: str, error: OSError) -> Misuse | StorageError:
    if any(word in str(error) for word in REFUSALS):
        return Misuse(f"{address} refuses: {_short(error)}",
                      todo="check the bucket, the keys and the region (AWS_… or the SDK's own files)")  # fmt: skip
    return StorageError(f"{address} cannot be reached: {_short(error)}", todo="check the endpoint and the network")


def _short(error: OSError) -> str:
    return " ".join(str(error).split())[:300]
