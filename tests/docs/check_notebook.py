"""check_notebook.py A.ipynb B.ipynb: fails unless both hold the same cells and every code cell of B was executed.
check_notebook.py --clean A.ipynb: removes what changes from one execution to the next (ids, timestamps)."""
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def cells(notebook):
    return [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in notebook["cells"]]


def clean(path):
    notebook = read(path)
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    notebook["metadata"] = {"kernelspec": notebook["metadata"]["kernelspec"]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(notebook, file, indent=1, ensure_ascii=False)
        file.write("\n")


def check(source_path, path):
    source, notebook = read(source_path), read(path)
    if not cells(notebook) or cells(source) != cells(notebook):
        sys.exit(f"{path} is not what its .py says: tools/notebooks.sh --update")
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell["execution_count"] is None:
            sys.exit(f"{path} holds a cell that was not executed: tools/notebooks.sh --update")
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                sys.exit(f"{path} holds an error: {output['ename']}: {output['evalue']}")


if sys.argv[1] == "--clean":
    clean(sys.argv[2])
else:
    check(sys.argv[1], sys.argv[2])
