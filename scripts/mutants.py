"""Small changes of a module's source, one at a time: what ``scripts/mutate.py`` plants.

A comparison turned or moved by its edge, "and" for "or", a condition made constant, "not" taken
away, a number or a sign changed, a truth value flipped, an answer forgotten or invented, an entry
of a table or an argument dropped, a statement left out.
"""

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Change = tuple[str, Callable[[], None]]
"""What is done, in words, and how to do it in place."""

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
    """One changed module.

    Parameters
    ----------
    module
        Its name.
    function
        Qualified name of the function or method that is changed; empty where none is.
    line, text
        Where, and what stands there.
    change
        What was changed.
    source
        The whole changed source.
    """

    module: str
    function: str
    line: int
    text: str
    change: str
    source: str

    @property
    def key(self) -> str:
        """What tells it apart from every other, also of another version of the module."""
        return hashlib.sha256(f"{self.module}\n{self.source}".encode()).hexdigest()[:16]


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source; two changes that come to the same are one."""
    tree = ast.parse(source)
    lines = source.splitlines()
    left_out = set(_left_out(tree))
    functions = dict(_functions(tree))
    seen = {ast.unparse(tree)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in left_out:
            continue
        for way in range(len(_changes(node))):
            changed = copy.deepcopy(tree)
            word, do = _changes(list(ast.walk(changed))[number])[way]
            do()
            text = ast.unparse(ast.fix_missing_locations(changed))
            line = getattr(node, "lineno", 0)
            if text not in seen:
                seen.add(text)
                function = functions.get(id(node), "")
                yield Mutant(module, function, line, lines[line - 1].strip(), word, text)


def _left_out(tree: ast.AST) -> Iterator[int]:
    """Yield what is no behaviour: annotations, names of types, exports, decorators, docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _names_types(node):
            yield from (id(inner) for inner in ast.walk(node))
        idle: list[ast.AST | None] = list(getattr(node, "decorator_list", []))
        if isinstance(node, ast.AnnAssign | ast.arg):
            idle.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            idle.append(node.returns)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            idle.append(node)
        for each in idle:
            if each is not None:
                yield from (id(inner) for inner in ast.walk(each))


def _names_types(node: ast.Assign) -> bool:
    """Return whether an assignment names a type, or says what a module exports."""
    exports = any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    whole = isinstance(node.value, ast.Subscript) and isinstance(node.value.value, ast.Name)
    kinds = {"dict", "frozenset", "list", "set", "tuple", "type"}
    return exports or (
        whole and (node.value.value.id in kinds or node.value.value.id.istitle())
    )


def _functions(node: ast.AST, prefix: str = "", inside: str = "") -> Iterator[tuple[int, str]]:
    """Yield (node, qualified name) of everything within a function or method."""
    for child in ast.iter_child_nodes(node):
        name, outer = prefix, inside
        if isinstance(child, ast.ClassDef) and not inside:
            name = f"{prefix}{child.name}."
        if isinstance(child, ast.FunctionDef) and not inside:
            outer = f"{prefix}{child.name}"
        body = outer and not (isinstance(child, ast.FunctionDef) and not inside)
        if body:
            yield id(child), outer
        yield from _functions(child, name, outer)


def _changes(node: ast.AST) -> list[Change]:
    """Return every change of a node."""
    ways = (_operator, _condition, _constant, _returned, _entry, _argument, _statement)
    return [change for way in ways for change in way(node)]


def _operator(node: ast.AST) -> list[Change]:
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
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return [(f"{type(node.op).__name__} taken away", lambda: setattr(node, "op", ast.UAdd()))] if (
            isinstance(node.op, ast.USub)
        ) else [("Not taken away", lambda: _become(node, ast.Call(_name("bool"), [node.operand], [])))]  # fmt: skip
    return []


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _become(node: ast.AST, other: ast.AST) -> None:
    """Make a node another one, in place."""
    node.__class__ = type(other)
    node.__dict__.update(other.__dict__)


def _condition(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.comprehension):
        if isinstance(node, ast.comprehension):
            return [("filter left out", node.ifs.clear)] if node.ifs else []
        values = (False,) if isinstance(node, ast.While) else (True, False)
        return [
            (f"condition → {value}", lambda v=value: setattr(node, "test", ast.Constant(v)))
            for value in values
        ]
    return []


def _constant(node: ast.AST) -> list[Change]:
    if not isinstance(node, ast.Constant):
        return []
    if type(node.value) in {int, float}:
        return [(f"{node.value} + 1", lambda: setattr(node, "value", node.value + 1))]
    if type(node.value) is bool:
        return [(f"{node.value} flipped", lambda: setattr(node, "value", not node.value))]
    return []


def _returned(node: ast.AST) -> list[Change]:
    if not isinstance(node, ast.Return) or node.value is None:
        return []
    if isinstance(node.value, ast.Constant) and node.value.value == "":
        return [("yes → no", lambda: setattr(node, "value", ast.Constant("planted.")))]
    if isinstance(node.value, ast.Constant) and node.value.value is None:
        return []
    return [("answer forgotten", lambda: setattr(node, "value", ast.Constant(None)))]


def _entry(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.Dict):
        return [
            (f"entry {i} dropped", lambda i=i: (node.keys.pop(i), node.values.pop(i)))
            for i in range(len(node.keys))
        ]
    if isinstance(node, ast.Tuple | ast.List | ast.Set) and not isinstance(
        getattr(node, "ctx", None), ast.Store
    ):
        return [
            (f"element {i} dropped", lambda i=i: node.elts.pop(i))
            for i in range(len(node.elts))
        ]
    return []


def _argument(node: ast.AST) -> list[Change]:
    if not isinstance(node, ast.Call):
        return []
    return [
        (f"argument {keyword.arg or '**'} dropped", lambda i=i: node.keywords.pop(i))
        for i, keyword in enumerate(node.keywords)
    ]


def _statement(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield):
        return [("statement left out", lambda: _become(node, ast.Pass()))]
    if isinstance(node, ast.AugAssign):
        return [("statement left out", lambda: _become(node, ast.Pass()))]
    return []
