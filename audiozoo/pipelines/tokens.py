"""Whisper's symbols: text to numbers and back, its special symbols, and how symbols make words."""

import functools
import os
import string
from collections.abc import Iterable, Sequence

import tokenizers

TIMESTAMP = 0.02  # seconds from one timestamp symbol to the next
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # languages that do not part words by spaces


class Tokenizer:
    """The tokenizer of a Whisper publication (its ``tokenizer.json``)."""

    def __init__(self, path: str | os.PathLike[str]):
        """
        Raises:
            ValueError: not a tokenizer, or not Whisper's.
        """
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(os.fspath(path))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"{os.fspath(path)} is not a tokenizer file: {error}") from error
        self.end = self._special("<|endoftext|>")
        self.start = self._special("<|startoftranscript|>")
        self.start_of_previous = self._special("<|startofprev|>")
        self.start_of_lm = self._special("<|startoflm|>")
        self.transcribe = self._special("<|transcribe|>")
        self.translate = self._special("<|translate|>")
        self.no_speech = self._special("<|nospeech|>", "<|nocaptions|>")
        self.no_timestamps = self._special("<|notimestamps|>")
        self.first_timestamp = self.no_timestamps + 1

    def _special(self, *names: str) -> int:
        for name in names:
            number = self._tokenizer.token_to_id(name)
            if number is not None:
                return number
        raise ValueError(f"this tokenizer has no symbol {names[0]}: it is not one of Whisper's")

    @functools.cached_property
    def languages(self) -> dict[str, int]:
        """The symbol of each language, by its code; English-only models have them too, unused."""
        names = {
            number: str(self._tokenizer.id_to_token(number)) for number in range(self.start + 1, self.no_timestamps)
        }
        special = {self.transcribe, self.translate, self.start_of_lm, self.start_of_previous, self.no_speech}
        return {name[2:-2]: number for number, name in names.items() if number not in special}

    @functools.cached_property
    def non_speech(self) -> tuple[int, ...]:
        """Symbols of what is written and not spoken: brackets, music, speaker marks. Ordinary punctuation is not."""
        marks = [*'"#()*+/:;<=>@[\\]^_`{|}~「」『』']
        doubled = "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪"
        marks += doubled.split()
        music = [*"♩♪♫♬♭♮♯"]  # may take several symbols, of which the first stands for nothing else
        found = {self.encode(" -")[0], self.encode(" '")[0]}  # within a word they are fine
        for mark in [*marks, *music]:
            for symbols in (self.encode(mark), self.encode(" " + mark)):
                if len(symbols) == 1 or mark in music:
                    found.add(symbols[0])
        return tuple(sorted(found))

    def encode(self, text: str) -> list[int]:
        """Symbols of plain text; what looks like a special symbol in it is text as well."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, symbols: Iterable[int]) -> str:
        """The text of symbols, special ones and timestamps left out."""
        return self._tokenizer.decode([symbol for symbol in symbols if symbol < self.end])

    def split_words(self, symbols: Sequence[int], language: str) -> tuple[list[str], list[list[int]]]:
        """Text symbols (and the end) as words: each one's text, with its leading space, and its symbols."""
        pieces, parts = self._split_characters(symbols)
        if language in _UNSPACED:
            return pieces, parts
        words: list[str] = []
        groups: list[list[int]] = []
        for piece, part in zip(pieces, parts, strict=True):
            alone = part[0] >= self.end or piece.startswith(" ") or piece.strip() in string.punctuation
            if alone or not words:
                words.append(piece)
                groups.append(list(part))
            else:
                words[-1] += piece
                groups[-1] += part
        return words, groups

    def _split_characters(self, symbols: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """The shortest runs of symbols that are whole characters: a symbol may hold but a part of a character."""
        whole, broken = self.decode(symbols), "\ufffd"
        pieces: list[str] = []
        parts: list[list[int]] = []
        run: list[int] = []
        position = 0
        for symbol in symbols:
            run.append(symbol)
            text = self.decode(run)
            at = text.find(broken)
            # A replacement character that the whole text has at this place too is no cut one, but really there.
            if at < 0 or whole[position + at : position + at + 1] == broken:
                pieces.append(text)
                parts.append(run)
                run, position = [], position + len(text)
        return pieces, parts
