"""What of a job is shown, and what is not."""

from __future__ import annotations

import pytest

from crony_ops.model.hiding import HIDDEN, shown_field, shown_job, shown_url
from crony_ops.model.job import Job


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("env.PGPASSWORD", "hunter2", HIDDEN),
        ("env.PGHOST", "db", "db"),
        ("env.DB_PASSWORD", "", ""),
        ("env.API_TOKEN", "${file:/etc/token}", "${file:/etc/token}"),
        ("env.API_TOKEN", "${file:/etc/token}hunter2", HIDDEN),
        ("http.headers.Authorization", "Bearer hunter2", HIDDEN),
        ("http.headers.Authorization", "Bearer ${env:TOKEN}", "Bearer ${env:TOKEN}"),
        ("http.headers.X.Api-Key", "hunter2", HIDDEN),
        ("http.headers.Accept", "text/plain", "text/plain"),
        ("http.query.access_token", "hunter2", HIDDEN),
        ("http.query.page", "2", "2"),
        ("description", "the password is kept by Anna", "the password is kept by Anna"),
        ("timeout", 30, 30),
        ("http.url", None, None),
    ],
)
def test_fields(path: str, value: object, shown: object) -> None:
    assert shown_field(path, value) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x?a=1", "https://h/x?a=1"),
        ("https://anna:hunter2@h:8443/x", f"https://anna:{HIDDEN}@h:8443/x"),
        ("https://anna:hunt@er/2@h/x", f"https://anna:{HIDDEN}@er/2@h/x"),
        ("https://hunter2@h/x", f"https://{HIDDEN}@h/x"),
        ("https://anna:${file:/etc/p@ss}@h/x", "https://anna:${file:/etc/p@ss}@h/x"),
        ("https://${env:USER}:${env:PASS}@h/x", "https://${env:USER}:${env:PASS}@h/x"),
        ("https://anna:$${hunter@h/x", f"https://anna:{HIDDEN}@h/x"),
        ("https://h/x?token=hunter2&a=1#f", f"https://h/x?token={HIDDEN}&a=1#f"),
        ("https://h/x?token=${env:A}", "https://h/x?token=${env:A}"),
        ("https://h/mail@example.com?q=a:b@c", "https://h/mail@example.com?q=a:b@c"),
        ("https://" + "${env:A}" * 2000, "https://" + "${env:A}" * 2000),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_job_is_shown_without_its_secrets() -> None:
    job = Job.model_validate(
        {
            "schedule": "@daily",
            "http": {
                "url": "https://anna:hunter2@h/?key=hunter2",
                "query": {"token": "hunter2"},
                "headers": {"Cookie": "hunter2", "Accept": "*/*"},
            },
        }
    )
    shown = shown_job(job.model_dump(mode="json"))
    assert "hunter2" not in str(shown)
    assert shown["http"]["headers"]["Accept"] == "*/*"
