"""``python -m monitor`` is ``sheriffwatch``."""

from monitor.cli import main

main()
