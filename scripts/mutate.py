"""Plant one mistake at a time in the guards, the table and the chain, and see whether a test finds it.

``python scripts/mutate.py [guards|table|chain] [--report docs/safety/mutation.md]``. Each mutant is one small
change of the source: a comparison turned or moved by its edge, a condition made constant, "and" for
"or", a number or a sign changed, a reason forgotten or invented, an entry of a table dropped. A
mutant lives in a forked process of its own, in memory; the files are never touched. A mutant that
no test finds is a survivor; exit code 1. POSIX only.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest  # loaded once, with insonate, before processes fork

import insonate.record.export
import insonate.session
import insonate.verification.control
import insonate.verification.record  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
PATIENCE_S = 120
LEFT_OUT = (
    "not killed and not planted and not survives and not every_bit and not change_of_one_bit"
)
"""Tests that take seconds and say nothing that quicker ones do not."""
GUARD_TESTS = (
    "tests/control/test_control_guards.py",
    "tests/control/test_control_corners.py",
    "tests/docs/test_safety_pages.py",
)
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "guards": (
        (
            "insonate.control.predicates.order",
            "insonate.control.predicates.people",
            "insonate.control.predicates.plant",
            "insonate.control.predicates.sight",
            "insonate.control.predicates.tissue",
            "insonate.control.guards",
        ),
        GUARD_TESTS,
    ),
    "table": (
        ("insonate.control.table",),
        (*GUARD_TESTS, "tests/control/test_control_table.py"),
    ),
    "chain": (
        ("insonate.record.lines", "insonate.record.migrations", "insonate.record.reading"),
        ("tests/record/test_record_chain.py", "tests/record/test_record_export.py"),
    ),
}
"""For each part the modules that are changed, and the tests that must find it."""

FRESH = ("insonate.control", "insonate.record", "insonate.verification")
"""What holds something of a changed module; the rest is loaded once."""

TURNED = {
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}


@dataclass(frozen=True)
class Mutant:
    """One changed module: which, where, what was changed, and its source."""

    module: str
    line: int
    change: str
    source: str


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    path = SOURCE / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text("utf-8"))
    count = sum(1 for _ in ast.walk(tree))
    for number in range(count):
        found = 0
        while True:
            changed = copy.deepcopy(tree)
            node = list(ast.walk(changed))[number]
            word = _change(node, found)
            if word is None:
                break
            found += 1
            if not word:
                continue
            source = ast.unparse(ast.fix_missing_locations(changed))
            yield Mutant(module, getattr(node, "lineno", 0), word, source)


def _change(node: ast.AST, number: int) -> str | None:
    """Change a node in its ``number``-th way in place; return what was done, None for no more."""
    for turned in (_operator, _condition, _constant, _returned, _entry):
        words = turned(node)
        if number < len(words):
            word, do = words[number]
            do()
            return word
        number -= len(words)
    return None


def _operator(node: ast.AST):
    if isinstance(node, ast.Compare):
        return [
            (f"{type(op).__name__} → {new.__name__}", lambda i=i, new=new: node.ops.__setitem__(i, new()))
            for i, op in enumerate(node.ops)
            for new in TURNED.get(type(op), ())
        ]  # fmt: skip
    if isinstance(node, ast.BinOp | ast.BoolOp):
        return [
            (f"{type(node.op).__name__} → {new.__name__}", lambda new=new: setattr(node, "op", new()))
            for new in TURNED.get(type(node.op), ())
        ]  # fmt: skip
    return []


def _condition(node: ast.AST):
    if isinstance(node, ast.If | ast.IfExp):
        return [
            (f"condition → {value}", lambda v=value: setattr(node, "test", ast.Constant(v)))
            for value in (True, False)
        ]
    return []


def _constant(node: ast.AST):
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return [(f"{node.value} + 1", lambda: setattr(node, "value", node.value + 1))]
    return []


def _returned(node: ast.AST):
    if not isinstance(node, ast.Return) or node.value is None:
        return []
    if isinstance(node.value, ast.Constant) and node.value.value == "":
        return [("yes → no", lambda: setattr(node, "value", ast.Constant("planted.")))]
    if isinstance(node.value, ast.JoinedStr):
        return [("no → yes", lambda: setattr(node, "value", ast.Constant("")))]
    return []


def _entry(node: ast.AST):
    if not isinstance(node, ast.Dict):
        return []
    return [
        (f"entry {i} dropped", lambda i=i: (node.keys.pop(i), node.values.pop(i)))
        for i in range(len(node.keys))
    ]


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name, path, target=None):  # noqa: D102, ARG002
        if name != self.mutant.module:
            return None
        file = str(SOURCE / f"{name.replace('.', '/')}.py")
        return importlib.util.spec_from_loader(name, self, origin=file)

    def exec_module(self, module) -> None:  # noqa: D102
        exec(compile(self.mutant.source, module.__name__, "exec"), module.__dict__)  # noqa: S102


def survives(mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    """Return whether all tests pass with a mutant planted, or None of them."""
    process = os.fork()
    if process == 0:
        signal.alarm(PATIENCE_S)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        for name in [n for n in sys.modules if n.startswith(FRESH)]:
            del sys.modules[name]  # is loaded anew, with the mutant in it
        if mutant is not None:
            sys.meta_path.insert(0, Planted(mutant))
        code = 1
        try:
            os.chdir(ROOT)
            options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly")
            code = int(pytest.main([*options, "-k", LEFT_OUT, *tests]))
        finally:
            os._exit(code)
    return os.waitpid(process, 0)[1] == 0


def run(part: str) -> tuple[int, list[Mutant], float]:
    """Return how many mutants of a part there were, which survived, and how long it took, s."""
    modules, tests = PARTS[part]
    began = time.monotonic()
    if not survives(None, tests):
        raise SystemExit(f"The tests of {part} fail without any mutant.")
    count, alive = 0, []
    for module in modules:
        for mutant in mutants(module):
            count += 1
            if survives(mutant, tests):
                alive.append(mutant)
                print(f"SURVIVED {mutant.module}:{mutant.line} {mutant.change}", flush=True)
    return count, alive, time.monotonic() - began


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS))
    parser.add_argument("--report", type=Path, help="write the report as a page")
    asked = parser.parse_args()
    rows, survivors = [], []
    for part in [asked.part] if asked.part else list(PARTS):
        count, alive, wall = run(part)
        print(f"{part}: {count} mutants, {len(alive)} survived, {wall:.0f} s")
        rows.append(
            f"| {part} | {', '.join(f'`{m}`' for m in PARTS[part][0])} | {count} | {len(alive)} |"
        )
        survivors += [f"- `{m.module}` line {m.line}: {m.change}" for m in alive]
    if asked.report:
        head = ["# Mutation testing", "", "Written by `scripts/mutate.py`.", ""]
        table = ["| part | modules | mutants | survivors |", "|---|---|---|---|", *rows, ""]
        asked.report.write_text("\n".join([*head, *table, *survivors, ""]), "utf-8")
    raise SystemExit(bool(survivors))


if __name__ == "__main__":
    main()
