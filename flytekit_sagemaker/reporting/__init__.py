"""What people see of a job: records computed once from SageMaker's answers, then rendered.

``records`` reads the answers; ``progress`` is the small form that travels while a job runs; ``deck`` renders HTML,
``terminal`` rich renderables, and ``live`` follows running jobs in a terminal, a log or a notebook.
"""
