"""Run tests with a mutant planted, each in a forked process of its own: for ``scripts/mutate.py``.

A change within a function is put into the living function, and only the tests that run through it
are run again, quickest first, in a session of pytest that has collected once. A changed table or
constant is put in the place of the living one, with all tests of its part; where none of them
finds it, and for a changed class, everything is loaded anew. POSIX only.
"""

import ast
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import coverage
import pytest
from mutants import Mutant

SOURCE = Path(__file__).resolve().parents[1] / "src"
TESTS = f"{SOURCE.parent / 'tests'}{os.sep}"
PATIENCE_S = 30
"""A mutant that computes longer than this, or waits ten times as long, was found: it hangs."""
FRESH = (
    "insonate.control", "insonate.record", "insonate.verification", "insonate.session",
    "insonate.testing",
)  # fmt: skip
"""What holds something of a changed module; the rest is loaded once."""

Tell = Callable[[Mutant, str, str], None]
"""Told of each mutant: what became of it ("killed", "hung", "survived"), and by which test."""


def path_of(module: str) -> Path:
    """Return where a module lies."""
    return SOURCE / f"{module.replace('.', '/')}.py"


def forked(task: Callable[[int], int]) -> tuple[int, str]:
    """Run a task in a process of its own; return its code, −1 where it hung, and what it wrote.

    Parameters
    ----------
    task
        Is given the handle to write to; nothing else of it is heard.
    """
    ear, mouth = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(ear)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        signal.setitimer(signal.ITIMER_REAL, 10 * PATIENCE_S)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = 1
        try:
            code = int(task(mouth))
        except BaseException as error:  # noqa: BLE001 - told to the process that asked
            os.write(mouth, repr(error)[:500].encode())
        finally:
            os._exit(code)
    os.close(mouth)
    with os.fdopen(ear) as told:
        text = told.read()
    status = os.waitpid(process, 0)[1]
    return (-1 if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)), text


FATES = {0: "survived", -1: "hung"}


# --- loaded anew -------------------------------------------------------------------------------


class Finder:
    """Loads one module from a changed source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> Any:  # noqa: ARG002
        """Return how to load the changed module; None for any other."""
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(path_of(name)))  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        """Leave it to the usual way."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.mutant.source, module.__name__, "exec"), module.__dict__)  # noqa: S102


def loaded_anew(mutant: Mutant | None, options: Sequence[str]) -> tuple[int, str]:
    """Return how all tests end with a mutant loaded, or None of them, and the first that failed."""

    def task(mouth: int) -> int:
        for name, module in list(sys.modules.items()):
            if name.startswith(FRESH) or TESTS in str(getattr(module, "__file__", "")):
                del sys.modules[name]
        if mutant is not None:
            sys.meta_path.insert(0, Finder(mutant))  # type: ignore[arg-type]
        reports = Reports(mouth)
        return int(pytest.main(["-x", *options], plugins=[reports]))

    return forked(task)


# --- planted in a living module ----------------------------------------------------------------


def plant(mutant: Mutant) -> bool:
    """Put the change into the living module; False where only loading anew would do."""
    module = sys.modules[mutant.module]
    fresh = ModuleType(mutant.module)
    fresh.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    sys.modules[mutant.module] = fresh  # dataclasses look their module up
    try:
        exec(compile(mutant.source, str(module.__file__), "exec"), fresh.__dict__)  # noqa: S102
    finally:
        sys.modules[mutant.module] = module
    if not mutant.function:
        return _put_in_place(module, fresh) > 0
    old, new = _function(module, mutant.function), _function(fresh, mutant.function)
    if old is None or new is None or old.__code__.co_freevars != new.__code__.co_freevars:
        return False
    old.__code__, old.__defaults__ = new.__code__, new.__defaults__
    old.__kwdefaults__ = new.__kwdefaults__
    return True


def _put_in_place(module: ModuleType, fresh: ModuleType) -> int:
    """Put changed tables and constants in the place of the living ones; return how many."""
    count = 0
    for name, new in vars(fresh).items():
        old = vars(module).get(name)
        if name.startswith("__") or isinstance(new, type | FunctionType | ModuleType):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            count += repr(old) != repr(new)
            old.clear()
            old.update(new)
        elif repr(old) != repr(new):
            count += 1
            for other in [m for m in sys.modules.values() if vars(m).get(name) is old]:
                setattr(other, name, new)
    return count


def _function(module: ModuleType, name: str) -> FunctionType | None:
    """Return a function or method by its qualified name."""
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part)
    for inner in ("fget", "__func__", "__wrapped__"):
        found = getattr(found, inner, found)
    return found if isinstance(found, FunctionType) else None


@dataclass(eq=False)
class Reports:
    """Hears whether a test failed, and tells which, once."""

    mouth: int
    failed: bool = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Hear one report."""
        if report.failed and not self.failed:
            self.failed = True
            os.write(self.mouth, report.nodeid.encode())


@dataclass
class Trial:
    """A plugin of pytest: the tests that it collects are run for each mutant, not for themselves.

    Parameters
    ----------
    todo
        Mutants.
    modules
        All modules whose functions are watched.
    tell
        Told of each.
    memory
        Keeps which tests run through which function.
    left
        Gets those that have to be loaded anew.
    """

    todo: Sequence[Mutant]
    modules: Sequence[str]
    tell: Tell
    memory: Path
    left: list[Mutant] = field(default_factory=list)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Show every mutant to the tests that run through it."""
        session.config._tmp_path_factory.getbasetemp()  # noqa: SLF001 - one for all processes
        items = {item.nodeid: item for item in session.items}
        passing: dict[tuple[str, str], list[str]] = {}
        watched_then = self._watched(items)
        for module, function, test in watched_then:
            passing.setdefault((module, function), []).append(test)
        # What was not there when they were watched may run through anything.
        new = set(items) - {test for _, _, test in watched_then}
        for mutant in self.todo:
            through = passing.get((mutant.module, mutant.function), [])
            chosen = [name for name in through if name in items] if mutant.function else []
            names = dict.fromkeys([*sorted(new), *chosen] if chosen else items)
            self._show(mutant, [items[name] for name in names])
        return True

    def _watched(self, items: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Return which tests run through which function, quickest first."""
        if not self.memory.exists():
            code, text = forked(lambda mouth: watched(items, self.modules, mouth))
            if code != 0:
                raise SystemExit(f"The tests do not pass without any mutant: {text or code}")
            self.memory.write_text(text, "utf-8")
        return [tuple(row) for row in json.loads(self.memory.read_text("utf-8"))]

    def _show(self, mutant: Mutant, items: Sequence[Any]) -> None:
        def task(mouth: int) -> int:
            return run(items, mouth) if plant(mutant) else 2

        code, text = forked(task) if items else (0, "")
        if code == 2 or (code == 0 and not mutant.function):
            self.left.append(mutant)
        else:
            self.tell(mutant, FATES.get(code, "killed"), text)


def run(items: Sequence[Any], mouth: int) -> int:
    """Run tests up to the first that fails, and tell it; return 1 where one does."""
    reports, plugins = Reports(mouth), items[0].config.pluginmanager
    plugins.register(reports)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if reports.failed:
            break
    plugins.unregister(reports)
    return int(reports.failed)


def watched(items: dict[str, Any], modules: Sequence[str], mouth: int) -> int:
    """Run all tests; tell (module, function, test) for each that they run through, quickest first.

    A test that runs through none is told with no module.
    """
    files = {str(path_of(name)): name for name in modules}
    watch = coverage.Coverage(data_file=None, config_file=False, include=list(files))
    took: dict[str, float] = {}
    signal.setitimer(signal.ITIMER_PROF, 10 * PATIENCE_S)
    watch.start()
    for name, item in items.items():
        watch.switch_context(name)
        began = time.perf_counter()
        if run([item], mouth) != 0:
            return 1
        took[name] = time.perf_counter() - began
    watch.stop()
    found = {
        (module, function, test)
        for file, module in files.items()
        for function, test in _passed(Path(file), watch.get_data())
        if test in took
    }
    idle = {("", "", test) for test in set(took) - {row[2] for row in found}}
    told = sorted(found | idle, key=lambda row: took[row[2]])
    os.write(mouth, json.dumps(told).encode())
    return 0


def _passed(path: Path, data: coverage.CoverageData) -> Iterator[tuple[str, str]]:
    """Yield (function, test) for each line of a function's body that a test runs through."""
    tests = data.contexts_by_lineno(str(path))
    for name, lines in bodies(ast.parse(path.read_text("utf-8"))):
        for line in lines:
            yield from ((name, test) for test in tests.get(line, ()))


def bodies(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, range]]:
    """Yield the qualified name of each function or method, and the lines of its body."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from bodies(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            last = child.end_lineno or child.lineno
            yield f"{prefix}{child.name}", range(child.body[0].lineno, last + 1)
