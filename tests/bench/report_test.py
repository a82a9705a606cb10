"""report_test.py FIXTURE: the tables hold what the fixture says; the plots are written where matplotlib is here."""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).parent
fixture = pathlib.Path(sys.argv[1])
problems = []


def expect(holds, what):
    if not holds:
        problems.append(what)


with tempfile.TemporaryDirectory() as folder:
    plots = importlib.util.find_spec("matplotlib") is not None
    flags = [] if plots else ["--tables"]
    run = subprocess.run([sys.executable, here / "report.py", *flags, folder, fixture], capture_output=True, text=True)
    expect(run.returncode == 0, "exit status: " + run.stderr)
    page = (pathlib.Path(folder) / "cpu.md").read_text()
    for text in (
            "AMD Zen 9 (AVX-1024), 2 cores, 2031-02-03",
            "| **ours-f32** | 100 (50 %) | 2 000 (80 %) |",
            "| eigen-products | 50 (25 %) | 2 500 (90 %) |",
            "| ours-f32 to the best f32 peer | 2.00x eigen-products | 0.80x eigen-products |",
            "| ours-bf16 to the best 16-bit peer | 1.50x torch-eager-bf16 |  |",
            "onednn-packed (not built: libdnnl-dev was not here)",
            "## Where a peer is ahead",
            "| t, uniform, T = 16, 1 thread | eigen-products | 0.80x | 80 % | 90 % |",
            "| soft | 300 |",
            "| qwen3_next | D 2048, E 512, K 10 | 1 | 1 000 | 40 % | 1 250 | 20 % |",
            "| t, bf16 | 0.50 | 1.50 | 2.00 | 1.010x | 1.020x | 1.250x |",
            "| 4 | 40 (66 %) | 60 |",
            "ours-bf16 is ahead of every 16-bit peer in every cell.",
            "| 8 | 1 | 40 (66 %) | 60 |",
    ):
        expect(text in page, f"not in the page: {text}")
    expect("| t, uniform, T = 1, 1 thread |" not in page, "a cell where ours is ahead is listed as behind")
    restricted = json.loads(fixture.read_text())
    restricted["context"]["restricted_to"] = "AVX2"
    avx2 = pathlib.Path(folder) / "avx2.json"
    avx2.write_text(json.dumps(restricted))
    subprocess.run([sys.executable, here / "report.py", folder, avx2], check=True)
    found = (pathlib.Path(folder) / "cpu_avx2.md").read_text()
    expect("AMD Zen 9 (AVX-1024), 2 cores restricted to AVX2, 2031-02-03" in found, "the restriction is not named")
    expect("--instructions=AVX2" in found and "share_of_ceiling.svg" not in found, "not the page of a restricted measurement")
    expect((pathlib.Path(folder) / "cpu.md").read_text() == page, "a restricted measurement changed the other's page")
    if plots:
        for name in ("share_of_ceiling.svg", "growth.svg"):
            expect("<svg" in (pathlib.Path(folder) / name).read_text(), f"{name} is no picture")
    else:
        print("matplotlib is not here: plots not tested")

print("\n".join(problems) or "the report says what the measurement says")
sys.exit(bool(problems))
