"""Limit, token, filters and order of the list calls, as SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.sandbox.refusals import invalid

LARGEST_PAGE = 1000
_DEFAULT_PAGE = 100
_FILTER = re.compile(r"(?P<function>\w+)\((?P<field>[\w.]+),(?P<value>.*)\)", re.DOTALL)
_COMPARISONS = {
    "eq": "{} = ?",
    "ne": "{} != ?",
    "gt": "{} > ?",
    "gte": "{} >= ?",
    "lt": "{} < ?",
    "lte": "{} <= ?",
    "contains": "instr({}, ?) > 0",
}
_MEMBERSHIPS = {"value_in": "IN", "value_not_in": "NOT IN"}


@dataclass(frozen=True)
class Listing:
    """What a list call wants: SQL after WHERE with its values, how many rows, and from which on."""

    where: str
    values: tuple[object, ...]
    order: str
    limit: int
    offset: int

    @property
    def clause(self) -> str:
        """Everything after the name of the table; one row more than wanted tells whether there is another page."""
        return f"WHERE {self.where} ORDER BY {self.order} LIMIT {self.limit + 1} OFFSET {self.offset}"

    def page(self, rows: Sequence[Any]) -> tuple[Sequence[Any], str]:
        """The rows of this page, and the token of the next, empty after the last."""
        more = len(rows) > self.limit
        return rows[: self.limit], str(self.offset + self.limit) if more else ""


def listing(request: Any, columns: Mapping[str, str], scope: Mapping[str, object], order: str = "created") -> Listing:
    """What a request asks for.

    Args:
        request: has ``limit``, ``token`` and perhaps ``filters`` and ``sort_by``.
        columns: SQL column of each field that may be filtered and sorted by.
        scope: values of columns that every row must have.
        order: column that rows are sorted by where the request does not say, the oldest first.

    Raises:
        Refused: a filter, field or token that is not known.
    """
    conditions: list[tuple[str, tuple[object, ...]]]
    conditions = [(f"{column} = ?", (value,)) for column, value in scope.items()]
    conditions += [_condition(text, columns) for text in request.filters.split("+") if text]
    limit = min(int(request.limit) or _DEFAULT_PAGE, LARGEST_PAGE)
    if request.token and not request.token.isdigit():
        raise invalid(f"The token {request.token!r} is none that this call has given.")
    if request.sort_by.key:
        direction = "DESC" if request.sort_by.direction == 0 else "ASC"
        order = f"{_column(request.sort_by.key, columns)} {direction}"
    return Listing(
        where=" AND ".join(condition for condition, _ in conditions) or "1",
        values=tuple(value for _, values in conditions for value in values),
        order=f"{order}, rowid {order.rpartition(' ')[2] if ' ' in order else ''}",
        limit=limit,
        offset=int(request.token or 0),
    )


def _condition(text: str, columns: Mapping[str, str]) -> tuple[str, tuple[object, ...]]:
    found = _FILTER.fullmatch(text)
    function = found["function"] if found else ""
    if not found or function not in {**_COMPARISONS, **_MEMBERSHIPS}:
        known = ", ".join([*_COMPARISONS, *_MEMBERSHIPS])
        raise invalid(f"The filter {text!r} is not FUNCTION(FIELD,VALUE) with one of the functions {known}.")
    column = _column(found["field"], columns)
    if function in _COMPARISONS:
        return _COMPARISONS[function].format(column), (found["value"],)
    values = tuple(re.split("[;,]", found["value"]))
    return f"{column} {_MEMBERSHIPS[function]} ({', '.join('?' * len(values))})", values


def _column(field: str, columns: Mapping[str, str]) -> str:
    name = field.rpartition(".")[2]
    if name not in columns:
        raise invalid(f"There is no field {field!r} here to filter or sort by: there are {', '.join(columns)}.")
    return columns[name]
