"""Reading a page of metrics, as Prometheus does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    import aiohttp


async def scrape(http: aiohttp.ClientSession, url: str) -> dict[tuple[str, str], float]:
    """By the sample's name and the value of its only label, empty where it has none."""
    async with http.get(url) as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
