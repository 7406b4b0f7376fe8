"""A server of this machine, for the time of a check."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

# The longest time until a server answers, in seconds.
PATIENCE = 240


@contextlib.contextmanager
def started(words, log, health):
    """Starts a server with `{port}` replaced in its words, and gives its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(word).replace("{port}", str(port)) for word in words]
    with open(log, "wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        wait(lambda: get(address + health), process)
        yield address
    finally:
        process.terminate()
        process.wait()


def get(address):
    """Returns the body of a page."""
    with urllib.request.urlopen(address, timeout=30) as reply:
        return reply.read()


def wait(ask, process=None):
    """Asks again until the answer is true, and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process is None or process.poll() is None, "the server ended"
        try:
            if answer := ask():
                return answer
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"no answer in {PATIENCE} s")
