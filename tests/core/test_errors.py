from __future__ import annotations

import inspect
import pickle

import pytest

from persona_forge.core import errors
from persona_forge.core.errors import BadReply, Busy, ForgeError, Misuse, Permanent, Stopped, Transient

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ForgeError)]


def make(kind: type[ForgeError]) -> ForgeError:
    if kind is BadReply:
        return BadReply("cut off", raw='{"t1":')
    if kind is Busy:
        return Busy("wait", retry_after_s=2.5)
    if issubclass(kind, Busy | BadReply):
        raise AssertionError(f"say how to make {kind}")
    return kind("it broke", allowed="this, that", todo="mend it") if kind.__init__ is ForgeError.__init__ else kind("x")


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_every_error_crosses_a_process_border_whole(kind: type[ForgeError]) -> None:
    error = make(kind)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert back.__dict__ == error.__dict__
    assert (str(back), back.args) == (str(error), error.args)


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_the_exit_code_is_2_for_misuse_3_for_a_stop_and_1_for_the_rest(kind: type[ForgeError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, Misuse) else 3 if issubclass(kind, Stopped) else 1)


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_the_tree_in_the_docstring_names_every_error(kind: type[ForgeError]) -> None:
    assert kind.__name__ in errors.__doc__.replace("─", " ").split()


def test_no_error_is_both_worth_another_try_and_final() -> None:
    assert not [k for k in ALL if issubclass(k, Transient) and issubclass(k, Permanent | Misuse)]


def test_an_error_says_what_is_allowed_and_what_to_do() -> None:
    assert str(ForgeError("no such key", allowed="a, b", todo="fix it")) == (
        "no such key\n  allowed: a, b\n  to do:   fix it"
    )
    assert str(ForgeError("no such key")) == "no such key"
