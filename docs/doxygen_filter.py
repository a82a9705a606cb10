"""Input filter: lets Doxygen read the tree's comments as they are written for people. The number of lines stays the same.

In a header, the `//` block at the top documents the file, its indented lines are equations, and in `///` comments the indented
lines (shapes, `order:`, `source:`) start lines of their own.
"""
import os
import re
import sys

def escape(text):
    return text.replace("\\", "\\\\").replace("<", "\\<").replace(">", "\\>").replace("@", "\\@").replace("#", "\\#")


def file_comment(lines):
    """A header; of the block before `#pragma once`, sentences become text and indented lines stay as they stand."""
    end = next((i for i, line in enumerate(lines) if not line.startswith("//")), 0)
    if end == 0 or end >= len(lines) or not lines[end].startswith("#pragma once"):
        return member_comments(lines)
    out = []
    inside = False
    for i, line in enumerate(lines[:end]):
        text = line[2:].rstrip("\n")
        indented = text.startswith("   ")
        next_text = lines[i + 1][2:] if i + 1 < end else ""
        if indented or inside:
            piece = text[1:]
        else:
            piece = escape(text[1:] if text.startswith(" ") else text)
        if indented and not inside:
            piece, inside = "\\verbatim " + piece, True
        if inside and not next_text.startswith("   "):
            piece, inside = piece + " \\endverbatim", False
        out.append("/// " + piece + "\n")
    return out + ["/// \\file\n"] + member_comments(lines[end + 1:])


def member_comments(lines):
    """An indented line starts a line of its own, unless it goes on with the sentence of an indented line before it."""
    out = []
    open_sentence = False
    for line in lines:
        match = re.match(r"^(\s*)///\s\s\s+(\S.*)$", line)
        if not match:
            open_sentence = False
            out.append(line)
            continue
        indent, text = match.groups()
        named = re.match(r"(order|source):\s*(.*)$", text)
        if named:
            out.append(f"{indent}/// <br><b>{named.group(1)}:</b> {named.group(2)}\n")
        else:
            out.append(f"{indent}/// {'' if open_sentence else '<br>'}{text}\n")
        open_sentence = not text.endswith((".", ";"))
    return out


def expand(path, lines):
    """In a page, `\\include{doc} FILE` becomes the file's text (Doxygen's own would lose its paragraphs)."""
    out = []
    for line in lines:
        match = re.match(r"^\\include\{doc\} (\S+)$", line)
        if match:
            with open(os.path.join(os.path.dirname(path), match.group(1)), encoding="utf-8") as file:
                out += file.readlines()
        else:
            out.append(line)
    return out


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    if path.endswith((".h", ".cuh")):
        lines = file_comment(lines)
    if path.endswith(".md"):
        lines = expand(path, lines)
    sys.stdout.write("".join(lines))


main()
