"""The Kubeflow Pipelines component for hyperparameter tuning, on the same requests as the Flyte tasks."""
