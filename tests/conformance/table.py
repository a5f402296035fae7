"""The results of the conformance tests as Markdown, by file of Kubernetes' source."""
import collections
import re

WORDS = {
    "en": {"head": "| tests in | pass | those that do not, and why |\n| --- | --- | --- |", "all": "all",
           "sum": "**{passed} of {all} pass.** Of the {api} that need no running container, {api_passed} pass.",
           "unknown": "not looked into yet", "stop": "."},
    "zh-TW": {"head": "| 測試所在 | 通過 | 未通過者與原因 |\n| --- | --- | --- |", "all": "全部",
              "sum": "**{all} 項中通過 {passed} 項。**其中不需要執行容器的 {api} 項通過 {api_passed} 項。",
              "unknown": "尚未查明", "stop": "。"},
}


def short(name):
    """Without what is the same for the whole file, and without marks."""
    return re.sub(r"\s*\[[^\]]*\]", "", name).strip()


def common_start(names):
    """The words that all of several names begin with."""
    if len(names) < 2:
        return ""
    words = [name.split(" ") for name in names]
    same = 0
    while all(len(each) > same + 1 and each[same] == words[0][same] for each in words):
        same += 1
    return " ".join(words[0][:same]) + " " if same else ""


def table(tests, results, reasons, language):
    words = WORDS[language]
    column = 1 if language == "zh-TW" else 0
    files = collections.OrderedDict()
    for kind, file, name in tests:
        files.setdefault(file, []).append((kind, name))
    lines = [words["head"]]
    for file, listed in files.items():
        names = [short(name) for _, name in listed]
        start = common_start(names)
        passed = sum(results.get(name) == "passed" for _, name in listed)
        by_reason = collections.OrderedDict()
        for kind, name in listed:
            if results.get(name) == "passed":
                continue
            reason = reasons.get(name) or reasons.get(f"class:{kind}", ())
            why = reason[column] if len(reason) > column else words["unknown"]
            by_reason.setdefault(why, []).append("*" + short(name).removeprefix(start) + "*")
        text = " ".join(f"{'; '.join(these)}: {why}{words['stop']}" for why, these in by_reason.items())
        count = words["all"] + f" {passed}" if passed == len(listed) else f"{passed} / {len(listed)}"
        lines.append(f"| {file.removesuffix('.go')} | {count} | {text} |")

    def is_passed(test):
        return results.get(test[2]) == "passed"

    api = [test for test in tests if test[0] == "api"]
    return words["sum"].format(passed=sum(map(is_passed, tests)), all=len(tests), api=len(api),
                               api_passed=sum(map(is_passed, api))) + "\n\n" + "\n".join(lines)
