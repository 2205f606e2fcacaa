"""Every error this project raises on purpose.

ForgeError                  says what was given, what is allowed and what to do next
├── Misuse                  what was typed or configured is wrong: exit code 2
│   ├── ConfigError         a config file or key
│   ├── OntologyError       a trait file: contradiction, typo, unsatisfiable whole
│   ├── SeedsError          a seed source as a whole (a single bad row is a reject instead)
│   ├── Uninstalled         a command that needs an extra which is not installed
│   ├── EngineError         an engine that was named and cannot be had: no key, not installed, unknown
│   └── RunMismatch         the folder holds another run, or a run made with other settings
├── Transient               may pass when tried again: 429, 5xx, time-outs, resets
│   └── Busy                the endpoint asked for patience; carries its Retry-After, if any
└── Permanent               will fail again until somebody mends something: exit code 1
    ├── WeightsError        weights that cannot be fetched, or whose sha256 differs
    ├── StorageError        no space, no permission, a file that cannot be read
    ├── Corrupt             a sealed file whose bytes are not what its seal says
    ├── Refused             an endpoint's final no: bad key, bad request, content policy
    └── BadReply            a reply that breaks its schema even after repair; carries the raw text
Stopped                     not an error: Ctrl-C was heard, what is sealed stays: exit code 3
"""

from __future__ import annotations


class ForgeError(Exception):
    """What went wrong, in one sentence; then, where they help, what is allowed and what to do."""

    exit_code = 1

    def __init__(self, what: str, *, allowed: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what, self.allowed, self.todo = what, allowed, todo

    def __str__(self) -> str:
        lines = [self.what]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.todo:
            lines.append(f"  to do:   {self.todo}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:  # crosses process borders whole
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[ForgeError], state: dict[str, object]) -> ForgeError:
    error = kind.__new__(kind)
    Exception.__init__(error, state.get("what", ""))
    error.__dict__.update(state)
    return error


class Misuse(ForgeError):
    exit_code = 2


class ConfigError(Misuse):
    pass


class OntologyError(Misuse):
    pass


class SeedsError(Misuse):
    pass


class EngineError(Misuse):
    pass


class Uninstalled(Misuse):
    pass


class RunMismatch(Misuse):
    pass


class Transient(ForgeError):
    pass


class Busy(Transient):
    def __init__(self, what: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class Permanent(ForgeError):
    pass


class WeightsError(Permanent):
    pass


class StorageError(Permanent):
    pass


class Corrupt(Permanent):
    pass


class Refused(Permanent):
    pass


class BadReply(Permanent):
    def __init__(self, what: str, *, raw: str) -> None:
        super().__init__(what)
        self.raw = raw


class Stopped(ForgeError):
    exit_code = 3
