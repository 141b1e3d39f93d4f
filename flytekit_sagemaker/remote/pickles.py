"""What pickled code comes to, whichever kernel it was typed into, and however often its cell ran."""

from __future__ import annotations

import gzip
import hashlib
import pickletools
import re
from collections.abc import Iterator

from cloudpickle import cloudpickle

# The names that IPython and its kernels give to the files of cells: numbers of the cell, the kernel, and a digest.
_CELL = re.compile(r"<ipython-input-\d+-[0-9a-f]+>|.*[/\\]ipykernel_\d+[/\\]\d+\.py")


def names_in(content: bytes) -> Iterator[str]:
    """Everything in a pickle that may be the name of a module: what it refers to, and what its code imports.

    Args:
        content: the compressed pickle.
    """
    for _, argument, _ in pickletools.genops(gzip.decompress(content)):
        if isinstance(argument, str) and all(part.isidentifier() for part in argument.split(".")):
            yield argument


def digest_of_pickle(content: bytes) -> str:
    """A digest that is the same for the same code.

    What is new each time counts by its place alone: the names of the files of cells, and the random identifiers by
    which cloudpickle knows classes again.

    Args:
        content: the compressed pickle, made in this process.
    """
    identifiers = getattr(cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_ID", {})
    new: dict[str, int] = {}
    digest = hashlib.sha256()
    for opcode, argument, _ in pickletools.genops(gzip.decompress(content)):
        if opcode.name == "FRAME":  # says how long the names are
            continue
        if isinstance(argument, str) and (argument in identifiers or _CELL.fullmatch(argument)):
            argument = new.setdefault(argument, len(new))
        digest.update(f"{opcode.name} {argument!r}\n".encode())
    return digest.hexdigest()
