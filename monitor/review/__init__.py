"""People's verdicts: what waits to be read, what was decided, and the labels that follow."""
