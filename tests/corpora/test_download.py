import errno
import gc
import hashlib
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lmbench.corpora import download as module
from lmbench.corpora.download import cache_path, compute_sha256, download
from lmbench.errors import CorpusError, UnavailableError
from lmbench.progress import SILENT
from tests.recording import Recorded

# requests does not close the socket of a response whose headers are wrong or never end
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CONTENT = bytes(range(256)) * 4000


class Handler(SimpleHTTPRequestHandler):
    """Serves byte ranges after `seconds`, and records them; drops the connection after `limit` bytes, if it is set."""

    def __init__(self, *args, server_state, **kwargs):
        self.state = server_state
        super().__init__(*args, **kwargs)

    def do_GET(self):
        requested = self.headers.get("Range")
        self.state.requests.append(requested)
        time.sleep(self.state.seconds)
        if self.path != "/file":
            return self.send_error(404)
        content, start = self.state.content, 0
        if requested and self.state.ranges:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.state.limit])
        return None

    def log_message(self, *args):
        pass


class State:
    seconds = 0.0
    content, ranges, limit = CONTENT, True, None

    def __init__(self):
        self.requests = []


@pytest.fixture
def state():
    return State()


@pytest.fixture
def url(state, monkeypatch, tmp_path):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "lmbench"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, server_state=state)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/file"
        http.shutdown()
        thread.join()


def sha(content=CONTENT):
    return hashlib.sha256(content).hexdigest()


def leftovers():
    """The suffixes of the files in the cache, except locks."""
    return sorted(path.suffix for path in cache_path(sha()).parent.iterdir() if path.suffix != ".lock")


def test_a_file_is_downloaded_once_and_stored_under_its_sha256(url, state):
    progress = Recorded()
    place = download([url], sha(), progress)
    assert place == cache_path(sha())
    assert place.read_bytes() == CONTENT
    assert compute_sha256(place) == sha()
    assert progress.downloads[-1] == (url, len(CONTENT), len(CONTENT))
    assert download([url], sha()) == place
    assert state.requests == [None]
    assert leftovers() == [""]


def test_a_second_process_waits_and_downloads_nothing(url, state):
    """The server delays the first request for long enough that the second one would arrive, if nothing held it back."""
    state.seconds = 0.5
    start = threading.Barrier(2)

    def fetch(_):
        start.wait()
        return download([url], sha())

    with ThreadPoolExecutor(2) as pool:
        places = list(pool.map(fetch, range(2)))
    assert places == [cache_path(sha())] * 2
    assert places[0].read_bytes() == CONTENT
    assert state.requests == [None]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_resumes(url, state, ranges):
    state.limit = 300_000
    with pytest.raises(UnavailableError, match=r"cannot download http://127.*/file \(ChunkedEncodingError\)"):
        download([url], sha())
    assert leftovers() == [".partial"]
    arrived = cache_path(sha()).with_suffix(".partial").stat().st_size
    assert arrived > 200_000
    state.limit, state.ranges = None, ranges
    assert download([url], sha()).read_bytes() == CONTENT
    assert state.requests == [None, f"bytes={arrived}-"]
    assert leftovers() == [""]


def test_a_partial_file_that_is_complete_is_used(url, state):
    cache_path(sha()).parent.mkdir(parents=True)
    cache_path(sha()).with_suffix(".partial").write_bytes(CONTENT)
    assert download([url], sha()).read_bytes() == CONTENT


def test_a_partial_file_of_another_file_is_discarded(url, state):
    cache_path(sha()).parent.mkdir(parents=True)
    cache_path(sha()).with_suffix(".partial").write_bytes(b"something else")
    assert download([url], sha()).read_bytes() == CONTENT
    assert state.requests == ["bytes=14-", None]


def test_unexpected_bytes_are_deleted_and_the_next_attempt_works(url, state):
    state.content = b"tampered"
    with pytest.raises(
        CorpusError, match=r"cannot download .*/file \(another file: sha256 .*…, expected .*it was deleted"
    ):
        download([url], sha())
    assert leftovers() == []
    state.content = CONTENT
    assert download([url], sha()).read_bytes() == CONTENT


def test_the_next_address_is_tried(url):
    nowhere, missing = "http://127.0.0.1:9/file", url.replace("/file", "/missing")
    assert download([nowhere, missing, url], sha()).read_bytes() == CONTENT
    with pytest.raises(UnavailableError, match=r":9/file \(ConnectionError\); .*/missing \(HTTP 404\)"):
        download([nowhere, missing], sha(b"another"))


def test_a_full_disk_is_one_line_and_the_next_attempt_resumes(url, state, monkeypatch):
    opened = module.Path.open

    def full(path, mode="r", *args, **kwargs):
        if "b" in mode and path.suffix == ".partial" and "r" not in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(module.Path, "open", full)
    with pytest.raises(UnavailableError, match=r"cannot write .*: No space left on device; free some space"):
        download([url], sha())
    monkeypatch.setattr(module.Path, "open", opened)
    assert download([url], sha()).read_bytes() == CONTENT


def test_a_page_instead_of_the_file_does_not_discard_the_partial_file(url, state):
    """Such as a login page, which a server sends completely for any range."""
    cache_path(sha()).parent.mkdir(parents=True)
    cache_path(sha()).with_suffix(".partial").write_bytes(CONTENT[:1000])
    state.content, state.ranges = b"<html>", False
    with pytest.raises(CorpusError, match="another file"):
        download([url], sha())
    assert leftovers() == [".partial"]
    state.content, state.ranges = CONTENT, True
    assert download([url], sha()).read_bytes() == CONTENT
    assert state.requests == ["bytes=1000-", "bytes=1000-"]


def test_a_cache_that_cannot_be_written_is_named(url, tmp_path):
    (tmp_path / "lmbench").write_text("a file")
    with pytest.raises(UnavailableError, match=r"cannot write .*lmbench.*; LMBENCH_CACHE sets another folder"):
        download([url], sha())


def test_nothing_is_requested_offline(url, state, monkeypatch):
    monkeypatch.setenv("LMBENCH_OFFLINE", "1")
    sha256 = hashlib.sha256(state.content).hexdigest()
    with pytest.raises(UnavailableError, match="is not on this machine, and --offline downloads nothing"):
        download([url], sha256)
    assert state.requests == []


def test_a_server_that_sends_more_than_the_file_is_given_up_on(url, state):
    state.content = CONTENT + bytes(1 << 24)
    progress = Recorded()
    with pytest.raises(
        CorpusError, match=r"/file \(another file: more than 1,024,000 bytes, expected .*it was deleted"
    ):
        download([url], sha(), progress, len(CONTENT))
    assert progress.downloads[-1][1] < 2 * len(CONTENT)
    assert leftovers() == []
    state.content = CONTENT
    assert download([url], sha(), SILENT, len(CONTENT)).read_bytes() == CONTENT


class Raw(BaseHTTPRequestHandler):
    """Sends `head`, and then `body` again and again, slowly or at once, until nobody listens or the server closes.

    In the end it resets the connection, so that a thread that was given up on ends with an error.
    """

    def __init__(self, *args, head, body, seconds, **kwargs):
        self.head, self.body, self.seconds = head, body, seconds
        super().__init__(*args, **kwargs)

    def do_GET(self):
        with suppress(ConnectionError):
            self.wfile.write(self.head)
            while self.body and not self.server.closing.wait(self.seconds):
                self.wfile.write(self.body)
        if self.body:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Return a function that starts a server of raw bytes and returns its address."""
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "lmbench"))
    with ExitStack() as stack:

        def start(head, body=b"", seconds=0.0):
            http = stack.enter_context(
                ThreadingHTTPServer(("127.0.0.1", 0), partial(Raw, head=head, body=body, seconds=seconds))
            )
            http.closing = threading.Event()
            thread = threading.Thread(target=http.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(http.shutdown)
            stack.callback(http.closing.set)
            return f"http://127.0.0.1:{http.server_port}/file"

        yield start
    gc.collect()  # closes sockets here and not in another module's tests


OK = b"HTTP/1.0 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [(OK + b"Content-Length: 1024000\r\n\r\n", b"a"), (OK, b"X-Header: a\r\n"), (b"", b"a")],
    ids=["body", "headers", "status"],
)
def test_a_server_that_is_too_slow_is_given_up_on(serve, monkeypatch, head, body):
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    started = time.perf_counter()
    with pytest.raises(UnavailableError, match=r"cannot download .*/file \(less than 64 KiB in 0 seconds\)"):
        download([serve(head, body, 0.1)], sha())
    assert time.perf_counter() - started < 5


def test_an_endless_server_is_given_up_on(serve, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    with pytest.raises(CorpusError, match=r"another file: more than 1,048,576 bytes"):
        download([serve(OK + b"\r\n", bytes(1 << 16))], sha(), SILENT, module.LARGEST)
    assert leftovers() == []


@pytest.mark.parametrize("length", [b"many", b"-5", b"9" * 5000, "٣".encode(), b"5, 6", b""])
def test_a_wrong_content_length_is_one_line(serve, length):
    with pytest.raises((CorpusError, UnavailableError), match=r"^cannot download .*/file") as error:
        download([serve(OK + b"Content-Length: " + length + b"\r\n\r\nabc")], sha())
    assert "\n" not in str(error.value)


def test_a_file_without_a_content_length_is_downloaded(serve):
    assert download([serve(OK + b"Content-Length: many\r\n\r\nabc")], sha(b"abc")).read_bytes() == b"abc"
