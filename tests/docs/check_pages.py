"""check_pages.py ROOT: fails unless everything that README.md and docs/*.md name is there: linked pages, files of the tree, tests
(`Suite.Name`), and the lines that code snippets begin and end with."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
problems = []
checked = 0


def expect(holds, page, what):
    global checked
    checked += 1
    if not holds:
        problems.append(f"{page.relative_to(ROOT)}: {what}")


def check_links(page, text):
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        if not re.match(r"\w+:", target):
            expect((page.parent / target).exists(), page, f"link to {target}, which does not exist")


def check_files(page, text):
    """`folder/file.ext` in backticks, where folder is one of the tree's."""
    for name in re.findall(r"`((?:reference|cpu|cuda|check|tests|tools|docs|notebooks|\.vscode)/[\w./-]*)`", text):
        if not re.search(r"/X\.", name):  # X stands for any idea
            expect((ROOT / name).exists(), page, f"`{name}` does not exist")


def check_tests(page, text, names):
    for suite, name in re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", text):
        expect(f"{suite}.{name}" in names, page, f"there is no test {suite}.{name}")


def check_snippets(page, lines):
    """\\dontinclude FILE, then \\skip and \\until, each found after the one before."""
    source, position = [], 0
    for line in lines:
        command = re.match(r"^\\(dontinclude|skip|until|include\{doc\}) (.*)$", line)
        if not command:
            continue
        kind, argument = command.groups()
        if kind == "include{doc}":
            expect((page.parent / argument).exists(), page, f"{argument} does not exist")
        elif kind == "dontinclude":
            file = ROOT / argument
            expect(file.exists(), page, f"snippet of {argument}, which does not exist")
            source, position = (file.read_text().splitlines() if file.exists() else []), 0
        else:
            found = next((i for i in range(position, len(source)) if argument in source[i]), None)
            expect(found is not None, page, f"\\{kind} {argument}: no such line")
            position = position if found is None else found + (kind == "until")


def main():
    names = set()
    for source in [*ROOT.glob("tests/**/*.cpp"), *ROOT.glob("tests/**/*.cu"), *ROOT.glob("tests/**/*.h")]:
        for suite, name in re.findall(r"^TEST(?:_P|_F)?\((\w+),\s*(\w+)\)", source.read_text(), re.M):
            names.add(f"{suite}.{name}")
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    for page in pages:
        text = page.read_text()
        check_links(page, text)
        check_files(page, text)
        check_tests(page, text, names)
        check_snippets(page, text.splitlines())
    expect(len((ROOT / "README.md").read_text().splitlines()) < 150, ROOT / "README.md", "has 150 lines or more")
    for problem in problems:
        print(problem)
    if problems or checked < 100:
        sys.exit(f"{len(problems)} problems in {checked} places")
    print(f"{checked} links, files, tests and snippet lines of {len(pages)} pages are there")


main()
