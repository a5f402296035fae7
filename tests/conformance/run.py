#!/usr/bin/env python3
"""Runs Kubernetes' own conformance tests against a server and says which pass.

  tests/conformance/run.py --e2e-test e2e.test --kubeconfig KUBECONFIG [--only REGEX] [--class api] [--results FILE]
  tests/conformance/run.py --table [--results FILE] [--language en|zh-TW]

tests.tsv lists all conformance tests of the release: its class, then its name. `api` needs no running container, `pods`
does, `later` needs a part that this platform does not have. `reasons.tsv` says why tests fail that do.

Tests run in batches of one file of Kubernetes' source, several batches at once; those marked [Serial] and [Disruptive]
run alone, at the end. Results are added to those that results.tsv has: state, then name; what those say that fail is
printed. --table writes Markdown of them.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ALONE = ("[Serial]", "[Disruptive]")
CONFORMANCE = " [Conformance]"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def read_tests():
    """[(class, file, name)]"""
    lines = (HERE / "tests.tsv").read_text().splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def read_reasons():
    """{name: (reason, the same in Chinese)}"""
    path = HERE / "reasons.tsv"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {row[0]: row[1:] for row in rows}


def read_results(path):
    """{name: state}"""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: state for state, name in (line.split("\t") for line in lines if line and not line.startswith("#"))}


def write_results(path, results):
    """In the order of tests.tsv."""
    known = [name for _, _, name in read_tests() if name in results]
    path.write_text("# What came of each conformance test when it was run last: state, name. Written by run.py.\n" +
                    "".join(f"{results[name]}\t{name}\n" for name in known))


def pattern(names):
    """A regular expression of Go that matches these texts and no others of the list."""
    return "|".join(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", name) for name in names)


def full_text(spec):
    return " ".join([*(spec.get("ContainerHierarchyTexts") or []), spec["LeafNodeText"]]).replace(CONFORMANCE, "")


def outcome(spec):
    state = spec["State"]
    if state == PASSED:
        return {"state": PASSED}
    failure = spec.get("Failure") or {}
    message = (failure.get("Message") or "").strip()
    return {"state": SKIPPED if state == SKIPPED else FAILED, "message": message[:2000]}


def run_batch(options, label, names, seconds):
    """{name: outcome}"""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        report = pathlib.Path(folder, "report.json")
        command = [options.e2e_test, f"--kubeconfig={options.kubeconfig}", "--provider=skeleton",
                   "--allowed-not-ready-nodes=-1", "--num-nodes=1", f"--ginkgo.focus={pattern(names)}",
                   f"--ginkgo.json-report={report}", f"--ginkgo.timeout={seconds}s", "--ginkgo.no-color",
                   "--dump-logs-on-failure=false", "--delete-namespace-on-failure=true", *options.flags]
        log = pathlib.Path(options.logs, f"{label}.log")
        with log.open("w") as out:
            subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, check=False,
                           timeout=seconds + 300)
        found = {}
        if report.exists():
            for suite in json.loads(report.read_text()):
                for spec in suite.get("SpecReports") or []:
                    if spec["LeafNodeType"] == "It" and spec["State"] != SKIPPED or spec.get("Failure"):
                        found[full_text(spec)] = outcome(spec)
        return {name: found.get(name, {"state": FAILED, "message": f"not run; see {log}"}) for name in names}


def batches(tests):
    """The label and the names of each batch: first those that run beside others, then those that run alone."""
    beside, alone = collections.OrderedDict(), collections.OrderedDict()
    for _, file, name in tests:
        group = alone if any(mark in name for mark in ALONE) else beside
        label = file.replace("/", "_").removesuffix(".go")
        group.setdefault(label, []).append(name)
    return list(beside.items()), list(alone.items())


def run(options, tests):
    results = read_results(options.results)
    logs = pathlib.Path(options.logs)
    logs.mkdir(parents=True, exist_ok=True)
    beside, alone = batches(tests)

    def keep(label, names):
        found = run_batch(options, label, names, options.timeout)
        results.update({name: result["state"] for name, result in found.items()})
        write_results(options.results, results)
        for name, result in sorted(found.items()):
            print(f"{result['state']:8} {name}", flush=True)
            if result["state"] == FAILED:
                print(textwrap.indent(result["message"], " " * 9), flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(keep, label, names) for label, names in beside]:
            done.result()
    for label, names in alone:
        keep(label + "_alone", names)
    states = collections.Counter(results[name] for _, _, name in tests)
    print(f"{states[PASSED]} passed, {states[FAILED]} failed, {states[SKIPPED]} skipped of {len(tests)}")
    return 1 if states[FAILED] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--e2e-test", help="Kubernetes' e2e.test")
    parser.add_argument("--kubeconfig")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results.tsv")
    parser.add_argument("--logs", default="build/conformance", help="folder for the output of each batch")
    parser.add_argument("--class", dest="wanted", action="append", help="api, pods or later; all unless given")
    parser.add_argument("--only", default="", help="a regular expression that the names must match")
    parser.add_argument("--jobs", type=int, default=4, help="batches at once")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one batch")
    parser.add_argument("--table", action="store_true", help="write Markdown of the results instead")
    parser.add_argument("--language", default="en", choices=("en", "zh-TW"))
    parser.add_argument("flags", nargs="*", help="further flags of e2e.test, after --")
    options = parser.parse_args()
    tests = [test for test in read_tests()
             if (not options.wanted or test[0] in options.wanted) and re.search(options.only, test[2])]
    if options.table:
        from table import table
        print(table(tests, read_results(options.results), read_reasons(), options.language))
        return 0
    if not options.e2e_test or not options.kubeconfig:
        parser.error("--e2e-test and --kubeconfig say what to run against what")
    return run(options, tests)


if __name__ == "__main__":
    sys.exit(main())
