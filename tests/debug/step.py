"""Drives gdb: steps through the reference and looks at every frame, then prints matrices. Run inside gdb by run.sh."""
import os

import gdb

ROOT = os.path.realpath(os.environ["EXACTMOE_SOURCE"])
STEPS = 300
failures = []


def expect(holds, what):
    print(("ok    " if holds else "FAIL  ") + what)
    if not holds:
        failures.append(what)


def place():
    """File (relative to the tree, if it is there) and line of the selected frame."""
    sal = gdb.newest_frame().find_sal()
    if sal.symtab is None:
        return "(no source)", 0
    name = os.path.realpath(sal.symtab.fullname())
    return os.path.relpath(name, ROOT) if name.startswith(ROOT + os.sep) else name, sal.line


def stop_at(function):
    gdb.execute(f"tbreak {function}", to_string=True)
    gdb.execute("run >/dev/null", to_string=True)


def step_through(function):
    """Steps from the first line of a function on; every frame must be a file of reference/."""
    stop_at(function)
    seen, lines, steps = {}, set(), 0
    while steps < STEPS:
        file, line = place()
        if file == "tests/debug/driver.cpp" and steps > 0:  # it has returned: start again
            stop_at(function)
            file, line = place()
        seen[file] = seen.get(file, 0) + 1
        lines.add((file, line))
        gdb.execute("step", to_string=True)
        steps += 1
    outside = {f: n for f, n in seen.items() if not f.startswith("reference/")}
    expect(not outside, f"{steps} steps from {function} stay in reference/: {outside or seen}")
    expect(len(lines) > 4, f"they visit {len(lines)} different lines")
    return seen


def value(expression):
    try:
        return gdb.execute(f"output {expression}", to_string=True)
    except gdb.error as error:
        return f"error: {error}"


def expect_value(expression, expected):
    found = value(expression)
    expect(found == expected, f"print {expression}: {found!r}" + ("" if found == expected else f", expected {expected!r}"))


step_through("moe::reference::linear")
visited = step_through("moe::reference::sparse")
expect({"reference/router.cpp", "reference/linear.cpp"} <= set(visited), "from sparse, steps lead into the stages")
step_through("moe::reference::place")
step_through("moe::reference::combine")

stop_at("moe::reference::linear")
expect_value("x", "[4,3] = {\n  0 = -1.25 -0.5 0.25,\n  1 = 0 1 -0.75,\n  2 = 1.25 -0.25 1,\n  3 = -0.25 1.25 0\n}")
expect_value("$at(w, 1, 2)", "0.75")
expect_value("$at(x, 3, 1)", "1.25")
expect_value("$row(x, 2)", '"[3] 1.25 -0.25 1"')
expect_value("$hex($at(x, 1, 2))", '"-0x1.8p-1  0xbf400000"')
expect_value("bias", "[0] ")
stop_at("moe::reference::combine")
expect_value("dispatch.positions", "[4,2] = {\n  0 = 4 0,\n  1 = 5 1,\n  2 = 6 2,\n  3 = 7 3\n}")
expect("{0, 4, 8, 8, 8}" in value("dispatch.offsets"), "print dispatch.offsets: " + value("dispatch.offsets"))
expect_value("$at(rows, 0, 9)", "error: (0,9) is outside [8,3]")
gdb.execute("frame function moe::reference::sparse", to_string=True)
expect_value("layer.router.selection_bias", "[4] -0.75 0.5 -1 0.25")
expect_value("layer.experts.ffn[1].gate", "[2,3] = {\n  0 = -0.5 0.25 1,\n  1 = 0.75 -1 0\n}")
gdb.execute("up", to_string=True)
shown = value("wide").splitlines()
expect(shown[0] == "[20,30] = {" and len(shown) == 11 and " ... " in shown[1] and shown[8] == "  ... = ...," and
       shown[9].startswith("  19 = "), f"a large matrix is abbreviated: {shown[0]} {len(shown)} lines")
gdb.execute("quit 1" if failures else "quit 0")
