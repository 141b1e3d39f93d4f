"""What a training process prints: kept on disk within bounds, and handed on line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 64 << 20
TAIL_BYTES = 1 << 20
LINE_BYTES = 4 << 10
_READ_BYTES = 16 << 10


class LineSplitter:
    """Cuts a stream of bytes into lines of text; of a line that is too long, only the beginning is kept.

    A carriage return ends a line, too: progress bars draw themselves with it.
    """

    def __init__(self) -> None:
        self._line = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        first, *rest = data.replace(b"\r", b"\n").split(b"\n")
        lines = []
        self._extend(first)
        for part in rest:
            lines.append(self.end())
            self._extend(part)
        return lines

    def end(self) -> str:
        """The line so far; the next one begins empty."""
        line, self._line = self._line, b""
        return line.decode("utf-8", errors="replace")

    def _extend(self, part: bytes) -> None:
        self._line += part[: LINE_BYTES - len(self._line)]


class LogFile:
    """A log file, or what it goes on with: the first ``HEAD_BYTES`` and, of the rest, the last ``TAIL_BYTES``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._room = HEAD_BYTES
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._left_out = 0

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the log, not the training
            self._file.write(data[: self._room])
        rest = data[self._room :]
        self._room -= len(data) - len(rest)
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
            while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
                dropped = len(self._tail.popleft())
                self._tail_bytes -= dropped
                self._left_out += dropped

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._left_out:
                self._file.write(f"\n... {self._left_out} bytes are left out here ...\n".encode())
            for part in self._tail:
                self._file.write(part)
        self._file.close()


class LogReader:
    """Reads a process's output through a pipe until every writer has closed it."""

    def __init__(self, path: Path, on_line: Callable[[str], None]) -> None:
        self.last_lines: deque[str] = deque(maxlen=50)
        self.finished = asyncio.Event()
        self._file = LogFile(path)
        self._splitter = LineSplitter()
        self._on_line = on_line
        self._loop = asyncio.get_running_loop()
        self._pipe, self.write_end = os.pipe()
        os.set_blocking(self._pipe, False)
        self.resume()

    def pause(self) -> None:
        """Let the process wait with what it prints."""
        if not self.finished.is_set():
            self._loop.remove_reader(self._pipe)

    def resume(self) -> None:
        """Read on."""
        if not self.finished.is_set():
            self._loop.add_reader(self._pipe, self._read)

    def note(self, sentence: str) -> None:
        """Add a line of our own."""
        if not self.finished.is_set():
            self._file.write(f"{sentence}\n".encode())

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, _READ_BYTES)
            self._file.write(data)
            for line in self._splitter.feed(data):
                self._take(line)
            if not data:
                self.close()

    def _take(self, line: str) -> None:
        if line.strip():
            self.last_lines.append(line)
            self._on_line(line)

    def close(self) -> None:
        """Stop reading; what was read so far is on disk."""
        if not self.finished.is_set():
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            if last := self._splitter.end():
                self._take(last)
            self._file.close()
            self.finished.set()
