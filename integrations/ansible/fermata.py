"""Tells Fermata's worker what a play does: one line of JSON for each event, on an inherited file descriptor."""
import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: fermata
    type: stdout
    short_description: events for Fermata's worker
    description: [Writes a line of JSON for each event to file descriptor 3.]
"""

EVENTS = 3
LONGEST = 65536


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "fermata"

    def _tell(self, event, **fields):
        fields["event"] = event
        line = (json.dumps(fields) + "\n").encode("ascii")
        try:
            while line:
                line = line[os.write(EVENTS, line):]
        except OSError:
            # The worker is gone: whoever takes the play up again waits for this one to end.
            os._exit(70)

    def _result(self, status, result):
        told = result._result
        self._tell("result", status=status, task=result._task.get_name().strip(), host=result._host.get_name(),
                   changed=bool(told.get("changed")), message=self._message(told)[:LONGEST], diff=self._diff(told)[:LONGEST])

    def _message(self, told):
        if "censored" in told:
            return str(told["censored"])
        for item in told.get("results") or []:
            if isinstance(item, dict) and (item.get("failed") or item.get("unreachable")):
                return self._message(item)
        parts = [str(told[name]).strip() for name in ("msg", "stderr", "module_stderr", "reason") if told.get(name)]
        return ": ".join(dict.fromkeys(parts))

    def _diff(self, told):
        if "censored" in told:
            return ""
        texts = []
        for one in [told] + [item for item in told.get("results") or [] if isinstance(item, dict)]:
            if one.get("diff") and one.get("changed"):
                texts.append(self._get_diff(one["diff"]))
        return "".join(texts)

    def v2_playbook_on_no_hosts_matched(self):
        self._tell("nobody")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._tell("task", task=task.get_name().strip())

    def v2_playbook_on_handler_task_start(self, task):
        self._tell("task", task=task.get_name().strip())

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            self._tell("recap", host=host, recap=stats.summarize(host))
