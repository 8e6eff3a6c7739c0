"""``python -m fedmf``: the command line."""

from fedmf.cli.app import main

# Worker processes import this module, too.
if __name__ == "__main__":
    main()
