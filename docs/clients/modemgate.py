"""A small client of modemgate's API for test suites: one file, Python 3.9 and later, no dependencies.

    gate = Modemgate("http://127.0.0.1:8090", token)
    r = gate.reserve(ttl_s=300, country="DE")
    sign_up(r["number"])
    m = gate.wait(r["id"], regex=r"\\d{6}", timeout_s=120)      # None: nothing came
    gate.release(r["id"])
"""
import json
import time
import urllib.error
import urllib.parse
import urllib.request


class Problem(Exception):
    """A refusal (RFC 9457); code is of the list in api.md."""

    def __init__(self, status, body):
        super().__init__(f"{body.get('code')}: {body.get('title')} {body.get('detail') or ''}")
        self.status, self.code, self.body = status, body.get("code"), body


class Modemgate:
    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token

    def _open(self, method, path, body=None, timeout=70):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(self.url + path, data, {"Authorization": "Bearer " + self.token}, method=method)
        if data is not None:
            req.add_header("Content-Type", "application/json")
        try:
            return urllib.request.urlopen(req, timeout=timeout)
        except urllib.error.HTTPError as e:
            try:
                problem = json.load(e)
            except ValueError:
                problem = {"code": None, "title": e.reason}
            raise Problem(e.code, problem) from None

    def _call(self, method, path, body=None):
        with self._open(method, path, body) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def reserve(self, ttl_s=600, **selectors):
        """Takes a number; selectors: number, country, operator, tag, purpose, wait_s."""
        return self._call("POST", "/v1/reservations", {"ttl_s": ttl_s, **selectors})

    def release(self, reservation):
        """Gives a number back; once more is no error."""
        self._call("DELETE", "/v1/reservations/" + urllib.parse.quote(reservation))

    def wait(self, reservation, timeout_s=60, **match):
        """The first message of a reservation that matches (from_, contains, regex), over as many calls as that takes; None when none comes in time."""
        if "from_" in match:
            match["from"] = match.pop("from_")
        body = {"reservation": reservation, "match": match, "timeout_s": timeout_s}
        while True:
            answer = self._call("POST", "/v1/wait", body)
            if answer["outcome"] == "matched":
                return answer["messages"][0]
            if answer["outcome"] != "pending":
                return None
            body.pop("timeout_s", None)  # one answer takes at most 55 s: go on where it ended
            body.update(deadline=answer["deadline"], after=answer["after"])

    def start_test(self, **body):
        """Opens a delivery test; body is that of POST /v1/tests."""
        return self._call("POST", "/v1/tests", body)

    def sent(self, test, item, sent_at, **more):
        """Says when an item's message was sent (a datetime with a zone); more: provider_id, token, text."""
        path = f"/v1/tests/{urllib.parse.quote(test)}/items/{item}/sent"
        return self._call("PUT", path, {"sent_at": sent_at.isoformat(), **more})

    def finished(self, test):
        """Waits until a test is closed, over as many calls as that takes."""
        while True:
            answer = self._call("GET", f"/v1/tests/{urllib.parse.quote(test)}?wait_s=50")
            if answer["state"] != "open":
                return answer

    def events(self, after=None):
        """Yields events, from after on (None: from now), and comes back with the last id when the stream breaks."""
        while True:
            try:
                path = "/v1/events" + ("?after=" + urllib.parse.quote(after) if after else "")
                with self._open("GET", path, timeout=40) as stream:  # a comment comes every 15 s
                    for line in stream:
                        if line.startswith(b"data: "):
                            event = json.loads(line[6:])
                            yield event
                            after = event["id"]
            except Problem as e:
                if e.status < 500 and e.status != 429:
                    raise
            except (OSError, ValueError):
                pass
            time.sleep(1)
