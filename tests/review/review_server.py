"""Real servers in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

ZYGOTE = """
import importlib, os, pkgutil, sys, signal
from radiotracer.cli import run
import radiotracer.cli.review, radiotracer.data, radiotracer.review
import uvicorn.lifespan.on, uvicorn.loops.auto, uvicorn.protocols.http.auto
# A command imports what it needs when it needs it, which each server would do anew.
for each in pkgutil.iter_modules(radiotracer.review.__path__, "radiotracer.review."):
    importlib.import_module(each.name)
len(radiotracer.data.FORMATS), len(radiotracer.data.MODALITIES)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    arguments, out, err = eval(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT), 2)
        status = run(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(pid, flush=True)
"""

PATIENCE = 60.0


@dataclass
class Server:
    """A server that listens."""

    pid: int
    url: str

    @property
    def base(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def client(self) -> httpx.Client:
        token = self.url.partition("token=")[2]
        headers = {"Authorization": f"Bearer {token}", "Origin": self.base}
        return httpx.Client(base_url=self.base, headers=headers, timeout=30.0)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)
        while alive(self.pid):
            time.sleep(0.01)

    def stop(self) -> None:
        if alive(self.pid):
            self.kill()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Servers:
    """Starts servers within milliseconds."""

    def __enter__(self) -> Servers:
        self.zygote = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.zygote.stdin is not None and self.zygote.stdout is not None
        self.zygote.stdin.close()
        self.zygote.wait(PATIENCE)
        self.zygote.stdout.close()

    def _line(self) -> str:
        assert self.zygote.stdout is not None
        ready, _, _ = select.select([self.zygote.stdout], [], [], PATIENCE)
        assert ready, "the server process does not start"
        return self.zygote.stdout.readline()

    def start(self, *arguments: object) -> Server:
        import tempfile
        from pathlib import Path

        assert self.zygote.stdin is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            line = ([str(each) for each in arguments], str(out), str(err))
            self.zygote.stdin.write(f"{line!r}\n")
            self.zygote.stdin.flush()
            pid = int(self._line())
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                text = out.read_text() if out.exists() else ""
                if text.rstrip().endswith("}"):
                    said: dict[str, Any] = json.loads(text)
                    return Server(pid, said["url"])
                if not alive(pid):
                    break
                time.sleep(0.02)
            raise AssertionError(err.read_text() if err.exists() else "it does not listen")
