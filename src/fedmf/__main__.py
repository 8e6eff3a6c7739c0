"""``python -m fedmf``: the command line."""

from fedmf.cli.start import main

# Worker processes also import this module.
if __name__ == "__main__":
    main()
