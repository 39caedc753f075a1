"""What a web page can have a browser send to the local AWS: all of it is refused."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.cloud.local_stacks import client
from tests.pages import sent

FORM = "application/x-www-form-urlencoded"
#: A call that a page may send without asking first: a form, signed as nobody checks.
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-central-1/sqs/aws4_request, Signature=x"


def create(queue: str) -> str:
    return f"Action=CreateQueue&Version=2012-11-05&QueueName={queue}"


def queues(url: str) -> set[str]:
    found = client(url, "sqs").list_queues(QueueNamePrefix="guarded-").get("QueueUrls", [])
    return {each.rpartition("/")[2] for each in found}


@pytest.mark.parametrize(
    "browser",
    [
        {"Origin": "https://site.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example:4566"},
        {"Origin": "http://rebound.example", "Host": "rebound.example"},
    ],
)
def test_a_page_cannot_call_and_is_told_why(aws: str, browser: dict[str, str]) -> None:
    headers = {"Authorization": SIGNED, "Content-Type": FORM, **browser}
    status, text, names = sent(aws, "POST", "/", headers, create("guarded-page"))
    assert status == 403
    assert text.startswith(f"{next(iter(browser))}: expected ")
    assert text.endswith("call it from a program on this computer, by its address\n")
    assert names["content-type"] == "text/plain"
    assert not [name for name in names if name.startswith("access-control-")]
    # What came with it is not taken for a request of its own.
    assert names["connection"] == "close"
    assert "guarded-page" not in queues(aws)


def test_the_same_call_of_a_program_is_answered_and_no_page_could_read_it(aws: str) -> None:
    headers = {"Authorization": SIGNED, "Content-Type": FORM}
    status, _, names = sent(aws, "POST", "/", headers, create("guarded-program"))
    assert status == 200
    assert not [name for name in names if name.startswith("access-control-")]
    assert "guarded-program" in queues(aws)


def test_a_browser_that_asks_first_is_told_no(aws: str) -> None:
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, x-amz-target",
    }
    for headers in (asks, {**asks, "Origin": "https://site.example"}):
        status, _, names = sent(aws, "OPTIONS", "/", headers)
        assert status == 403
        assert not [name for name in names if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/_fleet/faults", "/moto-api/reset", "/latest/meta-data/"])
def test_paths_that_are_no_service_s_are_kept_from_pages_too(aws: str, path: str) -> None:
    assert sent(aws, "GET", path, {"Origin": "https://site.example"})[0] == 403
    assert sent(aws, "GET", path, {"Sec-Fetch-Site": "same-origin"})[0] == 403
    assert sent(aws, "GET", path, {"Host": "rebound.example"})[0] == 403


def test_a_bucket_may_be_a_part_of_the_host(aws: str) -> None:
    port = urlsplit(aws).port
    _, text, _ = sent(aws, "GET", "/", {"Host": f"guarded.s3.localhost:{port}"})
    assert "call it from a program" not in text
    assert "<Error>" in text or "<ListAllMyBucketsResult" in text
