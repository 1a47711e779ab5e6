"""Who is calling: the API key out of an Authorization header, as a hash. No key is kept."""

import base64
import hashlib
import re
from collections.abc import Collection
from typing import Final, NamedTuple

from cio_facade.sandbox.records import Problem, Refusal

__all__ = ["NO_KEY", "Caller", "Keys", "fingerprint"]

NO_KEY: Final = Problem(401, "authentication", "the Authorization header is missing")

_KEY = re.compile(r"[\x21-\x7e]+")


def fingerprint(key: str) -> str:
    """Hash a key into what may be stored and shown: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


class Caller(NamedTuple):
    """Who calls.

    Attributes
    ----------
    key : str
        Hash of the key.
    region : str or None
        The region that the key names.
    """

    key: str
    region: str | None


class Keys:
    """Decide from an Authorization header whether a caller is let in.

    Parameters
    ----------
    bearer_pattern : str
        Regular expression of the keys that travel as bearer tokens; its group ``region`` is what they name.
    known : collection of str or None
        The keys to accept; None accepts any that is well formed.

    Raises
    ------
    ValueError
        The keys are one text, whose letters would be the keys, or one of them is none that a caller could have.
    """

    def __init__(self, bearer_pattern: str, known: Collection[str] | None = None) -> None:
        if isinstance(known, str):
            raise ValueError("api_keys: give a list of keys, not one text")  # noqa: TRY004 - as all options of a sandbox
        if not all(map(_KEY.fullmatch, known or ())):
            raise ValueError("api_keys: a key is empty, or holds spaces, line breaks or characters outside of ASCII")
        self._bearer = re.compile(bearer_pattern)
        self._known = None if known is None else frozenset(map(fingerprint, known))

    def read(self, authorization: str | None) -> Caller:
        """Read the key, which need not be a known one.

        Raises
        ------
        Refusal
            The header is missing or malformed.
        """
        if authorization is None:
            raise Refusal(NO_KEY)
        scheme, _, credentials = authorization.partition(" ")
        key = self._read(scheme.lower(), credentials.strip(" "))
        if not _KEY.fullmatch(key):
            raise _refusal("the API key is empty, or holds spaces or characters outside of ASCII")
        named = self._bearer.match(key)
        return Caller(fingerprint(key), named.groupdict().get("region") if named else None)

    def admit(self, caller: Caller) -> str:
        """Let a caller in whose key is known, and give its hash.

        Raises
        ------
        Refusal
            The key is not a known one.
        """
        if self._known is not None and caller.key not in self._known:
            raise _refusal("the API key is not known")
        return caller.key

    def _read(self, scheme: str, credentials: str) -> str:
        if scheme == "basic":
            return _user_name(credentials)
        if scheme == "bearer":
            if not self._bearer.match(credentials):
                raise _refusal("a key of this form does not travel as a bearer token")
            return credentials
        raise _refusal("the Authorization header is neither Basic nor Bearer")


def _user_name(credentials: str) -> str:
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except ValueError:  # not ASCII, not base64, not UTF-8
        raise _refusal("the Basic credentials are malformed") from None
    if not colon or password:
        raise _refusal("Basic credentials are the key as user name, a colon and an empty password")
    return user


def _refusal(message: str) -> Refusal:
    return Refusal(Problem(401, "authentication", message))
