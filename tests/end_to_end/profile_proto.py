"""Reads profile.proto files without any library, so that what we write is judged by another reader than our own."""
import collections
import gzip


class Profile:
    """types: [(type, unit)]; samples: [(stack, values, labels)] with stack a tuple of locations (address, ((function, file, line, start line),
    ...)), innermost first, and labels {key: text or (number, unit)}; the rest as the fields of the format are called."""

    def __init__(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        self.types, self.samples, self.comments, self.mappings = [], [], [], []
        self.period_type, self.period, self.default_type, self.time, self.duration = ("", ""), 0, "", 0, 0
        self.drop_frames = self.keep_frames = self.doc_url = ""
        texts, samples, locations, functions, numbers, types = [], [], {}, {}, {}, []
        for field, value in _fields(data):
            if field == 6:
                texts.append(value.decode("utf-8", "surrogateescape"))
            elif field == 1:
                types.append(_numbers(value))
            elif field == 2:
                samples.append(value)
            elif field == 3:
                self.mappings.append(_numbers(value))
            elif field == 4:
                location, lines = {}, []
                for inner, content in _fields(value):
                    if inner == 4:
                        lines.append(_numbers(content))
                    else:
                        location[inner] = content
                locations[location.get(1, 0)] = (location, lines)
            elif field == 5:
                function = _numbers(value)
                functions[function.get(1, 0)] = function
            elif field == 11:
                period_type = _numbers(value)
                self.period_type = (period_type.get(1, 0), period_type.get(2, 0))
            elif field == 13:
                self.comments += _packed(value)
            else:
                numbers[field] = value
        text = lambda number: texts[number]
        self.types = [(text(t.get(1, 0)), text(t.get(2, 0))) for t in types]
        self.period_type = tuple(text(number) if number else "" for number in self.period_type)
        self.comments = [text(number) for number in self.comments]
        self.drop_frames, self.keep_frames = text(numbers.get(7, 0)), text(numbers.get(8, 0))
        self.time, self.duration, self.period = numbers.get(9, 0), numbers.get(10, 0), numbers.get(12, 0)
        self.default_type, self.doc_url = text(numbers.get(14, 0)), text(numbers.get(15, 0))
        named = {}
        for key, (location, lines) in locations.items():
            named[key] = (location.get(3, 0), tuple(
                (text(functions[line[1]].get(2, 0)), text(functions[line[1]].get(4, 0)), line.get(2, 0), functions[line[1]].get(5, 0))
                for line in lines))
        for sample in samples:
            stack, values, labels = [], [], {}
            for field, value in _fields(sample):
                if field == 1:
                    stack += _packed(value)
                elif field == 2:
                    values += [_signed(number) for number in _packed(value)]
                elif field == 3:
                    label = _numbers(value)
                    labels[text(label.get(1, 0))] = (text(label[2]) if label.get(2) else
                                                     (_signed(label[3]), text(label.get(4, 0))) if label.get(3) else "")
            self.samples.append((tuple(named[key] for key in stack), tuple(values), labels))

    def counter(self, with_addresses=True):
        """Counter of (functions, values, labels), or with addresses too."""
        return collections.Counter(
            (stack if with_addresses else tuple(frame for _, frames in stack for frame in frames), values, tuple(sorted(labels.items(), key=str)))
            for stack, values, labels in self.samples)


def read_profile(path):
    with open(path, "rb") as file:
        return Profile(file.read())


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _fields(data):
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise AssertionError(f"a profile has no fields of wire type {kind}")
        yield key >> 3, value


def _numbers(data):
    return dict(_fields(data))


def _packed(value):
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _signed(number):
    return number - (1 << 64) if number >> 63 else number
