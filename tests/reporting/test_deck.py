from __future__ import annotations

import dataclasses
import re
import types
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from flytekit_sagemaker.reporting.deck import progress_fragment, training_page, tuning_page
from flytekit_sagemaker.reporting.progress import Progress, progress_of
from flytekit_sagemaker.reporting.records import TrainingRecord, TuningRecord, training_record, tuning_record

from .samples import START, search, summary, training_description, tuning_description

VOID = {"meta", "br", "wbr"}
HOSTILE = "</title></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload=alert(1) &amp;"


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in its turn, and no attribute appears twice."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.drawings: list[Counter] = []
        self.tags: Counter = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += attributes
        assert len(dict(attributes)) == len(attributes)
        css = dict(attributes).get("class", "").split()
        if tag == "svg":
            self.drawings.append(Counter())
        if css[:1] == ["mark"] and "key" not in css:
            self.drawings[-1][css[1]] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def text(self) -> str:
        return "".join(self.words)


def loads_nothing(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "object", "embed", "image", "use"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "xlink:href")]
    assert all(value.startswith(("http://", "https://")) for name, value in page.attributes if name == "href")
    assert "url(" not in page.text()
    assert "@import" not in page.text()


@pytest.fixture
def searched():
    return tuning_record(tuning_description(), search(), links={"Console": "https://console.example/#/job"})


def test_every_trial_is_in_the_history_and_every_objective_in_each_scatter(searched):
    page = Page(tuning_page(searched))
    wide, narrow, *rest = [drawing for drawing in page.drawings if drawing]
    assert wide == narrow == {"done": 16, "best": 1, "stopped": 2, "failed": 2, "running": 2}
    assert len(rest) == len(searched.ranges)
    assert all(drawing == {"done": 16, "best": 1, "stopped": 2} for drawing in rest)
    loads_nothing(page)


def test_the_table_has_every_trial_and_why_those_that_failed_did(searched):
    html = tuning_page(searched)
    rows = re.findall(r"<tr[^>]*>", html.split("<h2>Trials")[1].split("<h2>Job")[0])
    assert len(rows) == 1 + 23 + 2
    assert html.count("MemoryError: unable to allocate") >= 2
    assert html.count("★") == 1


def test_the_headline_names_best_objective_trial_and_hyperparameters(searched):
    words = Page(tuning_page(searched)).text()
    assert "_tuning_objective_metric" not in words
    assert "0.99632highest validation:auc, trial 17" in words
    assert "Hyperparameters of trial 17eta0.10063subsample0.86744max_depth6boosterdart" in words


def test_a_logarithmic_range_has_ticks_at_equal_ratios(searched):
    drawing = tuning_page(searched).split('aria-label="Objective by eta"')[1].split("</svg>")[0]
    ticks = {float(label): float(x) for x, label in re.findall(r'x="([\d.]+)"[^>]*middle">([\d.e-]+)<', drawing)}
    assert {0.001, 0.01, 0.1} <= set(ticks)
    assert ticks[0.01] - ticks[0.001] == pytest.approx(ticks[0.1] - ticks[0.01], abs=0.2)


def test_a_diverged_trial_does_not_flatten_the_others():
    values = [0.5, 0.4, 0.45, 0.41, 0.39, 0.38, 0.42, 9e8]
    description = tuning_description()
    description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] = "Minimize"
    record = tuning_record(description, [summary(n, value=value) for n, value in enumerate(values, 1)])
    html = tuning_page(record)
    drawing = next(drawing for drawing in Page(html).drawings if drawing)
    assert drawing == {"done": 6, "best": 1, "beyond": 1}
    heights = [float(y) for y in re.findall(r"mark done[^>]*translate\(\S+ ([\d.]+)\)", html.split("<svg")[1])]
    assert max(heights) - min(heights) > 100


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [summary(1, "InProgress")],
        [summary(1, "Failed", FailureReason="why")],
        [summary(1, value=0.0)],
        [summary(n, value=0.5) for n in (1, 2)],
        [summary(1, value=-1e30), summary(2, value=1e-300)],
    ],
)
def test_a_job_at_any_point_has_a_page(trials):
    page = Page(tuning_page(tuning_record(tuning_description(), trials)))
    assert "nan" not in page.text().lower()
    marks = next((drawing for drawing in page.drawings if drawing), Counter())
    assert marks.total() == len(trials)


def test_a_job_whose_trials_all_failed_draws_no_empty_axes():
    failed = [summary(1, "Failed", FailureReason="why")]
    ended = tuning_description(HyperParameterTuningJobStatus="Failed", HyperParameterTuningEndTime=START)
    html = tuning_page(tuning_record(ended, failed))
    assert "no validation:auc in any trial" in html
    assert "<svg" not in html
    running = tuning_page(tuning_record(tuning_description(), failed))
    assert "no validation:auc yet" in running
    axis = running.split('aria-label="Objective by trial"')[1].split("</svg>")[0]
    assert re.findall(r'text-anchor="end"><?([^<]+)<', axis) == ["trial"]


@pytest.mark.parametrize("bounds", [("0", "5e-324"), ("-1e308", "1e308"), ("5e-324", "1.7e308"), ("0.5", "0.5")])
@pytest.mark.parametrize("values", [(-1e308, 1e308), (0.0, 5e-324), (1.7e308, 1.7e308)])
def test_ranges_and_objectives_may_be_any_numbers(bounds, values):
    description = tuning_description()
    item = {"Name": "eta", "MinValue": bounds[0], "MaxValue": bounds[1], "ScalingType": "Auto"}
    description["HyperParameterTuningJobConfig"]["ParameterRanges"] = {"ContinuousParameterRanges": [item]}
    tuned = ({"eta": text} for text in (bounds[0], "nan"))
    trials = [summary(n, value=value, TunedHyperParameters=next(tuned)) for n, value in enumerate(values, 1)]
    page = Page(tuning_page(tuning_record(description, trials)))
    assert not [value for _, value in page.attributes if "nan" in value or "inf" in value]


LINKS = {
    HOSTILE: HOSTILE,
    "a": "javascript:alert(1)",
    "b": "data:text/html,x",
    "c": "https://[",
    "d": "http:",
    "e": "javascript://x/%0aalert(1)",
    "f": "ftp://x/y",
    "g": " JaVaScRiPt:alert(1)",
    "h": "java\tscript:alert(1)",
    "i": "//evil/x",
    "fine": 'https://x/?a="><script>',
}


def hostile(hint, name):
    """A value of a record's field in which every text is hostile, whatever the fields are."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is str:
        return HOSTILE
    if origin in (Union, types.UnionType):
        return hostile(arguments[0], name)
    if origin is tuple:
        return (hostile(arguments[0], name),) * 2
    if origin is Mapping:
        return LINKS if name == "links" else {HOSTILE: hostile(arguments[1], name)}
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{field.name: hostile(hints[field.name], field.name) for field in dataclasses.fields(hint)})
    return {int: 1, float: 0.5, bool: True, datetime: START}[hint]


def variants(record):
    """The record with words that the pages look at, where others would hide a part of them."""
    yield record
    for status in ("Completed", "Failed", "Stopped", "InProgress"):
        if isinstance(record, TuningRecord):
            for kind in ("Categorical", "Integer", "Continuous"):
                for direction in ("Maximize", "Minimize"):
                    trials = tuple(dataclasses.replace(trial, status=status) for trial in record.trials)
                    ranges = tuple(dataclasses.replace(item, kind=kind) for item in record.ranges)
                    changes = {"status": status, "trials": trials, "ranges": ranges, "direction": direction}
                    yield dataclasses.replace(record, **changes)
        else:
            yield dataclasses.replace(record, status=status)


OURS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "nav", "section", "div", "p", "h1", "h2"),
    *(
        "b",
        "i",
        "span",
        "br",
        "wbr",
        "a",
        "ul",
        "li",
        "code",
        "pre",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
    ),
    *("svg", "g", "path", "circle", "rect", "text"),
}
OUR_ATTRIBUTES = {
    *("lang", "charset", "name", "content", "class", "href", "target", "rel", "colspan", "style", "transform", "d"),
    *("x", "y", "r", "rx", "width", "height", "text-anchor", "viewbox", "role", "aria-label", "aria-hidden"),
}


@pytest.mark.parametrize(
    ("shape", "render"), [(TuningRecord, tuning_page), (TrainingRecord, training_page), (Progress, progress_fragment)]
)
def test_foreign_text_in_any_field_is_only_ever_text(shape, render):
    for record in variants(hostile(shape, "")):
        page = Page(render(record))
        loads_nothing(page)
        assert HOSTILE in page.text()
        assert page.tags["style"] <= 2
        assert set(page.tags) <= OURS
        assert {name for name, _ in page.attributes} <= OUR_ATTRIBUTES
        assert [value for name, value in page.attributes if name == "href"] == [LINKS["fine"]] * hasattr(
            record, "links"
        )


def test_foreign_text_in_answers_of_the_service_is_only_ever_text():
    tuned = {HOSTILE: HOSTILE, "eta": HOSTILE}
    description = tuning_description(FailureReason=HOSTILE)
    description["TrainingJobDefinition"]["StaticHyperParameters"] = {HOSTILE: HOSTILE}
    description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = HOSTILE
    ranges = description["HyperParameterTuningJobConfig"]["ParameterRanges"]
    ranges["CategoricalParameterRanges"] = [{"Name": HOSTILE, "Values": [HOSTILE]}]
    trials = [
        summary(1, value=0.5, TunedHyperParameters=tuned),
        summary(2, "Failed", TrainingJobName=HOSTILE, FailureReason=HOSTILE),
    ]
    tuning = tuning_record(description, trials, links=LINKS)
    changes = {"FailureReason": HOSTILE, "HyperParameters": {HOSTILE: HOSTILE}}
    metrics = [{"MetricName": HOSTILE, "Value": 0.5, "Timestamp": START}]
    described = training_description(**changes, FinalMetricDataList=metrics)
    training = training_record(described, links=LINKS, log_tail=[HOSTILE])
    for html in (tuning_page(tuning), training_page(training), progress_fragment(progress_of(tuning))):
        page = Page(html)
        loads_nothing(page)
        assert HOSTILE in page.text()
        assert set(page.tags) <= OURS


def test_only_http_links_are_links(searched):
    page = Page(tuning_page(searched))
    assert [value for name, value in page.attributes if name == "href"] == ["https://console.example/#/job"]


def test_training_page_tells_metrics_phases_saving_and_places():
    page = Page(training_page(training_record(training_description())))
    words = page.text()
    for told in ("0.9942validation:auc", "62% saved by spot", "5 min 12 s", "s3://data/churn/train", "model.tar.gz"):
        assert told in words
    loads_nothing(page)


def test_a_failed_training_job_tells_why_with_its_log():
    failed = training_description(TrainingJobStatus="Failed", SecondaryStatus="Failed", FailureReason="exit code 1")
    words = Page(training_page(training_record(failed, log_tail=["Traceback", "ValueError: x"]))).text()
    assert "exit code 1" in words
    assert "Traceback\nValueError: x" in words


def test_the_bar_of_a_running_job_is_as_long_as_its_finished_trials():
    html = progress_fragment(progress_of(tuning_description()))
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%\"", html)]
    assert sum(widths) == pytest.approx(100 * 21 / 24, abs=0.2)


def ended(**changes):
    return tuning_description(HyperParameterTuningJobStatus="Completed", HyperParameterTuningEndTime=START, **changes)


def test_a_finished_job_has_no_trial_that_is_still_to_have_an_objective():
    html = tuning_page(tuning_record(ended(), [summary(1, "Stopped"), summary(2, value=0.5)]))
    assert "no objective yet" not in html
    assert "ended without an objective" in html
    running = tuning_page(tuning_record(tuning_description(), [summary(1, "InProgress"), summary(2, value=0.5)]))
    assert "no objective yet" in running


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["Stopped"] * 3, "3 of 24trials ended: 3 stopped early"),
        (["Completed", "Failed", "InProgress"], "2 of 24trials ended: 1 completed, 1 failed; 1 running"),
        (["Completed", "Completed"], "2 of 24trials ended"),
    ],
)
def test_trials_that_were_stopped_have_ended(statuses, words):
    trials = [summary(n, status, 0.5 if status != "Failed" else None) for n, status in enumerate(statuses, 1)]
    assert words in Page(tuning_page(tuning_record(tuning_description(), trials))).text()


def test_the_trial_whose_outputs_are_those_of_the_task_is_the_one_that_the_report_names():
    record = tuning_record(ended(), [summary(1, value=0.7), summary(2, "Stopped", 0.9)])
    html = tuning_page(record.with_outputs_of(record.trials[0], "Trial 2 left no model."))
    words = Page(html).text()
    assert "0.7validation:auc of trial 1, the best with outputs" in words
    assert "Hyperparameters of trial 1" in words
    assert "★\u00a01" in words
    assert "highest" not in words
    assert "Trial 2 left no model." in words


def test_a_trial_that_was_interrupted_looks_like_it():
    record = tuning_record(ended(), [summary(n, value=0.5) for n in (1, 2, 3)])
    one, two, three = (trial.training_job_name for trial in record.trials)
    html = tuning_page(record.with_interruptions({one: 0, two: 1, three: 2}))
    cells = re.findall(r"<td class=\"done\">([^<]*)</td>", html)
    assert cells == ["Completed", "Completed, interrupted", "Completed, interrupted 2 times"]
