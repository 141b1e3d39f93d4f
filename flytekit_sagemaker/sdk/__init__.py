"""Class style: workflows and functions declared with decorators, as flytekit 0.x had them."""
