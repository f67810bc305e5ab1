"""Run the command line with `python -m darkpool_watch.cli`."""

from darkpool_watch.cli import main

main()
