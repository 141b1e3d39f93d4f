"""Secrets do not come out again, in whatever spelling a program prints them; settings stay as they are."""

from __future__ import annotations

import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.masking import MASK, masked, masked_values, secrets_in, secrets_of
from flytekit_sagemaker.testing.conformance import training_request, tuning_request

LETTERS = string.ascii_letters + string.digits + "$.^*+?\\|()[]{}/é\"'"
SECRET_NAMES = [
    "password",
    "DB_PASSWORD",
    "dbPasswd",
    "PGPASSWORD",
    "clientsecret",
    "secret",
    "client-secret",
    "API_KEY",
    "apiKey",
    "apikey",
    "WANDB_API_KEY",
    "HF_TOKEN",
    "accessToken",
    "num_workers_auth_token",
    "GOOGLE_CREDENTIALS",
    "PRIVATE_KEY",
    "ssh.private-key",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN",
    "storage_account_key",
    "Authorization",
    "basic_auth",
    "DB_CONNECTION_STRING",
    "--registry-token",
]
SETTINGS = {
    "num_tokens": "4096",
    "max_token_length": "512",
    "tokenizer": "bert-base-uncased",
    "tokenizer_name": "bert-base-uncased",
    "token_type": "wordpiece",
    "pad_token": "<pad>",
    "mask_token": "[MASK]",
    "bos_token": "begin-of-text",
    "auth_mode": "basic-with-header",
    "auth": "none",
    "secret_name": "prod/database",
    "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "password_file": "/run/secrets/password.txt",
    "credentials_path": "/home/user/.aws/credentials",
    "use_auth_token": "true",
    "token_dropout": "0.25",
    "tokens": "1e9",
    "key_column": "customer_id",
    "primary_key": "customer_id",
    "key": "customer",
    "author": "Dostoevsky",
    "authority": "city council",
    "secretary": "Bartleby",
    "keyboard": "qwerty",
    "monkey": "macaque",
    "api": "v2-beta",
    "passes": "three-of-them",
    "token": "abc",
    "objective": "binary:logistic",
}


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_values_are_secrets_by_their_names(name: str) -> None:
    assert secrets_of({name: "hunter2-Xy"}) >= {"hunter2-Xy"}
    assert masked_values({name: "hunter2-Xy", "note": "hunter2-Xy it is"}) == {name: MASK, "note": f"{MASK} it is"}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_with_similar_names_are_shown(name: str) -> None:
    assert secrets_of({name: SETTINGS[name]}) == frozenset()
    assert masked_values({name: SETTINGS[name]}) == {name: SETTINGS[name]}


@pytest.mark.parametrize("value", ["12", "123456", "3.5e-4", "true", "False", "none", "abc", "", "   "])
def test_numbers_switches_and_very_short_values_are_no_secrets(value: str) -> None:
    assert secrets_of({"token": value}) == frozenset()


def test_the_id_of_a_key_that_encrypts_outputs_is_no_secret() -> None:
    assert (
        str(Problem("output_encryption_key", "my key", "must be a key"))
        == "output_encryption_key = 'my key': must be a key"
    )
    assert MASK in str(Problem("encryption_key", "my key", "must be another"))


def test_a_password_of_digits_is_a_secret() -> None:
    assert masked("the pin is 481516", secrets_of({"password": "481516"})) == f"the pin is {MASK}"


@given(
    st.lists(
        st.text(string.ascii_letters + string.digits + "$.^*+?\\|()[]{}/é\"'", min_size=9), min_size=1, max_size=4
    ),
    st.lists(st.text(max_size=20), min_size=1, max_size=5),
)
def test_no_secret_is_left_in_a_text_in_any_spelling(values: list[str], between: list[str]) -> None:
    secrets = secrets_of({f"secret_{index}": value for index, value in enumerate(values)})
    known = [value for value in values if value in secrets]
    spelled = [
        spelling for value in known for spelling in (value, json.dumps(value), repr(value), quote(value, safe=""))
    ]
    text = "".join(f"{words} {spelling} " for words in between for spelling in spelled)
    clean = masked(text, secrets)
    assert not [value for value in known if value in clean]


@given(
    st.text(string.ascii_letters + string.digits + "-_.=+/", min_size=8, max_size=80),
    st.integers(1, 90),
    st.sampled_from(["", " " * 29, "\t"]),
    st.sampled_from(["\n", "  \n", "\r\n"]),
)
def test_a_secret_that_a_logger_has_wrapped_is_masked(secret: str, width: int, indent: str, end: str) -> None:
    words = f"ValueError: bad key {secret} of 7"
    lines = [words[start : start + width] for start in range(0, len(words), width)]
    clean = masked((end + indent).join(["first line", *lines, "last line"]), secrets_of({"password": secret}))
    assert secret not in "".join(line.strip() for line in clean.splitlines())
    assert clean.startswith(f"first line{end}")
    assert clean.endswith(f"{end}{indent}last line")


def test_lines_that_end_and_begin_like_a_short_secret_stay_apart() -> None:
    assert masked("one loss\ntwo losses", {"sstwo"}) == "one loss\ntwo losses"


def test_of_secrets_that_contain_each_other_the_longest_goes_first() -> None:
    assert masked("x-sesame-open-sesame", {"sesame", "open-sesame"}) == f"x-{MASK}-{MASK}"


def test_the_sagemaker_sdk_writes_hyperparameters_as_json() -> None:
    values = {"api_key": '"hunter2-Xy"', "config": '{"db": {"password": "swordfish"}, "tokens": ["alohomora", 3]}'}
    secrets = secrets_of(values)
    assert masked("hunter2-Xy swordfish alohomora", secrets) == f"{MASK} {MASK} {MASK}"
    shown = masked_values(values)
    assert shown["api_key"] == MASK
    assert "swordfish" not in shown["config"]
    assert "alohomora" not in shown["config"]


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----"
    secrets = secrets_of({"SSH_PRIVATE_KEY": key})
    assert "kqhkiG9w0BAQEF" not in masked("read kqhkiG9w0BAQEF of the key", secrets)


@pytest.mark.parametrize(
    ("text", "leaked", "kept"),
    [
        ("connect postgres://joe:s3cr3t@db:5432/x", "s3cr3t", "postgres://joe:"),
        ("redis://:p@ss:w0rd@host/0 is down", "p@ss:w0rd", "host/0 is down"),
        ("key AKIAIOSFODNN7EXAMPLE denied", "AKIAIOSFODNN7EXAMPLE", "denied"),
        ("as ASIAIOSFODNN7EXAMPLE.", "ASIAIOSFODNN7EXAMPLE", "as "),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI", "aws_secret_access_key = "),
        (f"session IQoJb3JpZ2lu{'A1b+' * 40}== expired", "A1b+A1b+", "expired"),
        ("https://s3/x?X-Amz-Signature=abcdef0123456789&a=b", "abcdef0123456789", "&a=b"),
        ("https://s3/x?X-Amz-Security-Token=FwoGZXIv&Action=Get", "FwoGZXIv", "Action=Get"),
        ("Authorization: Bearer eyJhbGciOi.eyJzdWIi", "eyJhbGciOi", "Authorization: "),
        ("Authorization: Basic am9lOnNlY3JldA==", "am9lOnNlY3JldA", "Authorization: Basic "),
        ("python train.py --db-password=swordfish --epochs=3", "swordfish", "--epochs=3"),
        ("{'password': 'swordfish', 'epochs': 3}", "swordfish", "'epochs': 3"),
        ('{"api_key":"swordfish"}', "swordfish", '{"api_key":'),
        ("git clone with ghp_0123456789abcdefABCDEF0123456789abcd", "ghp_0123456789", "git clone with "),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nvQIB\n-----END RSA PRIVATE KEY-----", "vQIB", "BEGIN RSA"),
    ],
)
def test_what_looks_like_a_secret_is_masked_though_nobody_named_it(text: str, leaked: str, kept: str) -> None:
    clean = masked(text)
    assert leaked not in clean
    assert kept in clean


@pytest.mark.parametrize(
    "text",
    [
        "loss=0.25; tokens=4096; num_tokens: 12",
        "s3://bucket/key@version/model.tar.gz",
        "http://127.0.0.1:8642/path",
        "unexpected token: <eof>",
        "token=<pad>",
        "Bearer of news",
        "arn:aws:iam::123456789012:role/training",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        'File "/opt/ml/code/train.py", line 3, in <module>',
        "author=Dostoevsky",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_a_job_has_secrets_in_all_its_maps_and_arguments() -> None:
    training = {
        "Environment": {"HF_TOKEN": "first-secret"},
        "HyperParameters": {"password": "second-secret", "eta": "0.25"},
        "AlgorithmSpecification": {"ContainerArguments": ["--api-key", "third-secret", "--auth=fourth-secret", "--x"]},
    }
    assert secrets_in(training) == {"first-secret", "second-secret", "third-secret", "fourth-secret"}
    definition = {"StaticHyperParameters": {"password": "fifth-secret"}, "Environment": {"API_KEY": "sixth-secret"}}
    assert secrets_in({"TrainingJobDefinition": definition}) == {"fifth-secret", "sixth-secret"}
    assert secrets_in({"TrainingJobDefinitions": [definition, training]}) == secrets_in(training) | secrets_in(
        {"TrainingJobDefinition": definition}
    )
    assert secrets_in({}) == frozenset()


def carried(**changes: str | None) -> dict[str, str]:
    """The environment of a job that carries a command with secrets, which are cut apart."""
    environment = {"DB_PASSWORD": "in-the-command", "LONG_TOKEN": "0123456789abcdef" * 100, "PLAIN": "shown"}
    command = Command(("pyflyte-execute", "--api-key", "third-secret"), environment)
    everything = {"HF_TOKEN": "of-the-job", **command.variables(), **changes}
    return {name: value for name, value in everything.items() if value is not None}


def test_a_job_has_the_secrets_of_the_command_that_it_carries() -> None:
    secrets = {"of-the-job", "in-the-command", "0123456789abcdef" * 100, "third-secret"}
    assert secrets_in({"Environment": carried()}) == secrets
    assert secrets_in({"TrainingJobDefinitions": [{"Environment": carried()}]}) == secrets


@pytest.mark.parametrize(
    "damage",
    [
        {"FLYTEKIT_SAGEMAKER_COMMAND_01": None},
        {"FLYTEKIT_SAGEMAKER_COMMAND_00": "not JSON"},
        *({f"FLYTEKIT_SAGEMAKER_COMMAND_{number:02}": None for number in range(1, 9)} | {
            "FLYTEKIT_SAGEMAKER_COMMAND_00": document
        } for document in ("{}", "[]", "3", '{"argv": 3, "environment": {}}', '{"argv": ["x"], "environment": [1]}')),
    ],
)  # fmt: skip
def test_a_damaged_command_hides_no_other_secret(damage: dict[str, str | None]) -> None:
    assert secrets_in({"Environment": carried(**damage)}) == {"of-the-job"}


def test_values_of_a_command_that_are_no_text_are_secrets_by_their_names_too() -> None:
    document = '{"argv": ["train", 3], "environment": {"API_KEY": {"of": "the-user"}, "EPOCHS": 3}}'
    found = secrets_in({"Environment": {"FLYTEKIT_SAGEMAKER_COMMAND_00": document}})
    assert masked("the-user trains 3 epochs", found) == f"{MASK} trains 3 epochs"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Environment": "API_KEY=x"},
        {"Environment": ["API_KEY"]},
        {"Environment": {"EPOCHS": [1]}},
        {"AlgorithmSpecification": "image"},
        {"AlgorithmSpecification": {"ContainerArguments": 3}},
        {"AlgorithmSpecification": {"ContainerArguments": [None, "--epochs", 3]}},
        {"TrainingJobDefinition": "definition"},
        {"TrainingJobDefinitions": 3},
        {"TrainingJobDefinitions": ["definition"]},
    ],
)
def test_a_request_that_is_wrong_elsewhere_has_its_secrets(wrong: dict[str, object]) -> None:
    assert secrets_in({"HyperParameters": {"password": "second-secret"}, **wrong}) == {"second-secret"}


def test_a_request_has_the_secrets_that_the_description_of_its_job_has() -> None:
    specification = {"TrainingImage": "image", "ContainerArguments": ["--api-key", "third-secret"]}
    training = training_request(
        "job",
        AlgorithmSpecification=specification,
        Environment={"HF_TOKEN": "first-secret", "EPOCHS": "seven"},
        HyperParameters={"password": "second-secret", "objective": "logistic"},
    )
    secrets = {"first-secret", "second-secret", "third-secret"}
    assert secrets_in(training) == secrets
    tuning = tuning_request("search", training)
    assert secrets_in(tuning) == secrets
    several = {**tuning, "TrainingJobDefinition": None, "TrainingJobDefinitions": [tuning["TrainingJobDefinition"]]}
    assert secrets_in(several) == secrets


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("HyperParameters.api_token", "s3cr3t words"),
        ("TrainingJobDefinitions[0].Environment.DB_PASSWORD", "s3cr3t" * 100),
        ("environment.db.password.first", "s3cr3t"),
        ("static_hyperparameters.num.token", "s3cr3t"),
        ("environment", {"DB_PASSWORD": "s3cr3t words", "PLAIN": "shown"}),
        ("", {"job": {"environment": [{"DB_PASSWORD": "s3cr3t é words"}]}}),
        ("HyperParameters", {"config": '{"api_key": "s3cr3t words"}'}),
        ("ContainerArguments", ["train", "--password", "s3cr3t words"]),
        ("S3Uri", "https://joe:s3cr3t@example.com"),
        ("password", 99993333),
        ("api_key", ("s3cr3t", {1, 2})),
    ],
)
def test_a_problem_does_not_show_secrets(field: str, value: object) -> None:
    told = str(InvalidInput("the job", [Problem(field, value, f"is wrong ({value})", f"Do not use {value!r}.")]))
    assert MASK in told
    assert "s3cr3t" not in told
    assert "99993333" not in told
    assert field in told


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("HyperParameters.num_tokens", "many", "HyperParameters.num_tokens = 'many': is wrong"),
        ("Environment.DB PASSWORD", "DB PASSWORD", "Environment.DB PASSWORD = 'DB PASSWORD': is wrong"),
        ("RoleArn", "nobody", "RoleArn = 'nobody': is wrong"),
        ("token", 7, "token = 7: is wrong"),
        ("inputs", {1: 2, (3, 4): 5}, "inputs = {1: 2, (3, 4): 5}: is wrong"),
        ("Environment.API_KEY", None, "Environment.API_KEY is wrong"),
    ],
)
def test_a_problem_shows_everything_else(field: str, value: object, shown: str) -> None:
    assert str(Problem(field, value, "is wrong")) == shown
