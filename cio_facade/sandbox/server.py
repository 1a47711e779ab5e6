"""The sandbox as its users have it: a context manager."""

import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from cio_facade.sandbox import page
from cio_facade.sandbox.admin import Admin
from cio_facade.sandbox.app import Intake, build
from cio_facade.sandbox.checks import Checks
from cio_facade.sandbox.examine import Examiner
from cio_facade.sandbox.faults import Faults
from cio_facade.sandbox.guard import Guard
from cio_facade.sandbox.keys import Keys
from cio_facade.sandbox.listening import listen
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.objects import Objects
from cio_facade.sandbox.options import LOOPBACK, check
from cio_facade.sandbox.people import People, suppressed
from cio_facade.sandbox.rate import Window
from cio_facade.sandbox.records import Counts, RequestRecord
from cio_facade.sandbox.regions import Regions
from cio_facade.sandbox.reports import ContentReport, DeliveryReport, contents, deliveries
from cio_facade.sandbox.rules import Document, Rules, published
from cio_facade.sandbox.sink import Sink
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.threaded import serving
from cio_facade.sandbox.workspace import Workspace

__all__ = ["Sandbox"]


class Sandbox:
    """A Data Pipelines API of your own, for as long as the ``with`` block lasts.

    It listens once the block is entered. What has arrived can be read from any thread until the block is left.

    Parameters
    ----------
    db : path or None
        SQLite file to keep what arrives in, continued when it is there; None, or ``":memory:"``, keeps it in memory.
    port : int
        Port to listen on; 0 takes a free one.
    host : str
        Address to listen on. One that is not loopback warns: whoever reaches it can write to the sandbox, and read on
        its page all that it holds.
    api_keys : collection of str or None
        Keys to accept; None accepts any that is well formed.
    rate : bool
        Whether the specification's rate limit is in force.
    document : mapping or None
        OpenAPI document to go by; None takes the one that the generated package carries.
    refuse_gzip : int or None
        A status to answer to compressed bodies, such as 415; None reads them.
    drop_repeats : bool
        Whether a call whose message id was accepted before is dropped; it is kept and counted as a repeat otherwise.
    faults : str or iterable of str
        What goes wrong on demand, such as ``429:5%``; `faults` changes it while the sandbox runs.
    seed : int
        What the chance of the faults begins with: the same requests in the same order meet the same faults.
    region : str or None
        The region that the sandbox stands for, such as ``us``; None takes the keys of all.
    elsewhere : str or None
        Where keys of other regions are redirected, such as ``http://127.0.0.1:8081/v1``; None refuses them.
    outbox : path or None
        File of an outbox whose state and dead letters the page shows.
    sink : bool
        Whether calls are only counted: nothing of them is checked or kept, and there are no faults.

    Raises
    ------
    ValueError
        The port, the host, a fault, the seed, the region, `elsewhere`, `refuse_gzip` or an API key is none, `api_keys`
        is one text, or a sink is told what it cannot do.

    Examples
    --------
    >>> with Sandbox() as sandbox:
    ...     sandbox.url.endswith("/v1"), sandbox.counts().accepted
    (True, 0)
    """

    def __init__(
        self,
        db: str | PathLike[str] | None = None,
        port: int = 0,
        *,
        host: str = LOOPBACK,
        api_keys: Collection[str] | None = None,
        rate: bool = True,
        document: Document | None = None,
        refuse_gzip: int | None = None,
        drop_repeats: bool = False,
        faults: str | Iterable[str] = (),
        seed: int = 0,
        region: str | None = None,
        elsewhere: str | None = None,
        outbox: str | PathLike[str] | None = None,
        sink: bool = False,
    ) -> None:
        faults = [faults] if isinstance(faults, str) else [*faults]
        check(
            db=db,
            port=port,
            host=host,
            api_keys=api_keys,
            refuse_gzip=refuse_gzip,
            drop_repeats=drop_repeats,
            faults=faults,
            seed=seed,
            region=region,
            elsewhere=elsewhere,
            outbox=outbox,
            sink=sink,
        )
        self._db = None if db == ":memory:" else db
        self._outbox = outbox
        self._sink = sink
        self._counting: Sink | None = None
        self._refuse_gzip = refuse_gzip
        self._host = host
        self._port = self._bound_port = port
        document = published() if document is None else document
        self._rules = Rules.read(document)
        self._keys = Keys(self._rules.key_pattern, api_keys)
        self._regions = Regions(self._rules.regions, region, elsewhere)
        self._faults = Faults(faults, seed)
        self._document = document
        self._examiner = Examiner(self._rules, Checks(document, self._rules))
        self._window = Window(*self._rules.window) if rate and self._rules.window else None
        self._workspace = Workspace(self._rules.acting)
        self._drop_repeats = drop_repeats
        self._running = ExitStack()
        self._open_storage: Storage | None = None
        self._announce: Callable[[], None] = _nobody_is_told

    def __enter__(self) -> Self:
        if self._open_storage is not None or self._counting is not None:
            raise RuntimeError("the sandbox is running already")
        with ExitStack() as stack:
            listener = stack.enter_context(listen(self._host, self._port))
            if self._sink:
                counting = self._counter()
                stack.enter_context(serving(counting, listener))
                self._counting = counting
            else:
                self._open_storage = self._keep(stack, listener)
            self._bound_port = listener.getsockname()[1]
            self._running = stack.pop_all()
        return self

    def _keep(self, stack: ExitStack, listener: socket.socket) -> Storage:
        storage = stack.enter_context(closing(Storage(self._db, self._workspace, drop_repeats=self._drop_repeats)))
        hub = Hub()
        self._faults.restart()
        on_loop = stack.enter_context(serving(self._application(storage, hub), listener, hub.close))
        self._announce = partial(on_loop, hub.announce)
        return storage

    def _application(self, storage: Storage, hub: Hub) -> ASGIApp:
        intake = Intake(
            self._rules,
            self._keys,
            self._regions,
            self._examiner,
            storage,
            self._faults,
            self._window,
            hub,
            self._refuse_gzip,
        )
        shown = page.routes(
            storage, hub, self._rules, document=self._document, outbox=self._outbox, faults=self._faults
        )
        tools = Admin(storage.counts, self.clear, self._rules.batch_bytes, faults=self._faults, query=storage.query)
        return build(intake, self._rules, self._beside(shown, tools))

    def _counter(self) -> Sink:
        """Make what stands in for all that in a sandbox that only counts."""
        counting = Sink(self._rules)
        shown = page.totals(counting.counts, self._rules)
        tools = Admin(counting.counts, self.clear, self._rules.batch_bytes)
        counting.otherwise = Starlette(routes=self._beside(shown, tools))
        return counting

    def _beside(self, shown: list[BaseRoute], tools: Admin) -> list[BaseRoute]:
        guard = Guard(self._host)
        return [*guard.page(shown), *guard.local(tools.routes())]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
        self._open_storage = self._counting = None

    @property
    def url(self) -> str:
        """The prefix of all endpoints, such as ``http://127.0.0.1:8080/v1``."""
        return f"{self._origin}{self._rules.prefix}"

    @property
    def page(self) -> str:
        """The page for people, such as ``http://127.0.0.1:8080/``."""
        return f"{self._origin}/"

    @property
    def faults(self) -> Faults:
        """What goes wrong on demand; to be set and cleared at any time."""
        return self._faults

    @property
    def _origin(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._bound_port}"

    def calls(
        self,
        type: str | None = None,  # noqa: A002 - the API's own word
        user_id: str | None = None,
        event: str | None = None,
    ) -> list[dict[str, Any]]:
        """List the accepted calls in the order of their arrival, each with its type; the arguments narrow the list."""
        return self._storage.calls(type, user_id, event)

    def requests(self) -> list[RequestRecord]:
        """List the requests in the order of their arrival, each with its verdict and its problems."""
        return self._storage.requests()

    def counts(self) -> Counts:
        """Total what has arrived."""
        return self._counting.counts() if self._counting else self._storage.counts()

    @property
    def people(self) -> People:
        """The people whom the calls made, such as ``sandbox.people["u1"].traits``."""
        return People(self._storage.read)

    @property
    def objects(self) -> Objects:
        """The objects: ``sandbox.objects["acme"]``, or ``["acme", 2]`` where the type is not 1."""
        return Objects(self._storage.read)

    @property
    def suppressed(self) -> frozenset[str]:
        """User ids that may not be added again."""
        return suppressed(self._storage.read)

    @property
    def deliveries(self) -> list[DeliveryReport]:
        """Reports of deliveries in the order of their arrival."""
        return deliveries(self._storage.read)

    @property
    def contents(self) -> list[ContentReport]:
        """Reports of what was done with anonymous in-app messages, in the order of their arrival."""
        return contents(self._storage.read)

    def sql(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Run a query over the tables: one statement that only reads.

        Parameters
        ----------
        query : str
            Such as ``SELECT type, count(*) AS calls FROM calls GROUP BY type``. The tables are in ``docs/sandbox.md``.
        parameters : sequence or mapping
            What its placeholders stand for.

        Returns
        -------
        list of dict
            Rows by column name, 10,000 at most; of columns with one name, the last.

        Raises
        ------
        ValueError
            The query is faulty, would do anything but read, or takes too long or too much: a `QueryError`.

        Examples
        --------
        >>> with Sandbox() as sandbox:
        ...     sandbox.sql("SELECT count(*) AS people FROM people WHERE email = ?", ["ann@example.com"])
        [{'people': 0}]
        """
        answer = self._storage.query(query, parameters)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def clear(self) -> None:
        """Forget what has arrived, and start the rate limit and the faults anew; the faults stay set."""
        if self._counting is not None:
            self._counting.clear()
            return
        self._storage.clear()
        if self._window is not None:
            self._window.clear()
        self._faults.restart()
        self._announce()

    @property
    def _storage(self) -> Storage:
        if self._counting is not None:
            raise RuntimeError("this sandbox is a sink: it only counts, and keeps nothing that could be read")
        if self._open_storage is None:
            raise RuntimeError("the sandbox is not running: use it in a with statement")
        return self._open_storage


def _nobody_is_told() -> None:
    pass
