"""Pipe mode: the process that streams a host's channels into named pipes, one for each epoch.

``<channel>_0`` is there when the training program starts; as soon as it opens the pipe of an epoch, the next epoch's is
there too. The process is started beside the host's own and killed with it: opening and writing pipes that nobody reads
may take as long as it likes here, and holds up nothing.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/augmented-manifest-stream.html
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from flytekit_sagemaker.local import objects
from flytekit_sagemaker.local.objects import TransferFailed
from flytekit_sagemaker.recordio import framed

MODULE = __name__
_ORDERS = "pipes.json"
_FAILURE = "pipes.failure"
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Stream:
    """A channel as one host gets it.

    Attributes:
        pipe: path of its named pipes, without the epoch.
        entries: what is streamed, by entries that stay together when the order is shuffled.
        gunzip: whether what is read is to be decompressed.
        records: whether each part becomes a RecordIO record.
        seed: fixes the order of the entries in each epoch; None leaves them as they are.
        host: place of this host among those that share the entries, from 0.
        hosts: how many hosts share the entries; 1 when each gets all of them.
    """

    pipe: str
    entries: Sequence[Sequence[Mapping[str, str]]]
    gunzip: bool = False
    records: bool = False
    seed: int | None = None
    host: int = 0
    hosts: int = 1

    def make(self, epoch: int) -> None:
        """Make the pipe of an epoch."""
        os.mkfifo(f"{self.pipe}_{epoch}")

    def feed(self, epoch: int) -> None:
        """Wait for a reader of an epoch's pipe, see to the next epoch's, and stream the entries."""
        with contextlib.suppress(BrokenPipeError), open(f"{self.pipe}_{epoch}", "wb") as pipe:
            try:
                self.make(epoch + 1)
                threading.Thread(target=self.feed, args=(epoch + 1,), daemon=True).start()
                for entry in self._order(epoch):
                    for part in entry:
                        self._write(part, pipe)
            except BrokenPipeError:  # the reader has had enough of this epoch
                pass
            except TransferFailed as fault:
                _fail(fault)

    def _order(self, epoch: int) -> Sequence[Sequence[Mapping[str, str]]]:
        order = list(self.entries)
        if self.seed is not None:
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return order[self.host :: self.hosts]

    def _write(self, part: Mapping[str, str], pipe: IO[bytes]) -> None:
        pieces = iter([part["text"].encode()]) if "text" in part else self._pieces(part["source"])
        if self.records:
            pipe.write(framed(b"".join(pieces)))
        else:
            pipe.writelines(pieces)

    def _pieces(self, source: str) -> Iterator[bytes]:
        with objects.transfer(objects.download_of(Path(self.pipe).name), source), objects.opened(source) as stored:
            content = gzip.GzipFile(fileobj=stored) if self.gunzip else stored
            try:
                yield from iter(lambda: content.read(_PIECE_BYTES), b"")
            except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
                raise ValueError(f"it is no whole gzip file, as its channel's CompressionType says ({fault})") from None


def stream_of(channel: Mapping[str, Any], folder: Path, host: int, hosts: int) -> Stream:
    """A channel in Pipe mode as a host gets it; reads the names of its objects.

    Args:
        channel: an element of ``InputDataConfig``.
        folder: where the pipes are.
        host: place of the host among the ``hosts`` of the job, from 0.

    Raises:
        OSError, ValueError: what it names cannot be read, or is nothing.
    """
    source = channel["DataSource"]["S3DataSource"]
    shared = source.get("S3DataDistributionType") == "ShardedByS3Key"
    return Stream(
        str(folder / channel["ChannelName"]),
        objects.channel_entries(source),
        gunzip=channel.get("CompressionType") == "Gzip",
        records=channel.get("RecordWrapperType") == "RecordIO",
        seed=channel.get("ShuffleConfig", {}).get("Seed"),
        host=host if shared else 0,
        hosts=hosts if shared else 1,
    )


def leave_orders(streams: Sequence[Stream], folder: Path) -> None:
    """Make the pipes of the first epoch, and write down in ``folder`` what the process started there streams."""
    for stream in streams:
        stream.make(0)
    (folder / _ORDERS).write_text(json.dumps([asdict(stream) for stream in streams]), encoding="utf-8")


def has_orders(folder: Path) -> bool:
    """Whether there is anything to stream."""
    return (folder / _ORDERS).exists()


def failure(folder: Path) -> str:
    """Why the process that was started in ``folder`` could not stream everything, or an empty string.

    It is known before any reader can have come to the end of its pipe.
    """
    with contextlib.suppress(OSError):
        return (folder / _FAILURE).read_text(encoding="utf-8")
    return ""


def _fail(fault: Exception) -> NoReturn:
    unfinished = Path(f"{_FAILURE}.unfinished")
    unfinished.write_text(str(fault), encoding="utf-8")
    unfinished.replace(_FAILURE)
    os._exit(1)


def main() -> None:
    """Stream what the orders in the current folder say, until somebody kills this process."""
    for stream in json.loads(Path(_ORDERS).read_text(encoding="utf-8")):
        threading.Thread(target=Stream(**stream).feed, args=(0,), daemon=True).start()
    threading.Event().wait()
