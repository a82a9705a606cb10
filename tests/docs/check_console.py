"""check_console.py ROOT MOE: what README.md and docs/*.md show of the program's output is what it prints.

A block that follows `<!-- console: moe ARGUMENTS -->` must hold lines of that output, in its order; `…` stands for anything, alone on a line for any
number of lines. Spaces are not compared."""
import pathlib
import re
import shlex
import subprocess
import sys

ROOT, MOE = pathlib.Path(sys.argv[1]), sys.argv[2]
BLOCK = re.compile(r"^<!-- console: moe ([^\n]*) -->\n\n?```\w*\n(.*?)^```", re.M | re.S)


def normal(line):
    return " ".join(line.split())


def pattern(line):
    return re.compile(".*".join(re.escape(part) for part in normal(line).split("…")))


def run(arguments):
    done = subprocess.run([MOE, *shlex.split(arguments)], capture_output=True, text=True, cwd=ROOT, check=False)
    return [normal(line) for line in done.stdout.splitlines()]


def main():
    blocks = wrong = 0
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        for arguments, text in BLOCK.findall(page.read_text()):
            blocks += 1
            output, position = run(arguments), 0
            for line in text.splitlines():
                wanted = normal(line)
                if wanted in ("", "…"):
                    continue
                found = next((i for i in range(position, len(output)) if pattern(line).fullmatch(output[i])), None)
                if found is None:
                    wrong += 1
                    print(f"{page.name}: `moe {arguments}` does not print, from its line {position + 1} on:\n  {wanted}")
                    break
                position = found + 1
    if wrong or not blocks:
        sys.exit(f"{wrong} of {blocks} blocks are not what the program prints")
    print(f"{blocks} blocks are what the program prints")


main()
