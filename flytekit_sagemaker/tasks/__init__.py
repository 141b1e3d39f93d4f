"""The tasks that users put into workflows."""
