"""`make mutants`: small changes to the deciding code, one at a time, each of which some unit test should notice.

Prints those that no test noticed. A sample by chance, drawn from a seed; ends after five minutes at most.

Own code, because no library does this (mutmut 3.8 was tried, the code of cosmic-ray 8.7 was read): neither draws
a sample nor changes `all` to `any`; mutmut needs copies in place of the links of `src/perkd`, and a minute before its
first change; cosmic-ray writes the changes into the checkout and starts pytest anew for each. Here a change exists only
in the memory of the process that runs the tests of that module.
"""

import argparse
import ast
import importlib.util
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import ModuleType

import aiohttp  # noqa: F401 - loaded once, here, for all processes
import pydantic  # noqa: F401
import pytest
import syrupy  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "perkd"
WORKERS = 2
WHOLE_S = 285.0  # for all of them
EACH_S = 60.0  # a change that makes a test hang was noticed

# Which files are changed, and which tests are asked when those named after the file noticed nothing.
CHANGED = {
    "daemon/core/mistakes.py": ["tests/unit/config"],
    "daemon/core/roster.py": ["tests/unit/runtime"],
    "daemon/core/store_ids.py": ["tests/unit/paynow/test_wire.py", "tests/unit/enrolment/test_feed_window.py"],
    "daemon/core/*.py": ["tests/unit/core"],
    "adapters/*/judge.py": ["tests/unit/adapters"],
    "adapters/wire/codec.py": ["tests/unit/adapters"],
    "daemon/paynow/transport/rate.py": ["tests/unit/paynow/test_rate.py"],
}

_PAIRS: list[tuple[type[ast.AST], type[ast.AST]]] = [
    (ast.Eq, ast.NotEq),
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.FloorDiv),
]
OTHER = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
CALLED = {"any": "all", "all": "any", "min": "max", "max": "min"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """The `number`-th change of a file, None for no change; and the tests that should notice it: first `near`, then
    `far`."""

    file: Path
    number: int | None
    near: list[str]
    far: list[str]


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, Callable[[], object]]]:
    """Each change that can be made to the tree: the node it is seen at, and what makes it."""
    told = {id(part) for node in ast.walk(tree) for kept in _kept(node) for part in ast.walk(kept)}
    for node in ast.walk(tree):
        if id(node) not in told:
            yield from ((node, change) for change in _of(node))
            for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
                yield from _removed(block) if isinstance(block, list) else ()


def _removed(block: list[ast.stmt]) -> Iterator[tuple[ast.AST, Callable[[], object]]]:
    """The statements that can be left out of a block, without the texts."""
    for place, line in enumerate(block):
        told = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        if isinstance(line, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue) and not told:
            yield line, partial(block.__setitem__, place, ast.Pass())


def _of(node: ast.AST) -> Iterator[Callable[[], object]]:
    """The changes inside one node."""
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                yield partial(ops.__setitem__, place, OTHER[type(op)]())
        case ast.BoolOp() | ast.BinOp() | ast.AugAssign() if type(node.op) in OTHER:
            yield partial(setattr, node, "op", OTHER[type(node.op)]())
        case ast.Call(func=ast.Name(id=name) as called) if name in CALLED:
            yield partial(setattr, called, "id", CALLED[name])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield partial(setattr, node, "operand", ast.UnaryOp(ast.Not(), operand))
        case ast.Constant(value=bool() as value):
            yield partial(setattr, node, "value", not value)
        case ast.Constant(value=int() | float() as number):
            yield partial(setattr, node, "value", number + 1)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield partial(setattr, node, "value", ast.Constant(None))
        case ast.If() | ast.IfExp() if not isinstance(node.test, ast.UnaryOp):
            yield partial(setattr, node, "test", ast.UnaryOp(ast.Not(), node.test))


def _kept(node: ast.AST) -> Iterator[ast.AST]:
    """What is not changed below a node: texts, types, decorators, and named constants, which tests name too."""
    match node:
        case ast.Module(body=body):
            yield from (one for one in body if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant))
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield from node.decorator_list
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
                yield node.returns
        case ast.arg(annotation=ast.expr() as kept) | ast.AnnAssign(annotation=kept):
            yield kept
        case ast.Expr(value=ast.Constant()) | ast.Expr(value=ast.Yield()) | ast.JoinedStr():
            yield node


def mutants() -> Iterator[Mutant]:
    seen = set[Path]()
    for pattern, far in CHANGED.items():
        for file in sorted(PACKAGE.glob(pattern)):
            if file not in seen:
                seen.add(file)
                name = f"{file.parent.name}_{file.stem}" if file.stem == "judge" else file.stem
                near = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/unit").rglob(f"test_{name}*.py"))
                count = len(list(changes(ast.parse(file.read_text("utf-8")))))
                yield from (Mutant(file, number, near, far) for number in range(count))


def made(mutant: Mutant) -> tuple[ast.Module, str]:
    """The changed file, and the change as `file:line: before -> after`."""
    tree = ast.parse(mutant.file.read_text("utf-8"))
    if mutant.number is None:
        return tree, ""
    node, change = list(changes(tree))[mutant.number]
    before = ast.unparse(node)
    change()
    after = ast.unparse(node)
    where = f"{mutant.file.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
    ast.fix_missing_locations(tree)
    return tree, f"{where}: {_short(before)} -> {_short(after) if after != before else 'pass'}"


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 160 else f"{line[:157]}..."


class Changed:
    """Finds and loads the one changed module; an entry of `sys.meta_path`."""

    def __init__(self, file: Path, tree: ast.Module) -> None:
        self.name = ".".join(("perkd", *file.relative_to(PACKAGE).with_suffix("").parts))
        self.file, self.code = file, compile(tree, str(file), "exec")

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, vars(module))  # noqa: S102 - the file of the checkout, with one change


def tried(mutant: Mutant, tests: list[str]) -> None:
    """The life of a process: runs the tests with that change; exits with pytest's code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.meta_path.insert(0, Changed(mutant.file, made(mutant)[0]))
    os._exit(pytest.main(["-qx", "-p", "no:cacheprovider", "--assert=plain", "--tb=no", *tests]))


def survivors(chosen: list[Mutant], until: float) -> Iterator[tuple[Mutant, bool]]:
    """Tries the changes until that monotonic time: each with whether no test noticed it."""
    context = multiprocessing.get_context("fork")
    running: dict[ForkProcess, tuple[Mutant, list[str], float]] = {}
    todo = [(mutant, mutant.near or mutant.far) for mutant in reversed(chosen)]
    while (todo or running) and time.monotonic() < until:
        while todo and len(running) < WORKERS:
            mutant, tests = todo.pop()
            process = context.Process(target=tried, args=(mutant, tests))
            process.start()
            running[process] = mutant, tests, time.monotonic() + EACH_S
        wait([process.sentinel for process in running], timeout=1.0)
        for process, (mutant, tests, end) in list(running.items()):
            if process.is_alive() and time.monotonic() < end:
                continue
            process.kill()
            process.join()
            del running[process]
            if process.exitcode != 0 or tests is mutant.far:
                yield mutant, process.exitcode == 0
            else:
                todo.append((mutant, mutant.far))
    for process in running:
        process.kill()
        process.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Changes that no unit test notices.")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draw another sample")
    parser.add_argument("--sample", type=int, default=150, metavar="N", help="how many changes")
    given = parser.parse_args()
    os.chdir(ROOT)
    until = time.monotonic() + WHOLE_S
    every = list(mutants())
    chosen = random.Random(given.seed).sample(every, min(given.sample, len(every)))  # noqa: S311 - not for secrets
    print(f"{len(chosen)} of {len(every)} changes, seed {given.seed}", flush=True)
    unchanged = [Mutant(every[0].file, None, [], list(far)) for far in {tuple(far) for far in CHANGED.values()}]
    if not all(survives for _, survives in survivors(unchanged, until)):
        print("the tests fail, or take too long, without any change")
        return 1
    count = lived = 0
    for mutant, survives in survivors(chosen, until):
        count += 1
        lived += survives
        if survives:
            print(made(mutant)[1], flush=True)
    print(f"{lived} of {count} changes noticed by no test" + ("" if count == len(chosen) else "; the time was over"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
