"""The request as the runner finds it: files below /run/trigger/requests/NAME.

Root writes them and the job's user reads them; nobody reads back what lies there.
"""

import os
import pwd

from trigger import paths

# Arguments last, because the runner takes them as the sign that there is a request.
ENVIRONMENT, BODY, ARGUMENTS = FILES = ("environment", "body", "arguments")
# Only where systemd is too old to load the job's credentials.
CREDENTIALS = "credentials"


def write(settings, command, variables, source, body_length):
    """Lay a request out for the job's user alone to read.

    settings: endpoint.Endpoint. command: list of str. variables: dict of bytes to bytes. source: an open file
    that begins with body_length bytes of body. Raises OSError.
    """
    directory = path(settings.name)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    owner = pwd.getpwnam(settings.job_user).pw_uid
    for name, source_path in settings.credentials.items():
        os.makedirs(directory + "/" + CREDENTIALS, mode=0o755, exist_ok=True)
        with _create(directory + "/" + CREDENTIALS, name, owner) as file, open(source_path, "rb") as secret:
            file.write(secret.read())
    with _create(directory, ENVIRONMENT, owner) as file:
        file.write(b"".join(b"%s=%s\0" % pair for pair in variables.items()))
    if body_length:
        with _create(directory, BODY, owner) as file:
            sent = 0
            while sent < body_length:
                sent += os.sendfile(file.fileno(), source, sent, body_length - sent)
    with _create(directory, ARGUMENTS, owner) as file:
        file.write(b"".join(os.fsencode(argument) + b"\0" for argument in command))


def clear(settings):
    """Take away what a run was told."""
    directory = path(settings.name)
    for name in reversed(FILES):
        _unlink(directory + "/" + name)
    credentials = directory + "/" + CREDENTIALS
    if os.path.isdir(credentials):
        for name in os.listdir(credentials):
            _unlink(credentials + "/" + name)
        os.rmdir(credentials)


def path(name):
    """The directory of the endpoint called name."""
    return paths.RUNTIME + "/requests/" + name


def read_items(name, file_name):
    """Return the items of a file in which each is closed by a NUL: list of bytes. Raises OSError."""
    with open(path(name) + "/" + file_name, "rb") as file:
        return file.read().split(b"\0")[:-1]


def _create(directory, name, owner):
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(directory + "/" + name, flags, 0o400)
    os.fchown(fd, owner, -1)
    return os.fdopen(fd, "wb", buffering=0)


def _unlink(file):
    try:
        os.unlink(file)
    except FileNotFoundError:
        pass
