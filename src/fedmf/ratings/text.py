"""Text of any encoding as UTF-8, in chunks that end where a record ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fedmf.errors import DataError
from fedmf.ratings.reading import Guess
from fedmf.ratings.sources import Source

SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 24
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its encoding."""

    source: Source
    encoding: str
    guess: Guess

    @classmethod
    def of(cls, source: Source, encoding: str | None) -> Text:
        """Return a text, with its encoding guessed unless it was said.

        Raises
        ------
        DataError
            If nobody can tell the encoding.
        """
        if encoding is not None:
            return cls(source, encoding, Guess("encoding", encoding, "you said so", "--encoding"))
        found, why = _guessed(source)
        return cls(source, found, Guess("encoding", found, why, "--encoding"))

    def sample(self) -> str:
        """Return its beginning, up to the end of a line, with LF at every line's end."""
        data = self.source.beginning(SAMPLE_BYTES)
        try:
            text = codecs.getincrementaldecoder(self.encoding)("replace").decode(data)
        except UnicodeError:
            raise self._not_in_encoding() from None
        text = text.lstrip("\ufeff")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text if len(data) < SAMPLE_BYTES else text[: text.rfind("\n") + 1] or text

    def chunks(self, quotes: re.Pattern[bytes] | None, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield it as UTF-8, in chunks of about `size` bytes that end where a line does.

        Parameters
        ----------
        quotes
            Matches what stands in quotes, where a line's end is none.

        Raises
        ------
        DataError
            If it is not in this encoding.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)()
        is_utf8 = codecs.lookup(self.encoding).name == "utf-8"
        rest, first = b"", True
        with self.source.opened() as stream:
            while data := stream.read(size):
                try:
                    # ASCII, which most files are, is UTF-8 already.
                    if not (is_utf8 and data.isascii() and not decoder.getstate()[0]):
                        data = decoder.decode(data).encode()
                except UnicodeError:
                    raise self._not_in_encoding() from None
                if first:
                    data, first = data.removeprefix(codecs.BOM_UTF8), False
                rest += data
                end = _last_end(rest, quotes)
                if end:
                    yield rest[:end]
                    rest = rest[end:]
            try:
                rest += decoder.decode(b"", final=True).encode()
            except UnicodeError:
                raise self._not_in_encoding() from None
        if rest:
            yield rest

    def _not_in_encoding(self) -> DataError:
        """Return the error that names the first line which cannot be decoded."""
        number = 1
        with self.source.opened() as stream:
            for line in stream:
                try:
                    line.decode(self.encoding)
                except UnicodeError:
                    break
                number += 1
            else:
                number = 1  # it lacks the mark of a beginning, which no line has
        return DataError(
            f"{self.source.label}: line {number} is not {self.encoding}; say which encoding the "
            "text has with --encoding (utf-8, cp1252, latin-1, utf-16)"
        )


def _guessed(source: Source) -> tuple[str, str]:
    beginning = source.beginning(SAMPLE_BYTES)
    for bom, encoding in BOMS.items():
        if beginning.startswith(bom):
            return encoding, "the mark at its beginning"
    for parity, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        # Digits, separators and line ends of UTF-16 have a byte of zero.
        if len(beginning) > 3 and beginning[parity::2].count(0) > len(beginning) // 4:
            return encoding, "every other byte is zero"
    strange = bytearray()
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    with source.opened() as stream:
        while data := stream.read(CHUNK_BYTES):
            if data.isascii() and valid:
                continue
            try:
                decoder.decode(data)
            except UnicodeError:
                valid = False
            strange += b" ".join(re.findall(rb"[\x80-\xff]+", data)) + b" "
            if not valid and len(strange) > 1 << 16:
                break
    if valid:
        return "utf-8", "all of it is valid" if strange else "all of it is ASCII"
    if b"\0" in beginning:
        raise DataError(
            f"{source.label} is not text, JSON, Parquet or Arrow; give a file of one of these, or "
            "say --encoding if it is text"
        )
    return _eight_bits(source, bytes(strange))


def _eight_bits(source: Source, strange: bytes) -> tuple[str, str]:
    """Return the encoding of a text of which `strange` are the parts that are not ASCII."""
    runs = strange.split()
    controls = sum(byte < 0xA0 for byte in strange) - len(runs)
    if sum(len(run) > 2 for run in runs) * 4 < len(runs) and controls * 3 < len(runs):
        # Accents that stand alone among plain letters are Western.
        why = "not UTF-8, and accents stand alone between plain letters"
        try:
            strange.decode("cp1252")
        except UnicodeError:
            return "latin-1", why
        return "cp1252", why
    from charset_normalizer import from_bytes

    best = from_bytes(source.beginning(SAMPLE_BYTES)).best()
    if best is None or best.encoding in ("ascii", "utf_8"):
        raise DataError(
            f"{source.label} is not UTF-8, and its encoding is not clear; say it with --encoding "
            "(such as cp1252, cp1251, gb18030, shift_jis, utf-16)"
        )
    return best.encoding, "not UTF-8, and most like its letters"


def _last_end(data: bytes, quotes: re.Pattern[bytes] | None) -> int:
    """Return where the last whole record of a text ends, 0 if there is none."""
    end = _end_of_lines(data)
    # Where quotes come in pairs, the last line's end stands outside of them.
    if quotes is not None and data.count(b'"', 0, end) % 2:
        end = _end_of_lines(quotes.sub(lambda match: b"x" * len(match[0]), data))
    return end


def _end_of_lines(data: bytes) -> int:
    # Old files end their lines with CR alone; the last one may be half of a CR LF.
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
