"""A language server as an editor talks to it: JSON-RPC over its standard input and output.

One thread reads what the server says; an answer goes to whoever waits for it, the newest diagnostics are kept by file.
What the server asks of the editor is answered with nothing, so that it waits for nobody.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]

_LIMIT = 60.0  # seconds, for any one answer

_ABLE: Json = {
    "textDocument": {
        "completion": {"completionItem": {"documentationFormat": ["plaintext"]}},
        "hover": {"contentFormat": ["plaintext"]},
        "publishDiagnostics": {"versionSupport": True},
    },
    "workspace": {"configuration": True, "workspaceFolders": True},
}


class LanguageServer:
    """A server that is started for one folder.

    Parameters
    ----------
    command : list of str
        What starts it.
    folder : Path
        The folder that an editor would have open.
    settings : mapping
        What the editor answers when the server asks for settings, by section.
    """

    def __init__(self, command: list[str], folder: Path, settings: Json) -> None:
        self._folder, self._settings = folder, settings
        self._ids = count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._versions: dict[str, int] = {}
        self._diagnostics: dict[str, tuple[int, list[Json]]] = {}
        self._told = Condition()
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        place = {"uri": folder.as_uri(), "name": folder.name}
        self.ask(
            "initialize",
            {"processId": None, "rootUri": folder.as_uri(), "capabilities": _ABLE, "workspaceFolders": [place]},
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": settings})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            self.ask("shutdown", None)
            self._tell("exit", None)
            process.wait(_LIMIT)
        finally:
            process.kill()
            process.wait()
            # What the command started in its turn ends with its input.
            process.stdin.close()
            self._reader.join()
            process.stdout.close()

    def open(self, name: str, text: str) -> str:
        """Have the editor hold a file with this text, whether it is on the disk or not; give its address."""
        uri = (self._folder / name).as_uri()
        version = self._versions[uri] = self._versions.get(uri, 0) + 1
        if version == 1:
            document = {"uri": uri, "languageId": "python", "version": version, "text": text}
            self._tell("textDocument/didOpen", {"textDocument": document})
        else:
            document = {"uri": uri, "version": version}
            self._tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        return uri

    def diagnostics(self, uri: str) -> list[Json]:
        """Give what is wrong with a file as it was opened last, once the server has said so."""
        with self._told:
            version = self._versions[uri]
            until = monotonic() + _LIMIT
            while self._diagnostics.get(uri, (0, []))[0] < version:
                assert self._told.wait(until - monotonic()), "no diagnostics came"
            return self._diagnostics[uri][1]

    def ask(self, method: str, params: Any) -> Any:
        """Ask, and wait for the answer."""
        number = next(self._ids)
        answer = self._waiting[number] = Future[Any]()
        self._write({"id": number, "method": method, "params": params})
        return answer.result(_LIMIT)

    def _tell(self, method: str, params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                line = stream.readline()
            self._take(json.loads(stream.read(length)))
        for waiting in self._waiting.values():
            waiting.set_exception(EOFError("the language server has ended"))

    def _take(self, message: Json) -> None:
        match message:
            case {"method": "textDocument/publishDiagnostics", "params": told}:
                with self._told:
                    self._diagnostics[told["uri"]] = told.get("version", 0), told["diagnostics"]
                    self._told.notify_all()
            case {"method": "workspace/configuration", "id": number, "params": {"items": items}}:
                answer = [self._settings.get(item.get("section", ""), {}) for item in items]
                self._write({"id": number, "result": answer})
            case {"method": _, "id": number}:
                self._write({"id": number, "result": None})
            case {"id": number, "error": error}:
                self._waiting.pop(number).set_exception(RuntimeError(error["message"]))
            case {"id": number}:
                self._waiting.pop(number).set_result(message.get("result"))
            case _:
                pass  # news of the server's own
