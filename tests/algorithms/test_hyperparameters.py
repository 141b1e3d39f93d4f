"""What XGBoost, K-Means and Linear Learner accept, and what they say to the rest."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from flytekit_sagemaker.algorithms import TunedRange, algorithm
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.types import AlgorithmName

XGBOOST = algorithm(AlgorithmName.XGBOOST)
KMEANS = algorithm(AlgorithmName.KMEANS)
LINEAR_LEARNER = algorithm(AlgorithmName.LINEAR_LEARNER)
BINARY = {"num_round": "10", "objective": "binary:logistic"}


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def check(more: Mapping[str, str], version: str = "") -> list[Problem]:
    return XGBOOST.check_hyperparameters({**BINARY, **more}, version=version)


@pytest.mark.parametrize(
    "legal",
    [
        {"eta": "0", "max_depth": "0", "subsample": "1", "gamma": "1e3"},
        {"learning_rate": "0.2", "reg_alpha": "1", "reg_lambda": "0", "min_split_loss": "2"},
        {"eval_metric": "auc,logloss,error@0.7"},
        {"tree_method": "hist", "monotone_constraints": "(1, 0, -1)", "interaction_constraints": "[[1, 2], [3, 4]]"},
        {"booster": "gblinear", "updater": "coord_descent"},
        {"updater": "grow_colmaker,prune"},
        {"early_stopping_rounds": "5", "eval_metric": "auc"},
        {"_kfold": "5", "_num_cv_round": "2"},
        {"save_model_on_termination": "true", "verbosity": "2", "seed": "-1"},
    ],
)
def test_legal_hyperparameters_pass(legal: dict[str, str]) -> None:
    assert check(legal) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("eta", "3.0", "in [0, 1]"),
        ("eta", "nan", "in [0, 1]"),
        ("eta", "fast", "must be a number"),
        ("max_depth", "-1", "in [0, inf)"),
        ("subsample", "0", "in (0, 1]"),
        ("tweedie_variance_power", "2", "in (1, 2)"),
        ("csv_weights", "2", "in [0, 1]"),
        ("booster", "gbtre", "Did you mean 'gbtree'?"),
        ("eval_metric", "auc,aucc", "out of"),
        ("eval_metric", "rmse@2", "error@<number>"),
        ("eval_metric", "error@half", "error@<number>"),
        ("save_model_on_termination", "yes", "true, false"),
        ("seed", "2147483648", "an integer"),
    ],
)
def test_illegal_value_names_the_rule(name: str, value: str, said: str) -> None:
    problem = only(check({name: value}))
    assert problem.field == name
    assert said in str(problem)
    assert name in problem.constraint


@pytest.mark.parametrize("value", ["(2, 0)", "(", "[1, 2", "__import__('os')"])
def test_constraints_on_features_are_read_without_being_run(value: str) -> None:
    assert only(check({"tree_method": "hist", "monotone_constraints": value})).field == "monotone_constraints"


def test_an_integer_is_written_without_a_point() -> None:
    problem = only(check({"max_depth": "6.0"}))
    assert problem.constraint == "Hyperparameter max_depth: could not parse value"
    assert problem.remedy == "Write '6'."


def test_every_problem_is_listed_at_once() -> None:
    problems = XGBOOST.check_hyperparameters({"max_dept": "6", "eta": "3", "objective": "multi:softmax"})
    assert [problem.field for problem in problems] == ["max_dept", "eta", "num_round", "num_class"]
    assert problems[0].remedy == "Did you mean 'max_depth'?"
    assert problems[2].constraint == "Missing required hyperparameter: num_round"


@pytest.mark.parametrize(
    ("more", "version", "accepted"),
    [
        ({"silent": "1"}, "0.72", True),
        ({"silent": "1"}, "1.0-1", True),
        ({"silent": "1"}, "1.2-1", False),
        ({"prob_buffer_row": "1.0", "dsplit": "row", "updater": "grow_colmaker,prune"}, "0.72", True),
        ({"verbosity": "1"}, "0.72", False),
        ({"verbosity": "1"}, "0.90-1", True),
        ({"save_model_on_termination": "true"}, "0.90-2", False),
        ({"_kfold": "3"}, "1.2-2", False),
        ({"_kfold": "3"}, "1.3-1", True),
        ({"dsplit": "row", "sketch_eps": "0.03", "predictor": "cpu_predictor"}, "", True),
        ({"objective": "reg:linear"}, "", True),
        ({"objective": "reg:absoluteerror"}, "1.5-1", False),
        ({"objective": "reg:absoluteerror"}, "1.7", True),
        ({"eval_metric": "balanced_accuracy"}, "1.2-1", False),
        ({"eval_metric": "balanced_accuracy"}, "1.3-1", True),
        ({"eval_metric": "rmsle"}, "0.90-2", False),
    ],
)
def test_versions_know_different_hyperparameters(more: dict[str, str], version: str, accepted: bool) -> None:
    assert (check(more, version) == []) is accepted


def test_a_hyperparameter_of_another_version_is_no_misspelling() -> None:
    problem = only(check({"silent": "1"}))
    assert "up to 1.0-1" in problem.rule
    assert "'verbosity'" in problem.remedy


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"objective": "multi:softprob"}, "num_class"),
        ({"objective": "binary:logistic", "num_class": "2"}, "num_class"),
        ({"objective": "reg:squarederror", "eval_metric": "auc"}, "eval_metric"),
        ({"eval_metric": "auc"}, "eval_metric"),
        ({"objective": "binary:logistic", "eval_metric": "aft-nloglik"}, "eval_metric"),
        ({"objective": "binary:logistic", "eval_metric": "mlogloss"}, "eval_metric"),
        ({"objective": "multi:softmax", "num_class": "3", "eval_metric": "logloss"}, "eval_metric"),
        ({"early_stopping_rounds": "3"}, "early_stopping_rounds"),
        ({"monotone_constraints": "(1, 0)"}, "monotone_constraints"),
        ({"interaction_constraints": "[[1, 2]]", "tree_method": "auto"}, "interaction_constraints"),
        ({"booster": "gblinear", "updater": "prune"}, "updater"),
        ({"process_type": "update", "updater": "grow_histmaker"}, "updater"),
        ({"updater": "grow_histmaker,grow_colmaker"}, "updater"),
        ({"eta": "0.1", "learning_rate": "0.2"}, "learning_rate"),
    ],
)
def test_hyperparameters_have_to_fit_together(given: dict[str, str], field: str) -> None:
    assert only(XGBOOST.check_hyperparameters({"num_round": "1", **given})).field == field


def test_a_broken_value_raises_no_second_problem() -> None:
    assert only(check({"objective": "binary:logstic", "eval_metric": "auc"})).field == "objective"


def test_tuned_hyperparameters_count_as_given() -> None:
    ranges = {
        "num_round": TunedRange("integer", "1", "100"),
        "eta": TunedRange("continuous", "0.01", "1e0"),
        "max_depth": TunedRange("categorical", values=("4", "6")),
        "alpha": TunedRange("integer", "0", "2"),
    }
    assert XGBOOST.check_hyperparameters({"objective": "binary:logistic"}, ranges) == []


@pytest.mark.parametrize(
    ("name", "tuned", "said"),
    [
        ("eta", TunedRange("continuous", "0.1", "3"), "max_value must be a number in [0, 1]"),
        ("subsample", TunedRange("continuous", "0", "1"), "min_value"),
        ("max_depth", TunedRange("continuous", "1", "10"), "integer or categorical range"),
        ("max_depth", TunedRange("categorical", values=("4", "6.0")), "values must be an integer"),
        ("max_depth", TunedRange("integer", "1.5", "10"), "min_value must be an integer"),
        ("booster", TunedRange("categorical", values=("gbtree",)), "cannot be tuned"),
        ("seed", TunedRange("integer", "2", "4"), "cannot be tuned"),
        ("max_dept", TunedRange("integer", "2", "4"), "Did you mean 'max_depth'?"),
    ],
)
def test_a_range_has_to_be_legal_and_tunable(name: str, tuned: TunedRange, said: str) -> None:
    problem = only(XGBOOST.check_hyperparameters(BINARY, {name: tuned}))
    assert problem.field == name
    assert said in str(problem)


def test_a_name_is_static_or_tuned_but_not_both() -> None:
    problem = only(XGBOOST.check_hyperparameters({**BINARY, "eta": "0.1"}, {"eta": TunedRange("continuous", "0", "1")}))
    assert problem.field == "eta"


def test_the_tuning_objective_is_a_metric_to_watch_and_has_to_fit() -> None:
    stopping = {**BINARY, "early_stopping_rounds": "3"}
    assert XGBOOST.check_hyperparameters(stopping, objective_metric="validation:auc") == []
    assert only(XGBOOST.check_hyperparameters(BINARY, objective_metric="validation:mlogloss")).field == "objective"


@pytest.mark.parametrize(
    ("metric", "maximize", "version", "field"),
    [
        ("validation:auc", True, "", None),
        ("validation:error", False, "0.72", None),
        ("validation:error", True, "", "objective_type"),
        ("validation:auc", False, "", "objective_type"),
        ("train:auc", True, "", "metric_name"),
        ("validation:f1_macro", True, "1.2-1", "metric_name"),
        ("validation:f1_macro", True, "1.3-1", None),
        ("validation:cox-nloglik", True, "0.90-2", None),
        ("validation:cox-nloglik", True, "1.0-1", "objective_type"),
    ],
)
def test_objective_metric(metric: str, maximize: bool, version: str, field: str | None) -> None:
    assert [p.field for p in XGBOOST.check_objective(metric, maximize, version=version)] == ([field] if field else [])


def test_objective_without_its_data_set_is_understood() -> None:
    problem = only(XGBOOST.check_objective("auc", True))
    assert problem.remedy == "Did you mean 'validation:auc'?"
    assert problem.rule.endswith(": validation:auc, validation:aucpr or 31 others")


def test_a_metric_like_no_other_is_answered_with_all_of_them() -> None:
    problem = only(XGBOOST.check_objective("validation:zzz", False))
    assert "validation:rmse" in problem.rule
    assert "others" not in problem.rule
    assert problem.remedy == ""


@pytest.mark.parametrize("text", ['["rmse","mae"]', "['rmse', 'mae']"])
def test_a_json_list_is_written_with_commas(text: str) -> None:
    problem = only(check({"eval_metric": text}))
    assert (problem.rule, problem.remedy) == ("must be a comma-separated list", "Write 'rmse,mae'.")


def test_no_choice_is_named_twice() -> None:
    rule = only(check({"eval_metric": "zzz"})).rule
    words = rule.partition(" out of ")[2].split(", ")
    assert "cox-nloglik" in words
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("objective", "metric", "remedy"),
    [
        ("reg:squarederror", "auc", "Tune for rmse or mae, or change the objective."),
        ("", "auc", "Tune for rmse or mae, or set the objective."),
        ("binary:logistic", "aft-nloglik", "Tune for auc, error or logloss, or change the objective."),
        ("binary:logistic", "auc", ""),
        ("rank:pairwise", "auc", ""),
        ("reg:logistic", "auc", ""),
        ("multi:softprob", "auc", ""),
        ("survival:aft", "aft-nloglik", ""),
    ],
)
def test_an_objective_metric_that_no_trial_could_compute_is_refused(objective: str, metric: str, remedy: str) -> None:
    given = {"num_round": "1", **({"objective": objective} if objective else {})}
    given |= {"num_class": "3"} if objective.startswith("multi:") else {}
    problems = XGBOOST.check_hyperparameters(given, objective_metric=f"validation:{metric}")
    assert [(problem.field, problem.remedy) for problem in problems] == ([("objective", remedy)] if remedy else [])


def test_a_range_is_shown_as_a_range() -> None:
    wide = only(XGBOOST.check_hyperparameters(BINARY, {"eta": TunedRange("continuous", "0.1", "3")}))
    assert str(wide).startswith("eta = 0.1 to 3: max_value must be")
    untunable = only(
        XGBOOST.check_hyperparameters(BINARY, {"booster": TunedRange("categorical", values=("dart", "gbtree"))})
    )
    assert str(untunable).startswith("booster = one of 'dart', 'gbtree': cannot be tuned.")


@pytest.mark.parametrize("version", XGBOOST.versions)
def test_definitions_read_the_lines_of_the_image(version: str) -> None:
    line = "[12]#011train-rmse:1.5#011train-auc:0.98000#011validation-rmse:2e-05#011validation-auc:0.97000"
    found = {}
    for name, regex in XGBOOST.metric_definitions(version):
        if match := re.search(regex, line):
            found[name] = float(match[1])
    assert found == {"train:rmse": 1.5, "train:auc": 0.98, "validation:rmse": 2e-05, "validation:auc": 0.97}


def test_metric_names_are_unique_in_every_version() -> None:
    for version in XGBOOST.versions:
        names = [name for name, _ in XGBOOST.metric_definitions(version)]
        assert len(names) == len(set(names))
        assert set(XGBOOST.objective_metrics(version)) <= set(names)


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ({"train": "text/csv", "validation": "text/csv"}, None),
        ({"train": None}, None),
        ({"train": "application/x-parquet", "code": None}, None),
        ({"validation": "text/csv"}, "Missing required channel: train"),
        ({"train": "text/csv", "test": "text/csv"}, "Extraneous channel found: test"),
        ({"train": "text/csv;label_size=1"}, "Channel train: content type text/csv;label_size=1"),
        ({"train": "application/json"}, "Channel train"),
    ],
)
def test_channels(channels: dict[str, str | None], said: str | None) -> None:
    problems = XGBOOST.check_channels(channels)
    if said is None:
        assert problems == []
    else:
        assert only(problems).constraint.startswith(said)


def test_a_content_type_that_is_almost_right_is_put_right() -> None:
    problem = only(algorithm(AlgorithmName.KMEANS).check_channels({"train": "text/csv; label_size=0"}))
    assert problem.remedy == "Use 'text/csv;label_size=0'."


def test_the_tuning_objective_needs_the_channel_that_it_is_measured_on() -> None:
    problem = only(XGBOOST.check_channels({"train": "text/csv"}, objective_metric="validation:auc"))
    assert problem.field == "validation"
    assert XGBOOST.check_channels({"train": None, "validation": None}, objective_metric="validation:auc") == []
    assert only(KMEANS.check_channels({"train": None}, objective_metric="test:msd")).field == "test"


@pytest.mark.parametrize(
    ("name", "content_type", "version", "said"),
    [
        ("XGBOOST", "text/csv", "1.7-1", ""),
        (
            "XGBOOST",
            "text/libsvm",
            "1.7-1",
            "for the content type text/libsvm. Use the input mode File or FastFile, or",
        ),
        ("XGBOOST", None, "1.7-1", "for the content type text/libsvm"),
        ("XGBOOST", "text/csv", "3.0-5", "is no input mode of XGBOOST 3.0-5, only of versions up to 1.7-1"),
        ("KMEANS", None, "", ""),
        ("LINEAR_LEARNER", "text/csv", "", ""),
    ],
)
def test_pipe_mode(name: str, content_type: str | None, version: str, said: str) -> None:
    rules = algorithm(AlgorithmName[name])
    assert rules.check_channels({"train": content_type}, version=version) == []
    problems = rules.check_channels({"train": content_type}, version=version, piped={"train"})
    assert said in str(only(problems)) if said else problems == []


def test_content_type_with_a_parameter_says_what_to_write() -> None:
    assert only(XGBOOST.check_channels({"train": "text/csv; label_size=1"})).remedy == "Use 'text/csv'."


def test_kmeans() -> None:
    static = {"k": "10", "feature_dim": "784", "extra_center_factor": "auto", "eval_metrics": '["msd", "ssd"]'}
    ranges = {"init_method": TunedRange("categorical", values=("random", "kmeans++"))}
    assert KMEANS.check_hyperparameters(static, ranges) == []
    assert [p.field for p in KMEANS.check_hyperparameters({"k": "1", "eval_metrics": "msd"})] == [
        "k",
        "eval_metrics",
        "feature_dim",
    ]
    assert KMEANS.check_objective("test:msd", False) == []
    assert KMEANS.check_channels({"train": "text/csv;label_size=0", "test": None}) == []


LINEAR = {"predictor_type": "binary_classifier"}


@pytest.mark.parametrize(
    "legal",
    [
        {"feature_dim": "auto", "mini_batch_size": "200", "epochs": "15", "use_bias": "True"},
        {"learning_rate": "auto", "wd": "0", "l1": "1e-7", "positive_example_weight_mult": "balanced"},
        {"positive_example_weight_mult": "0.5", "loss": "hinge_loss", "margin": "2", "num_classes": "1"},
        {"predictor_type": "multiclass_classifier", "num_classes": "7", "balance_multiclass_weights": "true"},
        {"predictor_type": "regressor", "loss": "huber_loss", "huber_delta": "0.5", "normalize_label": "auto"},
    ],
)
def test_linear_learner_takes(legal: dict[str, str]) -> None:
    assert LINEAR_LEARNER.check_hyperparameters({**LINEAR, **legal}) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"predictor_type": "classifier"}, "predictor_type = 'classifier': must be one of binary_classifier"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes must be at least 3"),
        ({"predictor_type": "multiclass_classifier", "num_classes": "2"}, "two classes take predictor_type=binary"),
        ({"loss": "squared_loss"}, "must be a loss of predictor_type=binary_classifier: auto, logistic, hinge_loss"),
        ({"positive_example_weight_mult": "heavy"}, "must be a number in (0, inf), or 'balanced' or 'auto'"),
        ({"momentum": "1"}, "must be a number in [0, 1), or 'auto'"),
        ({"loss": "hinge_loss", "margin": "0"}, "margin = '0': must be a number in (0, inf)"),
        ({"huber_delta": "0"}, "huber_delta = '0': must be a number in (0, inf)"),
        ({"learning_rte": "1"}, "Did you mean 'learning_rate'?"),
    ],
)
def test_linear_learner_refuses(wrong: dict[str, str], said: str) -> None:
    assert said in str(only(LINEAR_LEARNER.check_hyperparameters({**LINEAR, **wrong})))


def test_linear_learner_is_tuned_for_a_metric_of_its_predictor() -> None:
    ranges = {
        "wd": TunedRange("continuous", "1e-7", "1"),
        "positive_example_weight_mult": TunedRange("continuous", "1e-5", "1e5"),
        "use_bias": TunedRange("categorical", values=("true", "false")),
    }
    for metric in ("validation:objective_loss", "validation:binary_f_beta", "test:roc_auc_score"):
        assert LINEAR_LEARNER.check_hyperparameters(LINEAR, ranges, objective_metric=metric) == []
        assert LINEAR_LEARNER.check_objective(metric, "loss" not in metric) == []
    wrong = only(LINEAR_LEARNER.check_hyperparameters(LINEAR, ranges, objective_metric="validation:mse"))
    assert "must be regressor for the objective metric mse" in wrong.rule
    assert (
        only(LINEAR_LEARNER.check_hyperparameters(LINEAR, {"epochs": TunedRange("integer", "1", "9")})).field
        == "epochs"
    )
    assert only(LINEAR_LEARNER.check_objective("train:mse", False)).field == "metric_name"


def test_linear_learner_channels_and_metrics() -> None:
    assert LINEAR_LEARNER.check_channels({"train": None, "validation": "text/csv", "test": "text/csv"}) == []
    assert only(LINEAR_LEARNER.check_channels({"train": "text/csv;label_size=0"})).remedy == "Use 'text/csv'."
    assert LINEAR_LEARNER.default_content_type == "application/x-recordio-protobuf"
    # From the log of a real training job.
    log = (
        "[11/24/2020 18:53:57 INFO 1405] #quality_metric: host=algo-1, epoch=0, validation "
        "binary_classification_cross_entropy_objective <loss>=0.508278604365\n"
        "[07/01/2024 19:50:55 INFO 1397] #quality_metric: host=algo-1, validation macro_f_1.000 <score>=0.914076\n"
        "[07/01/2024 19:50:55 INFO 1397] #quality_metric: host=algo-1, validation multiclass_top_k_accuracy_3 "
        "<score>=1.0\n"
    )
    found = {name: m[1] for name, regex in LINEAR_LEARNER.metric_definitions() if (m := re.search(regex, log))}
    assert found == {
        "validation:objective_loss": "0.508278604365",
        "validation:macro_f_beta": "0.914076",
        "validation:multiclass_top_k_accuracy": "1.0",
    }
    assert len(LINEAR_LEARNER.metric_definitions()) <= 40


def test_nothing_is_claimed_of_algorithms_without_rules() -> None:
    pca = algorithm(AlgorithmName.PCA)
    assert not pca.has_rules
    assert pca.check_hyperparameters({"anything": "x"}) == []
    assert pca.check_objective("anything", True) == []
    assert pca.check_channels({"anything": "x"}) == []
    assert pca.metric_definitions() == ()


def test_unknown_version_is_refused() -> None:
    with pytest.raises(InvalidInput):
        XGBOOST.check_hyperparameters(BINARY, version="2.0-1")


def test_the_catalogue_imports_nothing_heavy() -> None:
    program = (
        "import sys; from flytekit_sagemaker.algorithms import algorithm; from flytekit_sagemaker.types import *; "
        "algorithm(AlgorithmName.XGBOOST).check_hyperparameters({}); "
        "print({'numpy', 'pandas', 'xgboost', 'boto3', 'flytekit', 'google'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
