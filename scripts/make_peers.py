"""Install the codes that the wave engine and the bioheat are compared with, each into an environment of its own.

python scripts/make_peers.py

They pin versions of NumPy that insonate does not; so each gets a virtual environment under
build/peers/. What cannot be installed here leaves a note beside it, and its row in the table of
``python -m benchmarks.peers`` says so.
"""

import subprocess
import sys
import venv
from pathlib import Path

PLACE = Path(__file__).parents[1] / "build" / "peers"
PEERS = {
    "k-wave": "k-wave-python==0.6.2",
    "babelviscofdtd": "BabelViscoFDTD==1.2.7 pocl-binary-distribution==3.0",
}
"""Directory and requirements; PyPI, pure wheels or compiled for this platform. Its bioheat runs by
OpenCL, for which pocl is an implementation on the CPU."""


def install(name: str, requirement: str) -> str:
    """Return how it went, in one line."""
    place, note = PLACE / name, PLACE / f"{name}.failed"
    note.unlink(missing_ok=True)
    venv.create(place, with_pip=True, clear=True)
    pip = [
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        *requirement.split(),
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return f"{requirement}: installed"
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = (lines or done.stderr.splitlines() or ["pip failed without a word"])[0]
    note.write_text(reason + "\n", encoding="utf-8")
    return f"{requirement}: {reason}"


def main() -> None:
    """Install all peers."""
    PLACE.mkdir(parents=True, exist_ok=True)
    results = [install(*peer) for peer in PEERS.items()]
    print("\n".join(results))
    sys.exit(sum("installed" not in result for result in results))


if __name__ == "__main__":
    main()
