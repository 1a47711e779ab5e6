"""What `cio-facade doctor` finds: verdicts on the installation, the settings and what a server answered. No I/O."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

import attrs
from cio_pipelines import constants

from cio_facade.cli.failures import Failure, Misused, Refused, Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cio_facade.config import Settings

__all__ = ["Finding", "Heard", "answers", "clock", "extras", "key", "server", "unset", "versions", "worst"]

Verdict = Literal["ok", "warning", "failed", "skipped"]

_SLACK = 5.0  # seconds between two clocks that need no words
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_NAME = re.compile(r"[\w.-]+")
_HANDED_OUT = "all"  # the extra that holds those for users; the others are for whoever works on the library


@attrs.frozen
class Finding:
    """One line of the doctor's.

    Attributes
    ----------
    check : str
        What was looked at.
    verdict : {"ok", "warning", "failed", "skipped"}
        How it is.
    detail : str
        What was found; never a key.
    hint : str
        The way out, where one is needed.
    failure : type of Failure
        How the command ends when this failed.
    """

    check: str
    verdict: Verdict
    detail: str
    hint: str = ""
    failure: type[Failure] = attrs.field(default=Failure, repr=False)


@attrs.frozen(kw_only=True)
class Heard:
    """What came of the call that nobody can use.

    Attributes
    ----------
    status : int
        HTTP status; 0 when no answer came.
    reasons : tuple of str
        The server's words, or what went wrong on the way.
    seconds : float
        Until the answer was there.
    hosts : tuple of str
        Who was asked: more than one where the server redirects.
    """

    status: int
    reasons: tuple[str, ...]
    seconds: float
    hosts: tuple[str, ...]


def extras(requirements: Iterable[str], installed: Callable[[str], bool]) -> Finding:
    """Tell which extras are there.

    Parameters
    ----------
    requirements : iterable of str
        What the distribution says it needs, as in its metadata.
    installed : callable
        Whether a distribution is there.

    Examples
    --------
    >>> needs = ["redis; extra == 'redis'", "redis; extra == 'all'", "rich; extra == 'cli'", "rich; extra == 'all'"]
    >>> extras(needs, lambda name: name == "rich").detail
    'cli; not installed: redis'
    """
    needs: dict[str, set[str]] = {}
    for line in requirements:
        if (extra := _EXTRA.search(line)) and (name := _NAME.match(line)):
            needs.setdefault(extra[1], set()).add(name[0].lower())
    ours = needs.pop(_HANDED_OUT, set[str]())
    found = {extra: all(map(installed, names)) for extra, names in sorted(needs.items()) if names <= ours}
    absent = [extra for extra, there in found.items() if not there]
    detail = ", ".join(extra for extra, there in found.items() if there) or "none"
    if not absent:
        return Finding("extras", "ok", detail)
    hint = f"where one is needed: pip install 'cio-facade[{absent[0]}]'"
    return Finding("extras", "ok", f"{detail}; not installed: {', '.join(absent)}", hint)


def versions(found: Mapping[str, str | None]) -> Finding:
    """Tell the versions of packages; None where one is missing."""
    detail = ", ".join(f"{name} {version or 'is missing'}" for name, version in found.items())
    if all(found.values()):
        return Finding("versions", "ok", detail)
    return Finding("versions", "failed", detail, "install it again: pip install --force-reinstall cio-facade", Misused)


def unset(problem: str, *, nearby: bool) -> Finding:
    """Tell of settings that cannot be used; `nearby` says whether there is a file that nobody named."""
    hint = "settings come from CIO_API_KEY, CIO_REGION and CIO_BASE_URL, or a file of them; see .env.example"
    return Finding("settings", "failed", problem, "there is a .env here: --dotenv .env" if nearby else hint, Misused)


def key(settings: Settings, origin: str) -> Finding:
    """Tell of which form the key is, and nothing else of it."""
    if settings.scheme == "bearer":
        form = "of the form that names its region, sent as a bearer token"
    else:
        form = "of the form that does not name its region, sent as the user name of HTTP Basic"
    return Finding("key", "ok", f"CIO_API_KEY is set in {origin}, {form}")


def server(settings: Settings, given: Mapping[str, str | None]) -> Finding:
    """Tell where calls go, and why there."""
    named = next((name for name, url in constants.REGIONS.items() if url == settings.base_url), None)
    if given.get("base_url"):
        why = f"from CIO_BASE_URL{f': the region {named}' if named else ': no region of the API'}"
    elif given.get("region"):
        why = f"the region {named}, from CIO_REGION"
    elif settings.scheme == "bearer":
        why = f"the region {named}, from the key"
    else:
        why = f"the region {named}, since nothing names another (CIO_REGION does)"
    return Finding("server", "ok", f"{settings.base_url}, {why}")


def clock(said: str | None, now: float) -> Finding:
    """Compare the server's ``Date`` with this machine's time, in seconds since 1970, when it was said.

    Examples
    --------
    >>> clock("Thu, 01 Jan 1970 01:00:00 GMT", 0.0).detail
    'this machine is 60 minutes behind the server'
    """
    try:
        moment = parsedate_to_datetime(said or "")
    except ValueError:
        return Finding("clock", "skipped", "the server does not tell the time")
    # The header is cut to whole seconds: half of one is the best guess at the rest.
    ahead = now - moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - 0.5
    if abs(ahead) <= _SLACK:
        return Finding("clock", "ok", "this machine and the server agree")
    apart = f"{abs(ahead):.0f} seconds" if abs(ahead) < 120 else f"{abs(ahead) / 60:,.0f} minutes"
    hint = "set it, best by NTP: calls without a time of their own are stamped here"
    return Finding(
        "clock", "warning", f"this machine is {apart} {'ahead of' if ahead > 0 else 'behind'} the server", hint
    )


def answers(heard: Heard) -> Iterator[Finding]:
    """Judge what the server answered to a call that nobody can use: HTTP, the key, strict mode."""
    yield _http(heard)
    said = f": {'; '.join(heard.reasons)}" if heard.reasons else ""
    match heard.status:
        case 400 | 422:
            yield Finding("key accepted", "ok", "the server accepts the key, and got as far as the call")
            yield Finding("strict mode", "ok", f"a call that nobody can use is refused ({heard.status})")
        case 401 | 403:
            hint = "copy the key of the source anew; an old key may belong to another region, which CIO_REGION names"
            yield Finding("key accepted", "failed", f"the server refuses the key ({heard.status}){said}", hint, Refused)
            yield _untold("strict mode")
        case status if 200 <= status < 300:
            yield Finding("key accepted", "skipped", "cannot be told: such a server takes a wrong key in silence too")
            hint = "what is not fit would be lost without a sign; is CIO_BASE_URL the API's, with its path?"
            problem = f"a call that nobody can use was answered {status}: {constants.STRICT_HEADER} is not heeded"
            yield Finding("strict mode", "failed", problem, hint)
        case _:
            yield _untold("key accepted")
            yield _untold("strict mode")


def _http(heard: Heard) -> Finding:
    verdict: Verdict = "ok"
    detail, hint, failure = f"answered {heard.status} in {heard.seconds:.3f} s", "", Failure
    match heard.status:
        case 0:
            verdict, failure, detail = "failed", Undelivered, f"no answer: {'; '.join(heard.reasons)}"
            hint = "is there a proxy or firewall on the way? HTTPS_PROXY names a proxy"
        case status if status >= 500:
            verdict, failure, detail = "failed", Undelivered, f"{detail}: the server failed"
            hint = "try again in a while"
        case 429:
            verdict, detail = "warning", f"{detail}: too many requests"
            hint = "others may send with the same key; try again in a while"
        case status if 300 <= status < 400:
            verdict, failure, detail = "failed", Misused, f"{detail}: a redirect to where the key must not go"
            hint = "is CIO_BASE_URL right?"
        case 404 | 405:
            verdict, failure, detail = "failed", Misused, f"{detail}: this is not the API's address"
            hint = "CIO_BASE_URL must hold the path too, such as https://host/v1"
        case _ if len(set(heard.hosts)) > 1:
            verdict, detail = "warning", f"{detail} by {heard.hosts[-1]}, to which {heard.hosts[0]} redirects"
            hint = "the key seems to belong to another region: name that in CIO_REGION, to spare the detour"
        case _:
            pass
    return Finding("http", verdict, detail, hint, failure)


def _untold(check: str) -> Finding:
    return Finding(check, "skipped", "cannot be told by such an answer")


def worst(findings: Iterable[Finding]) -> Finding | None:
    """Give the first that failed, if any."""
    return next((finding for finding in findings if finding.verdict == "failed"), None)
