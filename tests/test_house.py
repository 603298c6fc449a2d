"""The limits that the code keeps to, so that it stays as easy to read as it was made."""

import ast
from collections.abc import Iterator
from pathlib import Path

import hypernas

PACKAGE = Path(hypernas.__file__).parent


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.relative_to(PACKAGE)}: {node.name}", node


def documented(node: ast.FunctionDef) -> bool:
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)


def size(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    return lines - (first.end_lineno - first.lineno + 1 if documented(node) else 0)


def lines_of(room: str) -> int:
    files = [path for path in (PACKAGE / room).rglob("*") if path.is_file()]
    return sum(len(path.read_text().splitlines()) for path in files if path.suffix != ".pyc")


def test_functions_have_at_most_sixty_lines():
    assert [name for name, node in functions() if size(node) > 60] == []


def test_hardly_a_method_is_a_docstring_and_nothing_else():
    empty = [
        name
        for name, node in functions()
        if documented(node)
        and len(node.body) == 1
        and not any("abstract" in ast.unparse(mark) for mark in node.decorator_list)
    ]
    assert len(empty) <= 3, empty


def test_a_generator_has_three_methods_to_write():
    source = (PACKAGE / "generators" / "generator.py").read_text()
    assert source.count("@abstractmethod") == 3


def test_no_two_files_of_tests_have_one_name():
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(names) == len(set(names))  # else pytest leaves one of them out


def test_the_command_line_is_thin():
    assert lines_of("cli") <= 1320


def test_docstrings_begin_with_a_noun_or_a_verb():
    words = {"What", "Whether", "How", "Which", "Where", "Why", "When"}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and text.split()[0] in words:
                    wrong.append(f"{path.relative_to(PACKAGE)}: {text.splitlines()[0]}")
    assert wrong == []
