"""Install the browser that the console's tests need, where there is none: see `tests/console`."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Take Debian's Chromium where this is Debian and we are root; Playwright's own elsewhere."""
    if shutil.which("chromium") or _downloaded():
        return
    debian = Path("/etc/debian_version").is_file() and shutil.which("apt-get")
    if debian and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
            check=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _downloaded() -> bool:
    caches = {
        "Darwin": Path.home() / "Library" / "Caches" / "ms-playwright",
        "Windows": Path.home() / "AppData" / "Local" / "ms-playwright",
    }
    cache = caches.get(platform.system(), Path.home() / ".cache" / "ms-playwright")
    return any(cache.glob("chromium-*"))


if __name__ == "__main__":
    main()
