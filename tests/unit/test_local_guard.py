"""Which requests a local fleet's servers take: a table of what programs and browsers send."""

from __future__ import annotations

import pytest

from ops.local.guard import refusal

HOST = {"host": "127.0.0.1:4566"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:4566",
        "127.73.0.5:80",
        "localhost:4566",
        "LOCALHOST",
        "payloads.localhost:4566",
        "a.b-c.s3.localhost",
        "[::1]:4566",
    ],
)
def test_this_computer_s_own_names_are_taken(host: str) -> None:
    assert refusal("GET", {"host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "rebound.example",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "evil-localhost",
        "127.0.0.1:4566,rebound.example",
        "127.0.0.1:4566\n",
        "10.0.0.1",
        "0.0.0.0:4566",
        "[::]:4566",
        "user@127.0.0.1",
        ".localhost",
    ],
)
def test_a_name_of_others_is_refused_though_it_leads_here(host: str) -> None:
    why = refusal("GET", {"host": host})
    assert why is not None
    assert why.startswith("Host: expected an address of 127.0.0.0/8, ")
    assert repr(host)[:80] in why


def test_a_request_without_a_host_is_refused() -> None:
    assert refusal("GET", {}) is not None


@pytest.mark.parametrize("origin", ["https://site.example", "null", "http://127.0.0.1:4566", ""])
def test_a_page_of_any_origin_is_refused(origin: str) -> None:
    why = refusal("POST", {**HOST, "origin": origin})
    assert why is not None
    assert why.startswith(f"Origin: expected none, found {origin!r}: call it from a program")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "None", ""])
def test_what_a_page_loads_is_refused(site: str) -> None:
    why = refusal("GET", {**HOST, "sec-fetch-site": site})
    assert why is not None
    assert why.startswith("Sec-Fetch-Site: expected none, found ")


def test_an_address_that_a_person_typed_is_taken() -> None:
    assert refusal("GET", {**HOST, "sec-fetch-site": "none"}) is None


def test_a_preflight_is_refused_and_programs_methods_are_not() -> None:
    why = refusal("OPTIONS", HOST)
    assert why is not None
    assert why.startswith("OPTIONS: expected another method")
    for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
        assert refusal(method, HOST) is None


def test_what_is_shown_of_a_header_is_one_short_line() -> None:
    why = refusal("GET", {**HOST, "origin": "x\r\n" * 1000})
    assert why is not None
    assert len(why) < 250
    assert "\n" not in why
