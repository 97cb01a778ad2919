"""Requests that are drawn from the interface's own description: no answer of 5xx, none undescribed."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
QUICK = ["/api/target", "/api/landmarks", "/api/commands", "/api/patient", "/api/stop",
         "/api/rehearsal/speed", "/api/seat/answer", "/api/seat/beat"]  # fmt: skip
DRAWN = settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def operations(running):
    """Every operation of the interface, by its path and method."""
    schema = schemathesis.openapi.from_url(running.operate + "api/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def draw(operation, running, headers):
    """Send requests that are drawn from an operation's description."""

    @DRAWN
    @given(case=operation.as_strategy())
    def drawn(case):
        case.call_and_validate(base_url=running.operate, headers=headers, checks=CHECKS)

    drawn()


def test_who_has_not_the_seat_gets_described_answers(operations, running):
    assert len(operations) >= 20
    for operation in operations:
        draw(operation, running, {})


def test_who_has_the_seat_gets_described_answers(operations, running):
    chosen = [o for o in operations if o.path in QUICK]
    assert len(chosen) == len(QUICK)
    for operation in chosen:
        running.desk.seat._give("drawn", "tester")
        draw(operation, running, {"x-insonate-seat": "drawn"})


def test_the_description_names_every_request_and_every_refusal(running):
    with running.client() as client:
        told = client.get("api/openapi.json").json()
    asked = {
        (path, method)
        for path, methods in told["paths"].items()
        for method in methods
        if method != "get"
    }
    assert len(asked) >= 15
    for path, method in asked:
        if path != "/api/seat":
            assert "403" in told["paths"][path][method]["responses"], (path, method)
