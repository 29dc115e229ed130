"""What a program of fixtures/deadlocks says of its hang (the format: fixtures/deadlocks/README.md), and how a report differs from it."""
import re

# Findings that say "this never ends". A healthy program may show others.
DEADLY = {"DEADLOCK", "SELF_DEADLOCK", "SIGNAL_HANDLER_LOCK", "ORPHANED_LOCK", "FORK_CHILD_LOCK", "NOBODY_LEFT"}


class Account:
    """expected: one list of alternatives for each finding, an alternative being {kinds, confidences, tasks, resources, behind};
    waits: {tid: (kinds, resource)}; holders: {resource: {tid: confidence}}."""

    def __init__(self, lines):
        self.expected, self.waits, self.holders, self.is_healthy = [], {}, {}, False
        for words in lines:
            match words:
                case ["expect", "NONE"]:
                    self.is_healthy = True
                case ["expect" | "or", kinds, confidences, *details]:
                    wanted = {"kinds": kinds.split("|"), "confidences": confidences.split("|")}
                    for detail in details:
                        name, _, value = detail.partition("=")
                        wanted[name] = int(value) if name == "behind" else value.split(",")
                    if words[0] == "expect":
                        self.expected.append([])
                    self.expected[-1].append(wanted)
                case ["wait", tid, kinds, resource]:
                    self.waits[tid] = (kinds.split("|"), resource)
                    self.holders.setdefault(resource, {})
                case ["hold", resource, tid, confidence]:
                    self.holders.setdefault(resource, {})[tid] = confidence
                case ["error", *text]:
                    raise AssertionError("the program says: " + " ".join(text))
        if not self.expected and not self.is_healthy:
            raise AssertionError(f"the program expects nothing: {lines}")
        self.spins = any("SPIN" in kinds for kinds, _ in self.waits.values())  # such a thread never sleeps


def is_resource(resource, name):
    """Is this entry of the report what the account calls 0x..., join:TID or fd:N?"""
    if resource is None:
        return False
    word, _, number = name.partition(":")
    if word == "join":
        return resource.get("kind") == "JOIN" and f"thread:{number}" in [holder["task"] for holder in resource.get("holders", [])]
    if word == "fd":
        return resource["id"] == name
    return "address" in resource and int(resource["address"], 16) == int(name, 16)


def rotations(count):
    return [[(start + i) % count for i in range(count)] for start in range(count)]


def is_finding(report, finding, wanted):
    resources = {resource["id"]: resource for resource in report.get("resources", [])}
    if finding["kind"] not in wanted["kinds"] or finding.get("confidence") not in wanted["confidences"]:
        return False
    tasks = [task.removeprefix("thread:") for task in finding.get("tasks", [])]
    named = [resources.get(name) for name in finding.get("resources", [])]
    if "behind" in wanted and not re.search(rf"\b{wanted['behind']}\b", finding.get("title", "") + " " + finding.get("explanation", "")):
        return False

    def equal(order):
        if "tasks" in wanted and [tasks[i] for i in order] != wanted["tasks"]:
            return False
        return "resources" not in wanted or all(is_resource(named[i], name) for i, name in zip(order, wanted["resources"]))

    if "tasks" in wanted and len(tasks) != len(wanted["tasks"]):
        return False
    if "resources" in wanted and len(named) != len(wanted["resources"]):
        return False
    if len(tasks) == len(named) and finding["kind"] == "DEADLOCK":
        return any(equal(order) for order in rotations(len(tasks)))
    if "tasks" in wanted and sorted(tasks) != sorted(wanted["tasks"]):
        return False
    return "resources" not in wanted or all(any(is_resource(one, name) for one in named) for name in wanted["resources"])


def differences(report, account):
    """One text for each thing in which the report departs from the account."""
    found = []
    findings = list(report.get("findings", []))
    if account.is_healthy:
        return [f"a healthy program is reported: {finding}" for finding in findings if finding["kind"] in DEADLY]
    for alternatives in account.expected:
        fitting = [finding for finding in findings if any(is_finding(report, finding, wanted) for wanted in alternatives)]
        if fitting:
            findings.remove(fitting[0])
        else:
            found.append(f"no finding like {' or '.join(map(str, alternatives))}")
    found += [f"a finding that nobody expects: {finding}" for finding in findings]

    resources = {resource["id"]: resource for resource in report.get("resources", [])}
    tasks = {task["id"]: task for task in report.get("tasks", [])}
    for tid, (kinds, name) in account.waits.items():
        wait = tasks.get(f"thread:{tid}", {}).get("wait", {})
        if wait.get("kind") not in kinds or not is_resource(resources.get(wait.get("resource")), name):
            found.append(f"thread {tid} waits for {'|'.join(kinds)} {name}, but is reported as {wait}")
    for name, holders in account.holders.items():
        for resource in filter(lambda one: is_resource(one, name), resources.values()):
            told = {holder["task"].removeprefix("thread:"): holder.get("confidence") for holder in resource.get("holders", [])}
            if set(told) != set(holders) or any(told[tid] not in holders[tid].split("|") for tid in holders):
                found.append(f"{name} is held by {holders or 'nobody'}, but the report says {resource.get('holders', [])}")
    return found


def owner_questions(account, is_musl):
    """(name, tid, expressions for gdb) for every holder that a mutex or a writer-locked rwlock records, to hold the account itself against
    the fields. The first expression that gdb can evaluate counts; a tid or the address of a control block."""
    questions = []
    words = {resource: kinds for kinds, resource in account.waits.values()}
    for name, holders in account.holders.items():
        for tid, confidence in holders.items():
            if confidence != "CERTAIN" or not name.startswith("0x"):
                continue
            if is_musl:
                questions.append((name, tid, f"*(int*)({name} + 4) & 0x3fffffff"))
            elif words.get(name, [""])[0].startswith("RWLOCK"):
                questions.append((name, tid, f"((pthread_rwlock_t*){name})->__data.__cur_writer"))
            elif "MUTEX" in words.get(name, []):
                questions.append((name, tid, f"((pthread_mutex_t*){name})->__data.__owner"))
    return questions
