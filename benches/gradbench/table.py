#!/usr/bin/env python3
"""Tables of the logs that run.sh keeps: python3 table.py LOGS TOOL…

A figure is the mean of the runs of a function, in milliseconds, of the best round; a dash stands where a tool has no right answer.
"""

import json
import sys
from pathlib import Path

PRIMALS = ("square", "objective", "cost", "primal")
ORDER = ("gmm", "ba", "lstm", "kmeans", "lse", "ode", "llsq", "det")


def figures(log):
    """The mean time of each function of a log, in ms, if its answer is valid."""
    functions, means, valid = {}, {}, set()
    for line in log.open():
        entry = json.loads(line)
        message, response = entry.get("message"), entry.get("response")
        if message and message["kind"] == "evaluate":
            functions[message["id"]] = message["function"]
        elif message and message["kind"] == "analysis" and message["valid"]:
            valid.add(message["of"])
        elif response and response["id"] in functions:
            runs = [t["nanoseconds"] for t in response.get("timings") or [] if t["name"] == "evaluate"]
            if runs:
                means[response["id"]] = 1e-6 * sum(runs) / len(runs)
    return {functions[id]: means[id] for id in valid & means.keys()}


def collected(folder, tools):
    """{(kind, evaluation, workload): {tool: ms}}; the order of the workloads is that of their measuring."""
    best = {}
    for log in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime):
        _, evaluation, workload, tool = log.name.removesuffix(".jsonl").split(".")
        for function, ms in figures(log).items() if tool in tools else ():
            kind = "primal" if function in PRIMALS else "derivative"
            row = best.setdefault((kind, evaluation, workload), {})
            row[tool] = min(ms, row.get(tool, ms))
    return best


def main():
    folder, tools = Path(sys.argv[1]), sys.argv[2:]
    best = collected(folder, tools)
    for kind in ("derivative", "primal"):
        print(f"| {kind}, ms | " + " | ".join(tools) + " |\n|---" + "|--:" * len(tools) + "|")
        rows = [key for key in best if key[0] == kind]
        for key in sorted(rows, key=lambda key: ORDER.index(key[1])):
            cells = [f"{best[key][tool]:.4g}" if tool in best[key] else "–" for tool in tools]
            print(f"| {key[1]} {key[2]} | " + " | ".join(cells) + " |")
        print()


if __name__ == "__main__":
    main()
