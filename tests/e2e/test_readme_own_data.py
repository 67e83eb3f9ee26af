"""The README's own data: its dataset.toml, made-up invoices of that shape, and a service that waits for
them."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.docs.pages import fenced
from tests.e2e.readme import README, command, run, serving, status, wait_until_ready

GROUPS, ITEMS, CUSTOMERS, LINES = 6, 30, 40, 10
COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]


def _write_shop(folder: Path) -> None:
    """Customers who keep to one of the groups of items; some are unknown, some lines are cancellations."""
    (description,) = fenced(README, "toml")
    (folder / "invoices").mkdir(parents=True)
    (folder / "dataset.toml").write_text(description)
    rng, time = np.random.default_rng(1), datetime(2025, 1, 1, tzinfo=UTC).timestamp()
    for group in range(GROUPS):
        with (folder / "invoices" / f"{group}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for customer in range(CUSTOMERS):
                invoice = f"{group}{customer:03d}"
                for place in rng.choice(ITEMS, LINES, replace=False).tolist():
                    time += 60
                    writer.writerow(
                        [
                            invoice,
                            f"0{group}{place:02d}",
                            f"Thing {place} of group {group}",
                            -1 if place == 7 else 2,
                            datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                            "1.50",
                            "" if customer % 5 == 0 else f"c{invoice}",
                        ]
                    )


def test_your_data(checkout: Path) -> None:
    _write_shop(checkout / "shop")
    with serving(checkout) as port:
        assert "InvoiceDate" in run("make init-dataset FILE=shop/invoices", checkout)
        checked = run(command("make check-data"), checkout)
        assert "Nothing looks wrong." in checked
        assert "not matching where" in checked
        shown = run(command("make rebuild-index"), checkout)
        assert "not matching where" in shown
        assert "is in service" in shown
        wait_until_ready(port)
        assert status(port) == 200
    assert "has stopped" in run(command("make stop-redis"), checkout)
