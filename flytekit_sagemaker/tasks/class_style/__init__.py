"""Functions of class style: parameters that decorators declare, readers that go in, references that are set."""
