"""What is made stands between markers of a document, `<!-- begin: NAME -->` and `<!-- end: NAME -->`."""


def fill(text, made):
    """Put each text between its markers. Raises ValueError where a marker is not there once.

    made: dict of the marker's name to str
    """
    for name, content in made.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the markers {name!r} are not there, or there twice")
        before, _, rest = text.partition(begin)
        text = before + begin + content + end + rest.partition(end)[2]
    return text


def fill_file(path, made):
    path.write_text(fill(path.read_text(encoding="utf-8"), made), encoding="utf-8")
