"""The arguments that a batch's inputs are for a module."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Arguments(NamedTuple):
    """Positional and keyword arguments of a module's forward.

    The inputs of a batch are these by their structure: a tuple or list is several positional
    arguments, a mapping is keyword arguments (`input_ids`, `attention_mask`, ...), all else is one
    positional argument. What this rule cannot say is said by `Arguments` in the inputs' place:
    `Arguments((images,), {"mask": mask})` for both kinds, `Arguments((mapping,))` for a mapping that
    is one argument.
    """

    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = {}

    @classmethod
    def of(cls, inputs: Any) -> "Arguments":
        """The arguments that inputs are.

        Raises:
            TypeError: if the keys of a mapping are no names.
        """
        if isinstance(inputs, Arguments):
            return inputs
        if isinstance(inputs, Mapping):
            if wrong := [key for key in inputs if not isinstance(key, str)]:
                raise TypeError(
                    f"inputs that are a mapping are keyword arguments, whose names are strings, but got "
                    f"the keys {wrong}: a mapping that is one argument is Arguments((mapping,)), of "
                    f"hypernas.subnet.arguments."
                )
            return cls((), dict(inputs))
        if isinstance(inputs, tuple | list):
            return cls(tuple(inputs))
        return cls((inputs,))

    @classmethod
    def called(cls, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> "Arguments":
        """The arguments of a call: those given, or the one that is `Arguments` and says all.

        By it a module can have keywords that the caller's own are called: `weights`, `statistics`, `buffers`.
        """
        if len(inputs) == 1 and not keywords and isinstance(inputs[0], Arguments):
            return inputs[0]
        return cls(inputs, keywords)

    @property
    def columns(self) -> tuple[Any, ...]:
        """All of them, in their order."""
        return (*self.positional, *self.keywords.values())

    def as_inputs(self) -> Any:
        """The inputs in their plainest form, of which these are the arguments."""
        if not self.keywords:
            return self.positional[0] if len(self.positional) == 1 else self.positional
        return self if self.positional else dict(self.keywords)
