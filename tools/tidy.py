#!/usr/bin/env python3
"""House rules that a program can check; run by ctest and by `tools/dev tidy`.

    tools/tidy.py              check the tree, one "file:line: rule: what" per violation
    tools/tidy.py --cpp-files  list the C++ files it looks at (for clang-format and clang-tidy)
    tools/tidy.py --self-test  plant one violation of every rule and see that it is caught

Looks at files that git tracks or would track, and at every file where there is no git. C++ is
judged after comments and literals are blanked out, so words in them never trip a code rule.
Exit code: 0 clean, 1 violations, 2 wrong usage.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

COLUMN_MAX = 100
FUNCTION_LINE_MAX = 60
TEST_LINE_MAX = 100  # tests hold tables
FILE_LINE_MAX = 600

FOLDERS = ("feed", "book", "ring", "bench", "tests", "tools")
LIBRARY = ("ring", "book", "feed")
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "CHANGELOG.md"}
CPP = {".hpp", ".cpp"}
SCRIPTS = {".py", ".sh"}
TEXT = CPP | SCRIPTS | {
    "", ".cmake", ".in", ".js", ".json", ".md", ".mjs", ".supp", ".toml", ".txt"}

# What a library must not do, and what to do instead. A call spelled `x.exit(` or `x->exit(` is a
# member of somebody else's class.
CALL = r"(?<![\w.>:])(?:std::|::)?(?:%s)\s*\("
BANNED = [
    (r"\bstd::(?:cout|cerr|clog|cin)\b|#\s*include\s*<iostream>",
     "a library never prints; use the log hook"),
    (CALL % "printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|psignal",
     "a library never prints; use the log hook"),
    (CALL % "exit|_exit|_Exit|quick_exit|abort|terminate", "a library never ends its host"),
    (CALL % "assert", "use UPFEED_ASSERT"),
    (r"\bsigaction\s*\(|(?<!\w)(?:std)?::signal\s*\(|\bsignal\s*\(\s*SIG",
     "a library installs no signal handlers"),
    (CALL % "system|popen|fork", "a library starts no processes"),
    (CALL % "s?rand|random", "use a seeded generator, or OpenSSL's for secrets"),
    (r"\bstd::(?:basic_)?regex\b", "slow and recursive; parse by hand"),
    (CALL % "strto(?:d|f|ld|l|ll|ul|ull)|sto(?:d|f|ld|i|l|ll|ul|ull)|ato(?:f|i|l|ll)",
     "depends on the locale or throws; use std::from_chars or feed/decode"),
    (r"\bsetlocale\b|\bstd::locale\b", "the locale belongs to the host"),
]
THIRD_PARTY = re.compile(
    r"(?:boost|openssl|concurrentqueue|fmt|nlohmann|CLI|rapidjson|gtest|benchmark|toml\+\+|spdlog)/"
    r"|simdjson|xxhash|mimalloc|ares|zstd|zlib")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LEFTOVER = re.compile(r"\b(?:%s)\b" % "|".join(("TO" "DO", "FIX" "ME", "X" "XX")))
MACHINE_PATH = re.compile(r"(?<![\w.}/])/(?:%s)/" % "|".join(("work", "root", "home")))


def list_files(root):
    """Relative paths, '/' between folders, sorted."""
    git = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
                         capture_output=True, check=False) if (root / ".git").exists() else None
    if git is not None and git.returncode == 0:
        names = git.stdout.decode().split("\0")
        return sorted({name for name in names if name and (root / name).is_file()})
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders
                         if s not in (".git", "node_modules", "out", ".cache")
                         and not s.startswith("build")]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in names]
    return sorted(found)


# Longest first: a raw string may contain quotes and comment marks, a comment may contain quotes.
TOKENS = re.compile(
    r'R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r"|//[^\n]*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def blank(text):
    """C++ with comments and literals replaced by blanks; lines keep their numbers and lengths. The
    file names of includes stay, for the rules that read them."""
    lines = TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text).split("\n")
    for number, line in enumerate(text.split("\n")):
        if lines[number].lstrip().startswith("#") and INCLUDE.match(line):
            lines[number] = line
    return "\n".join(lines)


def blank_preprocessor(code):
    """Also without directives and macro bodies, whose braces need not balance."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  code, flags=re.MULTILINE)


# Heads of functions, once every group in parentheses has been replaced by "@".
QUALIFIER = r"(?:const|volatile|noexcept|override|final|mutable|try|&&?|requires[^;{}]*|@)"
FUNCTION_HEAD = re.compile(rf"@\s*(?:{QUALIFIER}\s*)*(?:->\s*[^;{{}}]+)?$"  # ... and f(x) : a(x)
                           rf"|@\s*(?:{QUALIFIER}\s*)*:\s*\w[^;{{}}]*@\s*$")
NOT_FUNCTION = re.compile(r"^\s*(?:if|for|while|switch|catch|do|else|return)\b|=\s*$")
TYPE_HEAD = re.compile(r"^[^@]*\b(?:namespace|class|struct|union|enum)\b[^@]*$")


def without_groups(head):
    while True:
        shorter = re.sub(r"\([^()]*\)", "@", head)
        if shorter == head:
            return head
        head = shorter


def long_functions(code, most):
    """(line of the opening brace, line count) of every function body that is too long. A lambda or
    a local class is part of the function around it."""
    stack, head, line = [], "", 1
    for char in blank_preprocessor(code):
        if char == "\n":
            line += 1
        if char == "{":
            inside = any(kind == "function" for kind, _, _ in stack)
            plain = without_groups(head)
            if inside or NOT_FUNCTION.search(plain) or TYPE_HEAD.search(plain):
                kind = "block"
            elif FUNCTION_HEAD.search(plain):
                kind = "function"
            else:
                kind = "init"
            stack.append((kind, line, head))
            head = ""
        elif char == "}":
            kind, start, before = stack.pop() if stack else ("block", line, "")
            if kind == "function" and line - start + 1 > most:
                yield start, line - start + 1
            # A braced initialiser is part of what it stands in, e.g. of a constructor's head.
            head = before + "()" if kind == "init" else ""
        elif char == ";":
            head = ""
        else:
            head += char


def public_headers(files):
    """Header name as included, e.g. upfeed/book.hpp -> the folder that owns it."""
    owners = {}
    for name in files:
        parts = PurePosixPath(name).parts
        if len(parts) > 2 and parts[0] in LIBRARY and parts[1] == "include":
            owners["/".join(parts[2:])] = parts[0]
    return owners


def check_includes(name, code, owners):
    folder = name.split("/")[0]
    for number, line in enumerate(code.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(2)
        if target.startswith("../") or "/../" in target:
            yield number, "direction", f'"{target}": include from the folder\'s root instead'
        owner = owners.get(target)
        if folder in ("ring", "book") and owner not in (None, folder):
            yield number, "direction", f"{folder} may not know {owner} ({target})"
        if target.split("/")[0] in ("tests", "bench", "tools", "sim"):
            yield number, "direction", f"{folder} may not know {target.split('/')[0]} ({target})"
        if "/include/" in name and THIRD_PARTY.match(target):
            yield number, "public-header", f"{target} would be forced on every user"


def check_library(name, code, owners):
    """Rules of ring, book and feed only."""
    yield from check_includes(name, code, owners)
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, advice in BANNED:
            match = re.search(pattern, line)
            if match:
                yield number, "banned", f"{match.group(0).strip(' (')}: {advice}"
        if name.startswith("feed/decode/"):
            if re.search(r"\b(?:double|float)\b", line) and "to_double" not in line:
                yield number, "double", "a number on its way is exact; only to_double() may round"


def check_cpp(name, text, owners):
    code = blank(text)
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMN_MAX:
            yield number, "columns", f"{len(line)} columns, {COLUMN_MAX} at most"
    line_count = text.count("\n")
    if line_count > FILE_LINE_MAX:
        yield line_count, "file-length", f"{line_count} lines, {FILE_LINE_MAX} at most"
    most = TEST_LINE_MAX if name.startswith("tests/") else FUNCTION_LINE_MAX
    for number, count in long_functions(code, most):
        yield number, "function-length", f"{count} lines, {most} at most"
    if name.endswith(".hpp") and "#pragma once" not in code:
        yield 1, "pragma-once", "a header starts with #pragma once"
    if name.split("/")[0] in LIBRARY:
        yield from check_library(name, code, owners)


def check_text(name, text):
    script = PurePosixPath(name).suffix in SCRIPTS or text.startswith("#!")
    for number, line in enumerate(text.splitlines(), 1):
        match = LEFTOVER.search(line)
        if match:
            yield number, "leftover", f"{match.group(0)}: finish it or drop it"
        match = MACHINE_PATH.search(line)
        if match:
            yield number, "machine-path", f"{match.group(0)}: a path of one machine"
        if script and len(line) > COLUMN_MAX:
            yield number, "columns", f"{len(line)} columns, {COLUMN_MAX} at most"


def check_layout(files):
    folders = {name.split("/")[0] for name in files if "/" in name}
    for name in files:
        top = name.split("/")[0]
        if top.startswith(".") or (top in FOLDERS if "/" in name else top in TOP_LEVEL):
            continue
        yield name, 1, "top-level", "the top level is fixed; see the layout table in README.md"
    for folder in FOLDERS:
        if folder in folders and f"{folder}/README.md" not in files:
            yield f"{folder}/README.md", 1, "readme", "every folder at the top has a README.md"


def check_dead_files(root, files):
    """A source that no CMakeLists.txt of its top folder names is never compiled."""
    lists = {}
    for name in files:
        if PurePosixPath(name).name == "CMakeLists.txt":
            text = (root / name).read_text(encoding="utf-8")
            words = lists.setdefault(PurePosixPath(name).parts[0], set())
            words |= set(re.findall(r"[\w.]+", text))
    for name in files:
        path = PurePosixPath(name)
        if path.suffix != ".cpp" or path.parts[0] not in FOLDERS:
            continue
        words = lists.get(path.parts[0], set())
        if path.name not in words and path.stem not in words:
            yield name, 1, "dead-file", "no CMakeLists.txt names it"


def check_tree(root):
    """Every violation as (file, line, rule, message)."""
    files = list_files(root)
    owners = public_headers(files)
    yield from check_layout(files)
    yield from check_dead_files(root, files)
    for name in files:
        suffix = PurePosixPath(name).suffix
        if suffix not in TEXT:
            continue
        try:
            text = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data, e.g. a capture without a suffix
        for violation in check_text(name, text):
            yield (name, *violation)
        if suffix in CPP:
            for violation in check_cpp(name, text, owners):
                yield (name, *violation)


# ---- self-test -----------------------------------------------------------------------------------

def clean_tree():
    """A small tree without violations, with what looks like some."""
    tree = {f"{folder}/README.md": "A folder.\n" for folder in FOLDERS}
    tree["README.md"] = "See https://example.org/home/page and ../home-made/x.\n"
    tree["feed/CMakeLists.txt"] = "add_library(feed a.cpp decode/b.cpp)\n"
    tree["ring/include/upfeed/ring.hpp"] = "#pragma once\n"
    tree["book/include/upfeed/book.hpp"] = '#pragma once\n#include "upfeed/units.hpp"\n'
    tree["book/include/upfeed/units.hpp"] = "#pragma once\n"
    tree["feed/a.cpp"] = (
        '#include "upfeed/ring.hpp"\n#include "upfeed/book.hpp"\n'
        "// exit(1) and std::cout are only words here\n"
        'const char* kText = "abort() // printf(";\nconst char* kRaw = R"(")"; int n = 1\'000;\n'
        "void C::signal() { io.abort(); timer->exit(); snprintf(b, 1, s); retry_exit(2); }\n")
    tree["feed/decode/b.cpp"] = "auto to_double(int v) -> double { return v; }  // a double\n"
    # Long, but no single function is: a namespace, a class and a constructor with initialisers.
    body = "  a();\n" * 50
    tree["feed/a.cpp"] += ("namespace n {\nclass C {\n" + "  int x;\n" * 70 +
                           f"C() : a_{{1}}, b_(2) {{\n{body}}}\n"
                           f"int g() const noexcept {{\n{body}}}\n}};\n}}\n")
    return tree


def planted():
    """(rule, file, text) where text is added to that file and must be reported once."""
    body = "  a();\n" * 60
    for call in ("std::cout << 1;", "printf(s);", "std::abort();", "::exit(1);", "assert(x);",
                 "signal(SIGPIPE, h);", "::signal(2, h);", "std::regex r;",
                 "std::stod(s);", "strtod(s, e);", "std::stoi(s);", "x = rand();",
                 "#include <iostream>"):
        yield "banned", "feed/a.cpp", call + "\n"
    yield "columns", "tests/x.hpp", "#pragma once\n//" + "-" * 99 + "\n"
    yield "columns", "tools/x.py", "#" + "-" * 100 + "\n"
    yield "columns", "tools/x", "#!/bin/bash\n#" + "-" * 100 + "\n"
    yield "file-length", "tests/x.hpp", "#pragma once\n" + "\n" * 600
    for head in ("void f(int (*g)(int))", "C::C() : a_{1}, b_(f(2))", "TEST(A, b)",
                 "auto f() const noexcept -> std::vector<int>", "struct S f()",
                 "template <class T>\nvoid f() requires(sizeof(T) > 1)"):
        yield "function-length", "feed/a.cpp", f"{head} {{\n{body}}}\n"
    yield "pragma-once", "bench/x.hpp", "int x;\n"
    yield "leftover", "tests/README.md", "TO" "DO: more\n"
    yield "leftover", "feed/a.cpp", "// FIX" "ME later\n"
    yield "machine-path", "tools/README.md", "Look in /ro" "ot/x.\n"
    yield "machine-path", "CMakeLists.txt", 'set(X "/wo' 'rk/x")\n'
    yield "double", "feed/decode/b.cpp", "double price;\n"
    yield "direction", "ring/include/upfeed/ring.hpp", '#include "upfeed/book.hpp"\n'
    yield "direction", "book/include/upfeed/book.hpp", '#include "upfeed/ring.hpp"\n'
    yield "direction", "feed/a.cpp", '#include "tools/sim/x.hpp"\n'
    yield "direction", "feed/a.cpp", '#include "../ring/x.hpp"\n'
    yield "public-header", "book/include/upfeed/book.hpp", "#include <boost/x.hpp>\n"
    yield "top-level", "docs/x.md", "A document.\n"
    yield "top-level", "notes.md", "A note.\n"
    yield "dead-file", "feed/forgotten.cpp", "int x;\n"
    yield "readme", "tests/README.md", None


def found_in(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(check_tree(root))


def self_test():
    failures = [f"clean tree: {violation}" for violation in found_in(clean_tree())]
    count = 0
    for rule, name, addition in planted():
        tree = clean_tree()
        if addition is None:
            tree["tests/x.hpp"] = "#pragma once\n"
            del tree[name]
        else:
            tree[name] = tree.get(name, "") + addition
        found = [(f, r) for f, _, r, _ in found_in(tree)]
        if found != [(name, rule)]:
            failures.append(f"{rule} in {name}: found {found} for {addition!r:.60}")
        count += 1
    for failure in failures:
        print(failure)
    print(f"tidy self-test: {count} planted violations, {len(failures)} failures")
    return 1 if failures else 0


def main(arguments):
    root = Path(__file__).resolve().parent.parent
    if arguments == ["--self-test"]:
        return self_test()
    if arguments == ["--cpp-files"]:
        print("\n".join(name for name in list_files(root) if PurePosixPath(name).suffix in CPP))
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    violations = list(check_tree(root))
    for name, line, rule, message in violations:
        print(f"{name}:{line}: {rule}: {message}")
    print(f"tidy: {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
