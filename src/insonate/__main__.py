"""``python -m insonate`` is the same as ``insonate``."""

from insonate.cli.main import run

if __name__ == "__main__":
    run()
