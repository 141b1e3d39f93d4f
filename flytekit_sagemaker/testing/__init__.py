"""Help for the tests of this package and of programs that build on it; nothing in the package itself needs it."""
