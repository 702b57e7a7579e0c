# SPDX-License-Identifier: Apache-2.0
"""The rules that keep the project's shape: who may include whom, how long files and functions may be,
which constructions stay out. Each failure names file, line and rule."""
import pathlib
import re
import statistics
import tempfile
import unittest

import sources

FILE_CAP, FUNCTION_CAP, FUNCTION_MEDIAN, TEST_SHARE = 600, 70, 10, 0.6

# Who may include whom, beside itself.
MAY_INCLUDE = {
    "base": set(),
    "collectors": {"base"},
    "runtime": {"base"},
    "exporter": {"base"},
    "agent": {"base", "collectors", "runtime", "exporter"},
}
# Both sides of the container state directory share the headers that define its format.
SHARED_FORMAT = {"runtime/container/record.h", "runtime/container/spool.h"}

# (what, pattern in code without comments and literals, files that may have it)
FORBIDDEN = [
    ("system()", r"(?<![\w.>:])(?:std::|::)?system\s*\(", set()),
    ("popen()", r"\bpopen\s*\(", set()),
    ("std::regex", r"\bstd::w?(regex|smatch)\b", set()),
    ("std::shared_ptr", r"\bstd::(shared_ptr|make_shared)\b", {"exporter/", "agent/", "base/log.cpp"}),  # one answer to many requests; spdlog's own
    ("run-time type information", r"\b(dynamic_cast|typeid)\b", set()),
    ("a friend for tests", r"\bfriend\b[^;{]*[Tt]est|\bFRIEND_TEST\b", set()),
    ("std::cout and std::cerr", r"\bstd::(cout|cerr|clog)\b", set()),
    ("throw", r"\bthrow\b", set()),
]


def includes(path):
    """[(line, included path)] of the quoted includes."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match:
            yield number, match[1]


def include_problem(source, included):
    """What is wrong with `source` including `included` (both relative to the repository), or None."""
    folder, target = source.split("/")[0], included.split("/")[0]
    if target not in MAY_INCLUDE or target == folder or target in MAY_INCLUDE[folder]:
        return None
    if folder == "collectors" and included in SHARED_FORMAT:
        return None
    return f"{folder} must not include {target}"


class Direction(unittest.TestCase):
    def test_includes_point_to_the_base(self):
        problems = [f"{sources.relative(path)}:{line}: {problem}"
                    for path in sources.files(*sources.PRODUCT) for line, included in includes(path)
                    if (problem := include_problem(sources.relative(path), included))]
        self.assertEqual(problems, [])

    def test_the_rule_itself(self):
        self.assertIsNone(include_problem("agent/run.cpp", "runtime/container/spool.h"))
        self.assertIsNone(include_problem("collectors/container/exited.cpp", "runtime/container/spool.h"))
        self.assertIsNone(include_problem("runtime/isolate/launch.cpp", "nlohmann/json.hpp"))
        self.assertIsNotNone(include_problem("collectors/container/exited.cpp", "runtime/container/monitor.h"))
        self.assertIsNotNone(include_problem("base/os.cpp", "exporter/encoding/text.h"))
        self.assertIsNotNone(include_problem("runtime/container/spool.cpp", "agent/command.h"))


class Sizes(unittest.TestCase):
    def test_files(self):
        everything = sources.files(*sources.PRODUCT, "tests", "scripts", suffixes=sources.CPP | sources.SCRIPTS)
        lengths = [(len(path.read_text().splitlines()), sources.relative(path)) for path in everything]
        self.assertGreater(len(lengths), 30)
        self.assertEqual([f"{name}: {n} lines, cap {FILE_CAP}" for n, name in lengths if n > FILE_CAP], [])

    def test_functions(self):
        found = [f for path in sources.files(*sources.PRODUCT, "tests") for f in sources.functions(path)]
        self.assertGreater(len(found), 100)
        self.assertEqual([f"{f.file}:{f.line}: {f.name} has {f.lines} lines, cap {FUNCTION_CAP}"
                          for f in found if f.lines > FUNCTION_CAP], [])

    def test_median_function(self):
        lengths = sorted(f.lines for path in sources.files(*sources.PRODUCT) for f in sources.functions(path))
        median, p90 = statistics.median(lengths), lengths[len(lengths) * 9 // 10]
        print(f"  {len(lengths)} functions: median {median:g} lines, 90 % have {p90} or less, longest {lengths[-1]}")
        self.assertLessEqual(median, FUNCTION_MEDIAN)
        self.assertLessEqual(p90, 40)

    def test_share_of_tests(self):
        product = sum(map(sources.code_lines, sources.files(*sources.PRODUCT)))
        tests = sum(map(sources.code_lines, sources.files("tests", suffixes=sources.CPP | sources.SCRIPTS)))
        print(f"  {tests} lines of tests, {product} of source: {tests / product:.2f}")
        self.assertGreaterEqual(tests / product, TEST_SHARE)


class Text(unittest.TestCase):
    def test_licence_line(self):
        everything = sources.files(*sources.PRODUCT, "tests", "scripts", suffixes=sources.CPP | sources.SCRIPTS)
        problems = []
        for path in everything:
            lines = path.read_text().splitlines() + ["", ""]
            if "SPDX-License-Identifier: Apache-2.0" not in lines[1 if lines[0].startswith("#!") else 0]:
                problems.append(sources.relative(path))
        self.assertEqual(problems, [])

    def test_forbidden_constructions(self):
        problems = []
        for path in sources.files(*sources.PRODUCT):
            name, code = sources.relative(path), sources.code_only(path.read_text())
            for what, pattern, allowed in FORBIDDEN:
                if not any(name.startswith(place) for place in allowed):
                    problems += [f"{name}:{code.count(chr(10), 0, m.start()) + 1}: {what}"
                                 for m in re.finditer(pattern, code, re.M)]
        self.assertEqual(problems, [])

    def test_collectors_take_their_roots_as_parameters(self):
        problems = [f"{sources.relative(path)}:{number}" for path in sources.files("collectors")
                    for number, line in enumerate(path.read_text().splitlines(), 1)
                    if re.search(r'(?<!\+ )"/(proc|sys)/', line.partition("//")[0])]
        self.assertEqual(problems, [])

    def test_cmake_names_its_files(self):
        lists = [p for folder in (*sources.PRODUCT, "tests", "cmake") for p in
                 (sources.REPOSITORY / folder).rglob("*") if p.name == "CMakeLists.txt" or p.suffix == ".cmake"]
        self.assertGreater(len(lists), 5)
        self.assertEqual([sources.relative(p) for p in lists if re.search(r"\bGLOB", p.read_text())], [])


class Measuring(unittest.TestCase):
    """The measuring itself, on a file of known content."""

    SAMPLE = """// not { code
namespace a {
struct Options { int x{3}; const char* brace = "{"; };
constexpr int kTable[] = {1, 2};
class B {
 public:
  explicit B(int n) : n_{n}, m_(2) {
    call([&] { return 1'000; });
  }
  int n() const { return n_; }
};
Result<int> f(const Options& options = {},
              char c = '}') {
  if (c) {
    return R"({"x":{)";
  }
  return 0;
}
}  // namespace a
TEST(Suite, Case) {
  struct Local { int x; };
}
"""

    def test_functions_of_a_sample(self):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", dir=sources.REPOSITORY / "tests" / "structure") as file:
            file.write(self.SAMPLE)
            file.flush()
            found = [(f.name, f.line, f.lines) for f in sources.functions(pathlib.Path(file.name))]
        self.assertEqual(found, [("B", 7, 3), ("n", 10, 1), ("f", 12, 7), ("TEST(Suite, Case)", 20, 3)])

    def test_literals_and_comments_are_not_code(self):
        code = sources.code_only('a /* system( */ "popen(" // throw\n#define X throw\nb')
        self.assertEqual(code.split(), ["a", "b"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
