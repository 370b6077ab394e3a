"""A pickle interpreter that can build containers, scalars and what its caller offers by name; nothing else exists.

It is not `pickle.Unpickler` with a filter: that one also hashes nested keys without bound, allocates whatever size
the stream claims, and leaves each class it lets in to defend itself. Here every opcode costs memory and time in
proportion to its bytes. The stream is taken apart by the standard library's `pickletools`.
"""

import io
import pickletools
import re
from collections.abc import Callable, Mapping
from typing import Any

MARK = object()
Builder = Callable[..., Any]
MOST_WORK = 2_000_000  # opcodes and elements handed to builders; a large checkpoint has a tenth of that


class Opaque:
    """Something that the pickle mentions and weights do not need, such as a device."""


class Stream(io.BytesIO):
    """The bytes of pickles, one after the other."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, without the escapes on which `pickletools` would warn the user of the library."""
        line = super().readline(size)
        if b"\\" in line and _STRANGE_ESCAPE.search(line):
            raise ValueError("its pickle has a text with an unknown escape")
        return line


def load(stream: Stream, builders: Mapping[str, Builder], persistent: Callable[[Any], Any]) -> Any:
    """The next pickle of `stream`, which is left after its end.

    `builders` maps "module.name" to what stands for it; they are called with arguments from the file, so they must
    bear any. `persistent` resolves persistent ids.

    Raises:
        ValueError: it names anything else, uses an opcode of no use here, or is broken.
    """
    return _Machine(builders, persistent).run(stream)


class _Machine:
    def __init__(self, builders: Mapping[str, Builder], persistent: Callable[[Any], Any]):
        self.builders = builders
        self.persistent = persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.work = 0

    def run(self, stream: Stream) -> Any:
        for opcode, argument, _position in pickletools.genops(stream):
            name = opcode.name
            self.spend(1)
            if name == "STOP":
                return self.pop()
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif handler := getattr(self, f"do_{name.lower()}", None):
                handler(argument)
            else:
                raise ValueError(f"its pickle uses {name}, which weights do not need")
        raise ValueError("its pickle has no end")

    def spend(self, amount: int) -> None:
        self.work += amount
        if self.work > MOST_WORK:
            raise ValueError("its pickle is longer than any list of weights")

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError("its pickle takes from an empty stack")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise ValueError(f"its pickle adds to something that is no {kind.__name__}")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        items = []
        while self.stack:
            item = self.stack.pop()
            if item is MARK:
                return items[::-1]
            items.append(item)
        raise ValueError("its pickle closes a group that was not opened")

    def find(self, module: Any, name: Any) -> None:
        builder = self.builders.get(f"{module}.{name}") if isinstance(module, str) and isinstance(name, str) else None
        if builder is None:
            raise ValueError(
                f"its pickle asks for {str(module)[:80]}.{str(name)[:80]}; only tensors, containers and numbers are "
                "read, because anything else could run code"
            )
        self.stack.append(_Global(builder))

    def call(self, function: Any, arguments: Any) -> None:
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise ValueError("its pickle calls something that is no function")
        # What a builder looks through may be shared by a million calls.
        self.spend(len(arguments) + sum(len(item) for item in arguments if isinstance(item, list | tuple | dict)))
        self.stack.append(function.builder(*arguments))

    def store(self, target: Any, items: list[Any]) -> None:
        if len(items) % 2:
            raise ValueError("its pickle has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | None):
                raise ValueError(f"its pickle has a dictionary key of type {type(key).__name__}")
            target[str(key)] = value  # as text: integers can be chosen so that their hashes collide

    def do_proto(self, version: int) -> None:
        pass

    def do_frame(self, size: int) -> None:
        pass

    def do_mark(self, _: None) -> None:
        self.stack.append(MARK)

    def do_pop(self, _: None) -> None:
        if not self.stack:
            raise ValueError("its pickle takes from an empty stack")
        self.stack.pop()

    def do_pop_mark(self, _: None) -> None:
        self.since_mark()

    def do_tuple(self, _: None) -> None:
        self.stack.append(tuple(self.since_mark()))

    def do_tuple1(self, _: None) -> None:
        self.stack.append((self.pop(),))

    def do_tuple2(self, _: None) -> None:
        second, first = self.pop(), self.pop()
        self.stack.append((first, second))

    def do_tuple3(self, _: None) -> None:
        third, second, first = self.pop(), self.pop(), self.pop()
        self.stack.append((first, second, third))

    def do_list(self, _: None) -> None:
        self.stack.append(self.since_mark())

    def do_append(self, _: None) -> None:
        item = self.pop()
        self.top(list).append(item)

    def do_appends(self, _: None) -> None:
        items = self.since_mark()
        self.top(list).extend(items)

    def do_additems(self, _: None) -> None:
        items = self.since_mark()
        self.top(list).extend(items)  # a set is read as a list: no hashing of what the file made

    def do_frozenset(self, _: None) -> None:
        self.do_list(None)

    def do_dict(self, _: None) -> None:
        items = self.since_mark()
        target: dict[Any, Any] = {}
        self.store(target, items)
        self.stack.append(target)

    def do_setitem(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        self.store(self.top(dict), [key, value])

    def do_setitems(self, _: None) -> None:
        items = self.since_mark()
        self.store(self.top(dict), items)

    def do_put(self, index: int) -> None:
        if not self.stack:
            raise ValueError("its pickle remembers nothing")
        if not 0 <= index < 2**32:
            raise ValueError(f"its pickle has a memory of {str(index)[:20]} places")
        self.memo[index] = self.stack[-1]

    do_binput = do_long_binput = do_put

    def do_memoize(self, _: None) -> None:
        self.do_put(len(self.memo))

    def do_get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError("its pickle refers to what it has not stored")
        self.stack.append(self.memo[index])

    do_binget = do_long_binget = do_get

    def do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.find(module, name)

    def do_stack_global(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        self.find(module, name)

    def do_reduce(self, _: None) -> None:
        arguments, function = self.pop(), self.pop()
        self.call(function, arguments)

    do_newobj = do_reduce

    def do_build(self, _: None) -> None:
        self.pop()  # attributes, such as a state dict's `_metadata`: not data
        if not self.stack:
            raise ValueError("its pickle sets attributes of nothing")

    def do_binpersid(self, _: None) -> None:
        self.stack.append(self.persistent(self.pop()))


class _Global:
    """A builder on the stack; a class of its own, so that nothing else there can be called."""

    def __init__(self, builder: Builder):
        self.builder = builder


_STRANGE_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:[^\\'\"abfnrtvx0-7\n]|[4-7][0-7][0-7])")
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
