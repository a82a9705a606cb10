"""bench_test.py EXACTMOE_BENCH: on the tiny shape the program writes what report.py reads, and refuses nonsense in one line."""
import json
import pathlib
import subprocess
import sys
import tempfile

program = sys.argv[1]
here = pathlib.Path(__file__).parent
KEYS = ("tokens_per_second", "gflops", "weight_gbytes_per_second", "ceiling_fma_gflops", "ceiling_read_gbytes_per_second",
        "share_of_fma", "share_of_read", "share_of_ceiling", "model_tokens_per_second", "best_ms", "calls")
problems = []


def expect(holds, what):
    if not holds:
        problems.append(what)


with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "bench.json"
    run = subprocess.run([program, "--quick", "--shapes=t", "--tokens=1,20", "--threads=1", "--routes=uniform,skew:1",
                          "--engines=ours-f32,ours-bf16", f"--benchmark_out={file}"], capture_output=True, text=True)
    expect(run.returncode == 0, "exit status: " + run.stderr)
    document = json.loads(file.read_text())
    expect("processor" in document["context"], "no processor")
    expect(len(document["benchmarks"]) == 8, f"{len(document['benchmarks'])} rows, expected 8")
    for row in document["benchmarks"]:
        expect("error_message" not in row, row["name"] + ": " + row.get("error_message", ""))
        for key in KEYS:
            expect(row.get(key, 0) > 0, f"{row['name']}: {key}")
    report = subprocess.run([sys.executable, here / "report.py", "--tables", folder, file], capture_output=True, text=True)
    expect(report.returncode == 0, report.stderr)
    page = (pathlib.Path(folder) / "cpu.md").read_text()
    expect("| **ours-bf16** |" in page, "no row of ours-bf16")
    if " avx2 " in pathlib.Path("/proc/cpuinfo").read_text():
        run = subprocess.run([program, "--quick", "--shapes=t", "--tokens=20", "--threads=1", "--routes=uniform", "--engines=ours-f32",
                              "--instructions=AVX2", f"--benchmark_out={file}"], capture_output=True, text=True)
        expect(run.returncode == 0, "--instructions=AVX2: " + run.stderr)
        expect(json.loads(file.read_text())["context"].get("restricted_to") == "AVX2", "the restriction is not on record")
    if " avx512f " in pathlib.Path("/proc/cpuinfo").read_text():
        run = subprocess.run([program, "--peers", "--instructions=AVX3"], capture_output=True, text=True)
        expect(run.returncode == 2 and "AVX3" in run.stderr, f"peers restricted to AVX3: status {run.returncode}, {run.stderr}")

for bad, named in (("--shapes=z", "'z'"), ("--engines=nobody", "'nobody'"), ("--tokens=0", "'0'"), ("--tokens=x", "'x'"),
                   ("--only=this", "'this'"), ("--instructions=AVX9", "'AVX9'"), ("--sideways", "--sideways")):
    run = subprocess.run([program, bad], capture_output=True, text=True)
    expect(run.returncode == 2 and named in run.stderr, f"{bad}: status {run.returncode}, {run.stderr}")

print("\n".join(problems) or "the program does what it says")
sys.exit(bool(problems))
