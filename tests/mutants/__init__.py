"""Mutants: copies of the code with one mistake each, which the test named after its unit must notice."""
