# SPDX-License-Identifier: Apache-2.0
"""Reads C++ sources just well enough to measure them: comments and literals blanked out, functions found
by their braces. No compiler, no index: a file that does not compile yet is measured too."""
import dataclasses
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("base", "collectors", "runtime", "exporter", "agent")
CPP = {".cpp", ".h"}
SCRIPTS = {".py", ".sh", ".bash"}

_BLANKED = re.compile(
    r'R"([^()\\ ]{0,16})\(.*?\)\1"'      # raw string
    r'|"(?:[^"\\\n]|\\.)*"'              # string
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'"  # character; 1'000 is a number
    r"|//[^\n]*|/\*.*?\*/", re.S)
_CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


@dataclasses.dataclass
class Function:
    file: str
    line: int    # of the signature's first line, from 1
    lines: int   # signature to closing brace
    name: str


def files(*folders, suffixes=CPP):
    """Files below the folders of the repository, sorted, without the build trees."""
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*")
             if path.is_file() and "__pycache__" not in path.parts and _kind(path) in suffixes]
    return sorted(found)


def _kind(path):
    """The suffix; a script without one has that of the interpreter in its first line."""
    if path.suffix:
        return path.suffix
    with open(path, "rb") as file:
        first = file.readline(80)
    return ".bash" if re.match(rb"#!.*sh\b", first) else ".py" if first.startswith(b"#!") and b"python" in first else ""


def relative(path):
    return str(path.relative_to(REPOSITORY))


def code_only(text):
    """The text with comments and literals replaced by blanks; line numbers stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    text = _BLANKED.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def functions(path):
    """Every function that is defined in the file, methods included, lambdas as part of their function."""
    return list(_functions(relative(path), code_only(path.read_text())))


def _functions(file, code):
    stack = []   # kinds of the open braces: "container", "function", "member" (of a declaration), "other"
    opened = []  # for "function": (name, offset of the signature)
    begin = 0    # where the current declaration began
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match[0] == "{":
            label = re.match(r"\s*(?:public|private|protected)\s*:", code[begin:at])
            begin += label.end() if label else 0
            head = code[begin:at]
            kind = _classify(head, stack, code, at)
            stack.append(kind)
            if kind == "function":
                opened.append((_name(head), begin + len(head) - len(head.lstrip())))
            if kind == "member":
                continue  # the declaration goes on behind its closing brace
        elif match[0] == "}" and stack:
            kind = stack.pop()
            if kind == "function":
                name, start = opened.pop()
                yield Function(file, code.count("\n", 0, start) + 1, code.count("\n", start, at) + 1, name)
            if kind == "member":
                continue
        if not stack or stack[-1] != "member":
            begin = at + 1


def _classify(head, stack, code, at):
    if any(kind in ("function", "other", "member") for kind in stack):
        return "other"
    if head.count("(") > head.count(")"):
        return "member"  # a default argument: f(Options options = {})
    if _CONTAINER.search(re.sub(r"\([^()]*\)|<[^<>]*>", "", head)) and not re.search(r"\)\s*(const|noexcept|\s)*$", head):
        return "container"
    if "(" not in head or re.search(r"=\s*$", head):
        return "other"
    if re.search(r"\)\s*:", head) and re.search(r"[\w>]\s*$", head) and _is_member(code, at):
        return "member"
    return "function"


def _is_member(code, at):
    """Is the brace at `at` a member's initialiser in a constructor, like b_{1}, and not the body?"""
    depth = 0
    for match in re.finditer(r"[{}]", code[at:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return bool(re.match(r"\s*[,{]", code[at + match.end():]))
    return False


def _name(head):
    # `TEST(Suite, Case)` is known by its whole head.
    macro = re.search(r"\bTEST(?:_[FP])?\s*\(([^)]*)\)", head)
    if macro:
        return f"TEST({' '.join(macro[1].split())})"
    found = re.search(r"([~\w:]+|operator\W+)\s*\(", head)
    return found[1] if found else "?"


def code_lines(path):
    """Lines of a file that are not blank."""
    return sum(1 for line in path.read_text().splitlines() if line.strip())
