"""The command line of insonate."""


def run() -> None:
    """Run the command line."""
