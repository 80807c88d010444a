import inspect
import pickle

import pytest

from signalrl import errors

CLASSES = sorted(
    (cls for _, cls in inspect.getmembers(errors, inspect.isclass)), key=lambda cls: cls.__name__
)
BAD_INPUT = {"BundleError", "ConfigError", "NetworkError"}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
class TestEveryError:
    def test_is_caught_by_the_base(self, cls: type[Exception]) -> None:
        with pytest.raises(errors.SignalRLError, match="got no lanes"):
            raise cls("expected lanes, got no lanes; add one")

    def test_is_drawn_in_the_tree_of_its_module(self, cls: type[Exception]) -> None:
        assert cls.__name__ in (errors.__doc__ or "")

    def test_says_in_one_sentence_what_it_means(self, cls: type[Exception]) -> None:
        sentence = inspect.cleandoc(vars(cls)["__doc__"]).splitlines()[0]
        assert sentence.count(".") == 1
        assert sentence.endswith(".")

    def test_tells_bad_input_from_failed_work(self, cls: type[errors.SignalRLError]) -> None:
        assert cls.exit_code == (2 if cls.__name__ in BAD_INPUT else 1)

    def test_crosses_a_process_boundary(self, cls: type[Exception]) -> None:
        sent = cls("the worker's message")
        received = pickle.loads(pickle.dumps(sent))
        assert type(received) is cls
        assert received.args == sent.args
        assert vars(received) == vars(sent)


def test_tree_is_shallow() -> None:
    assert {cls.__base__ for cls in CLASSES} == {Exception, errors.SignalRLError}


def test_tree_draws_nothing_that_does_not_exist() -> None:
    drawn = {
        line.removeprefix("├── ").removeprefix("└── ").split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if line.startswith(("├── ", "└── "))
    }
    assert drawn == {cls.__name__ for cls in CLASSES} - {"SignalRLError"}
