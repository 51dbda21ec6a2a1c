"""The review page: routes, templates and static files over the same functions that the command line calls."""
