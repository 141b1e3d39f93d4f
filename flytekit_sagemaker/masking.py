"""Which values of a job are secrets, and text without them.

Environment and hyperparameters are all that a training program is told, so people put passwords and tokens into them;
and what a program is told it prints. A value is a secret by its name; a few kinds of secrets show what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flytekit_sagemaker.container.command import Command

MASK = "***"

_SHORTEST = 4
_SHORTEST_LINE = 8
_DEEPEST = 5

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PASSWORDS = _words("password passwords passwd pwd passphrase passcode")
_SECRETS = _PASSWORDS | _words(
    "secret secrets token tokens credential credentials apikey auth authorization bearer jwt"
)
# Words that are written together with the one before, as in PGPASSWORD.
_ENDINGS = ("password", "passwd", "passphrase", "apikey", "secret", "accesstoken", "authtoken")
_KEYS = _words("api access private secret account signing encryption ssh master license deploy")
_PAIRS = frozenset((("connection", "string"), ("amz", "signature"), ("pass", "word"), ("pass", "phrase")))
# Beside "token" these make a name one of the tokens of a language model.
_LANGUAGE = _words(
    "pad eos bos unk sep cls mask special stop start end num max min image vocab new added forced next decoder"
)
# At the end of a name these make it a setting about a secret.
_ABOUT = _words(
    "arn name names path file dir column columns field fields length len size count num type types mode method url uri "
    "endpoint host server limit ids classes provider region scope scopes expiry ttl ratio dropout embedding"
)
# Arguments of the Kubeflow component, whose values are ids of KMS keys.
_IDS_OF_KEYS = _words("output_encryption_key resource_encryption_key")
_PLAIN = _words("true false none null yes no on off auto default basic bearer digest iam anonymous enabled disabled")
_SPECIAL_TOKEN = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")

# A name, a separator and a value, as on command lines, in query strings and in printed JSON and Python.
_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?P<name>[A-Za-z_-][\w.-]{0,127})(?P<sign>["']\s{0,3}[:=]\s{0,3}|\s{0,3}=\s{0,3})"""
    r"""(?P<quote>["']?)(?P<value>[^\s"',;&)}\]]{1,4096})"""
)
# Where a logger goes on with a long word in its next line.
_WRAP = r"[ \t\r]*\n[ \t]*"
# Each pattern keeps its group ``kept``.
_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"(?P<kept>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,256}:)[^\s/]{1,512}(?=@)", re.IGNORECASE),
        (r"(?P<kept>)\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", 0),
        (r"(?P<kept>)\b(?:FwoG|FQoG|IQoJ|AQoD)[A-Za-z0-9/+=]{80,}", 0),
        (r"(?P<kept>)\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-)[A-Za-z0-9_-]{16,}", 0),
        (r"(?P<kept>\bBearer\s{1,3})[\w.~+/-]{8,}=*", re.IGNORECASE),
        (r"(?P<kept>\bAuthorization:\s{0,3}\w{1,32}\s{1,3})[^\s\"']+", re.IGNORECASE),
        (r"(?P<kept>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[^-]{1,20000}", 0),
    )
)


def secrets_of(*maps: Mapping[str, str]) -> frozenset[str]:
    """The values that are secrets by their names, in every spelling in which a program may print them."""
    return frozenset(
        spelling
        for values in maps
        for name, value in values.items()
        for secret in _secrets_in(name, value)
        for spelling in _spellings(secret)
    )


def secrets_in(description: Mapping[str, Any]) -> frozenset[str]:
    """The secrets of a training or tuning job that SageMaker describes.

    They are those of its environment, its hyperparameters, its arguments, and of the command that its environment
    carries (see ``container.command``).

    Args:
        description: answer of DescribeTrainingJob or DescribeHyperParameterTuningJob, or a request for either, which
            may have members of a wrong type.
    """
    several = description.get("TrainingJobDefinitions")
    given = (description, description.get("TrainingJobDefinition"), *(several if isinstance(several, list) else ()))
    definitions = [each for each in given if isinstance(each, Mapping)]
    members = ("Environment", "HyperParameters", "StaticHyperParameters")
    maps = [dict(_members("", definition.get(member))) for definition in definitions for member in members]
    commands = [definition.get("AlgorithmSpecification") for definition in definitions]
    arguments = [
        [str(item) for item in listed]
        for command in commands
        if isinstance(command, Mapping)
        for part in ("ContainerEntrypoint", "ContainerArguments")
        if isinstance(listed := command.get(part), list)
    ]
    return secrets_of(*maps, *map(_options, arguments), *(text for each in maps for text in _carried(each)))


def secrets_at(path: str, value: object) -> frozenset[str]:
    """The secrets of a value of any type: by its path, such as ``Environment.API_KEY``, or by names within it."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        return frozenset()
    arguments = [str(item) for item in value] if isinstance(value, (list, tuple)) else []
    # The words before a name can make it look like a setting, and a name with dots in it is cut off.
    return secrets_of({path: text}, {path.rpartition(".")[2]: text}, _options(arguments))


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """The text with ``***`` for the secrets given, and for whatever looks like one by itself.

    The former are found in one piece or wrapped over lines. The latter are AWS access keys and session tokens, tokens
    of well-known services, passwords in URLs, private keys, and what is assigned to the name of a secret.
    """
    if known := sorted(filter(None, secrets), key=len, reverse=True):
        unwrapped = re.sub(_WRAP, "", text)
        wrapped = {
            secret for secret in known if len(secret) >= _SHORTEST_LINE and unwrapped.count(secret) > text.count(secret)
        }
        spelled = (_over_lines(secret) if secret in wrapped else re.escape(secret) for secret in known)
        text = re.sub("|".join(spelled), MASK, text)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<kept>{MASK}", text)
    return _ASSIGNMENT.sub(_masked_assignment, text)


def _over_lines(secret: str) -> str:
    return f"(?:{_WRAP})?".join(map(re.escape, secret))


def masked_values(mapping: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The mapping with ``***`` for its own secrets, and for those given, in its values."""
    secrets = {*secrets, *secrets_of(mapping)}
    return {name: MASK if _is_secret(name, value) else masked(value, secrets) for name, value in mapping.items()}


def _carried(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Variables and options of the command in an environment, which may be damaged."""
    try:
        command = Command.find(environment)
    except (ValueError, LookupError, TypeError):
        return
    if command and isinstance(command.environment, Mapping):
        yield dict(_members("", command.environment))
        yield _options(list(map(str, command.argv)))


def _is_secret(name: str, value: str) -> bool:
    """Whether a value is to be hidden altogether."""
    return _names_a_secret(name) and not _is_plain(name, value)


def _names_a_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT or name in _IDS_OF_KEYS:
        return False
    pairs = list(zip(words, words[1:], strict=False))
    if any(pair in _PAIRS or (pair[0] in _KEYS and pair[1] in ("key", "keys")) for pair in pairs):
        return True
    if any(word.endswith(_ENDINGS) for word in words):
        return True
    found = _SECRETS.intersection(words)
    return bool(found) and not (found <= {"token", "tokens"} and _LANGUAGE.intersection(words))


def _is_plain(name: str, value: str) -> bool:
    """Whether a value is a setting and no secret, whatever its name: a number, a switch, a word of a language model."""
    text = value.strip().strip("\"'")
    if len(text) < _SHORTEST or text.lower() in _PLAIN or not text.strip("*") or _SPECIAL_TOKEN.fullmatch(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return not _PASSWORDS.intersection(word.lower() for word in _WORD.findall(name))


def _secrets_in(name: str, value: str, depth: int = 0) -> Iterator[str]:
    """The secrets in one value, which may be JSON: the SageMaker SDK writes every hyperparameter so."""
    decoded = _decoded(value)
    if _is_secret(name, value):
        yield value
        if isinstance(decoded, str) and len(decoded) >= _SHORTEST:
            yield decoded
    if depth < _DEEPEST:
        for inner, item in _members(name, decoded):
            yield from _secrets_in(inner, item, depth + 1)


def _members(name: str, decoded: object) -> Iterator[tuple[str, str]]:
    if isinstance(decoded, Mapping):
        pairs = [(f"{name}.{inner}".lstrip("."), item) for inner, item in decoded.items()]
    elif isinstance(decoded, list):
        pairs = [(name, item) for item in decoded]
    else:
        pairs = []
    for inner, item in pairs:
        yield inner, item if isinstance(item, str) else json.dumps(item, default=str)


def _decoded(value: str) -> object:
    if not value.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    if stripped := secret.strip():
        yield stripped
        yield json.dumps(stripped)[1:-1]
        yield repr(stripped)[1:-1]
        yield quote(stripped, safe="")
        yield from (line.strip() for line in stripped.splitlines() if len(line.strip()) >= _SHORTEST_LINE)


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """The options of a command line: ``--name value`` and ``--name=value``."""
    options = {}
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        if argument.startswith("-"):
            name, given, value = argument.partition("=")
            options[name] = value if given else following
    return options


def _masked_assignment(found: re.Match[str]) -> str:
    if not _is_secret(found["name"], found["value"]):
        return found[0]
    return f"{found['name']}{found['sign']}{found['quote']}{MASK}"
