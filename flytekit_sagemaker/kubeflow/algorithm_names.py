"""What people call SageMaker's built-in algorithms.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html
"""

from __future__ import annotations

import difflib
import re

from flytekit_sagemaker.types import AlgorithmName

# Title, and further names beside that of the enum.
TITLES: dict[AlgorithmName, tuple[str, ...]] = {
    AlgorithmName.BLAZINGTEXT: ("BlazingText",),
    AlgorithmName.FORECASTING_DEEPAR: ("DeepAR Forecasting", "DeepAR"),
    AlgorithmName.FACTORIZATION_MACHINES: ("Factorization Machines",),
    AlgorithmName.IMAGE_CLASSIFICATION: ("Image Classification",),
    AlgorithmName.IPINSIGHTS: ("IP Insights",),
    AlgorithmName.KMEANS: ("K-Means",),
    AlgorithmName.KNN: ("K-Nearest Neighbors", "K-NN"),
    AlgorithmName.LDA: ("LDA", "Latent Dirichlet Allocation"),
    AlgorithmName.LINEAR_LEARNER: ("Linear Learner",),
    AlgorithmName.NTM: ("Neural Topic Model",),
    AlgorithmName.OBJECT_DETECTION: ("Object Detection",),
    AlgorithmName.OBJECT2VEC: ("Object2Vec",),
    AlgorithmName.PCA: ("Principal Component Analysis",),
    AlgorithmName.RANDOMCUTFOREST: ("Random Cut Forest",),
    AlgorithmName.SEMANTIC_SEGMENTATION: ("Semantic Segmentation",),
    AlgorithmName.SEQ2SEQ: ("Seq2Seq", "Sequence-to-Sequence", "Seq2Seq Modeling"),
    AlgorithmName.XGBOOST: ("XGBoost",),
}
_CLOSE = 0.8


def built_in(given: str) -> AlgorithmName | None:
    """The built-in algorithm of a title or of SageMaker's name, in any case; None for any other name."""
    return _KNOWN.get(_letters(given))


def hint(given: str) -> str:
    """A sentence about the built-in algorithm whose name is close to one that is of none, or an empty text."""
    close = difflib.get_close_matches(_letters(given), _KNOWN, n=1, cutoff=_CLOSE)
    if not close or given.startswith("arn:"):
        return ""
    title = TITLES[_KNOWN[close[0]]][0]
    return f"algorithm_name {given!r} is taken for an algorithm resource; the built-in algorithm is called {title!r}."


def _letters(name: str) -> str:
    """The letters of a name; of a title such as ``Random Cut Forest (RCF) Algorithm`` those that say which."""
    return re.sub(r"\([^()]*\)|\salgorithm$|[^a-z0-9]", "", name.strip().lower())


_KNOWN = {_letters(word): name for name, words in TITLES.items() for word in (name.name, *words)}
