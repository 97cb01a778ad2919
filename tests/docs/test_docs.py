"""The documentation says what is there: links, commands, decisions, areas, disclaimer."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from insonate.cli.main import app
from insonate.core.provenance import DISCLAIMER
from insonate.verification.areas import AREAS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for p in DOCS.rglob("*.md") if p.relative_to(DOCS).parts[0] != "_build")]
)  # fmt: skip
FREE = {"http://", "https://", "mailto:", "#"}
HEADINGS = ("**Decided.**", "**Why.**")
WEIGHED = ("**Considered.**", "**Cost.**", "**Consequences.**", "## Measured")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def plain(text: str) -> str:
    """Return a text without quote marks and line breaks."""
    return " ".join(text.replace(">", " ").split())


def links(text: str) -> list[str]:
    """Return the local targets of all links and pictures outside code blocks."""
    outside = re.sub(r"^```(?!\{image\}).*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", outside) + re.findall(r"\{image\} (\S+)", outside)
    return [link for link in found if not link.startswith(tuple(FREE))]


def broken(page: Path, text: str) -> list[str]:
    targets = [link.partition("#")[0] for link in links(text)]
    return [t for t in targets if not (page.parent / t).exists()]


def command_lines(text: str) -> list[tuple[str, str]]:
    """Return (command, the rest) of each command that is shown in a block or between backticks."""
    joined = text.replace("\\\n", " ")
    blocks = re.findall(r"^```console$(.*?)^```$", joined, flags=re.MULTILINE | re.DOTALL)
    shown = "".join(blocks)
    lines = re.findall(r"^(?:\$ )?insonate ([a-z]+)(.*)$", shown, flags=re.MULTILINE)
    return lines + re.findall(r"(?<!`)`insonate ([a-z]+)([^`\n]*)", joined)


def commands(text: str) -> set[str]:
    """Return the commands that are shown."""
    return {name for name, _ in command_lines(text)}


def options(text: str) -> set[tuple[str, str]]:
    """Return (command, option) of every command line that is shown."""
    lines = command_lines(text)
    return {
        (name, option) for name, rest in lines for option in re.findall(r"--[a-z][a-z-]*", rest)
    }


def known_options() -> dict[str, set[str]]:
    """Return the options of each command, as the command line itself knows them."""
    group = get_command(app)
    subcommands = group.commands  # type: ignore[attr-defined]
    return {name: {"--help", *options_of(command)} for name, command in subcommands.items()}


def options_of(command) -> set[str]:
    """Return the options of a command and of all commands below it."""
    below = getattr(command, "commands", {}).values()
    return {opt for p in command.params for opt in p.opts}.union(*map(options_of, below))


KNOWN = known_options()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_seen() -> None:
    text = "[there](limits.md) [gone](nowhere.md#part) ![lost](pictures/lost.png)\n"
    assert broken(DOCS / "index.md", text) == ["nowhere.md", "pictures/lost.png"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w./-])/(?:work|home|tmp|root|Users)/", text) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert commands(text) <= set(KNOWN)
    assert {(c, o) for c, o in options(text) if o not in KNOWN[c]} == set()


def test_an_unknown_command_is_seen() -> None:
    text = "`insonate heal --fast`\n```console\n$ insonate plan --phantom \\\n   --luck\n```\n"
    assert commands(text) - set(KNOWN) == {"heal"}
    assert ("plan", "--luck") in options(text)


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/tutorial.md", "docs/verification.md"])  # fmt: skip
def test_the_disclaimer_is_said(name: str) -> None:
    text = plain((ROOT / name).read_text(encoding="utf-8"))
    for sentence in re.split(r"(?<=\.) ", DISCLAIMER):
        assert sentence in text


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_says_what_why_and_at_what_cost(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert all(heading in text for heading in HEADINGS)
    assert any(heading in text for heading in WEIGHED)


def test_decisions_are_numbered_once() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)


def test_the_verification_page_has_every_area() -> None:
    """Otherwise run ``python scripts/make_verification_page.py``."""
    text = (DOCS / "verification.md").read_text(encoding="utf-8")
    areas = set(re.findall(r"^## (\w+)$", text, flags=re.MULTILINE))
    assert set(AREAS) <= areas
    assert "MISSED" not in text


def test_the_index_holds_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    tree = index.partition("{toctree}")[2]
    pages = {p.stem for p in DOCS.glob("*.md")} - {"index"}
    orphans = {p.stem for p in DOCS.glob("*.md") if "orphan: true" in p.read_text("utf-8")[:40]}
    assert pages - orphans <= set(tree.split())


def test_pictures_are_small() -> None:
    sizes = {p.name: p.stat().st_size for p in (DOCS / "pictures").glob("*.png")}
    assert sizes
    assert max(sizes.values()) <= 300_000
