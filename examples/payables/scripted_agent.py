"""An agent for the payables desk, as a script: the second agent of docs/tutorial.md.

It stands in for a language model, so that the tutorial runs offline and always the same. Without
experiences it books what the invoice says. An experience changes that if the script finds in it
one of the phrases in `PHRASES`; a model would understand any wording. It processes the invoices
that are not in the recording, each without experiences and with those that `get_experiences`
returns, and the verifier gives the rewards. Run it with
`python -m examples.payables.scripted_agent`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mcp import Client, StdioServerParameters

from examples.clients.python_client import call

from .environment import THURSDAY
from .records import Task
from .session import Attempt, Session, ToolCall
from .tasks import TASKS

RECORDED = {"bolts", "cloth", "paint", "wiring"}
UNSEEN = tuple(task for task in TASKS if task.task_id not in RECORDED)
PHRASES = {
    "pay_on_thursday": "thursday on or before the due date",
    "book_received": "book the received quantities at the agreed prices",
    "set_off_credits": "set off an open credit",
    "book_in_delivery_month": "book in the month of delivery",
    "ask_superior": "request approval from that person's superior",
    "check_account": "account printed on the invoice",
}


@dataclass(frozen=True)
class Habits:
    """What the agent does beyond booking what the invoice says."""

    pay_on_thursday: bool = False
    book_received: bool = False
    set_off_credits: bool = False
    book_in_delivery_month: bool = False
    ask_superior: bool = False
    check_account: bool = False

    @classmethod
    def learned_from(cls, experiences: Iterable[str]) -> Habits:
        """The habits that experiences advise."""
        text = " ".join(experiences).casefold()
        return cls(**{habit: phrase in text for habit, phrase in PHRASES.items()})


class ScriptedAgent:
    """One attempt at one invoice."""

    def __init__(self, task: Task, habits: Habits) -> None:
        """Begin with the invoice untouched."""
        self._session = Session(task, "script")
        self._invoice_id = task.invoice.invoice_id
        self._habits = habits

    def play(self) -> Attempt:
        """Process the invoice; the attempt comes with its reward."""
        (invoice,) = self._call(("get_invoice", {"invoice_id": self._invoice_id}))
        supplier = self._supplier(invoice)
        if supplier is None:
            reason = "no supplier record has this account"
            self._call(("hold_invoice", {"invoice_id": self._invoice_id, "reason": reason}))
            self._session.finish("The invoice is on hold.")
        else:
            self._book(invoice, supplier)
            self._session.finish("The invoice is booked and its payment planned.")
        return self._session.attempt()

    def _supplier(self, invoice: Mapping[str, Any]) -> str | None:
        (found,) = self._call(("find_supplier", {"name": invoice["supplier"]}))
        ids: list[str] = [row["supplier_id"] for row in found]
        if not self._habits.check_account:
            return ids[0]
        records = self._call(*(("get_supplier", {"supplier_id": id_}) for id_ in ids))
        paid = (r["supplier_id"] for r in records if r["account"] == invoice["account"])
        return next(paid, None)

    def _book(self, invoice: Mapping[str, Any], supplier: str) -> None:
        own = {"invoice_id": self._invoice_id}
        amount, period = invoice["total"], invoice["invoiced"][:7]
        if invoice["order"]:
            amount, period = self._ordered(invoice, amount, period)
        elif self._habits.ask_superior:
            (people,) = self._call(("find_person", {"name": invoice["contact"]}))
            self._call(("request_approval", {**own, "person": people[0]["reports_to"]}))
        booking = {"supplier_id": supplier, "amount": amount, "period": period}
        _, items = self._call(
            ("book_invoice", {**own, **booking}),
            ("list_open_items", {"supplier_id": supplier}),
        )
        credits_ = [item["item_id"] for item in items if item["amount"].startswith("-")]
        if self._habits.set_off_credits and credits_:
            self._call(*(("set_off", {**own, "item_id": item}) for item in credits_))
        self._call(("plan_payment", {**own, "day": self._payment_day(invoice["due"])}))

    def _ordered(self, invoice: Mapping[str, Any], amount: str, period: str) -> tuple[str, str]:
        """Amount and period of an invoice with an order, as the habits want them."""
        arguments = {"order_id": invoice["order"]}
        order, deliveries = self._call(("get_order", arguments), ("list_deliveries", arguments))
        if self._habits.book_received:
            agreed = {line["item"]: Decimal(line["price"]) for line in order["lines"]}
            amount = str(sum(d["quantity"] * agreed[d["item"]] for d in deliveries))
        if self._habits.book_in_delivery_month:
            period = max(delivery["received"] for delivery in deliveries)[:7]
        return amount, period

    def _payment_day(self, due: str) -> str:
        day = date.fromisoformat(due)
        if self._habits.pay_on_thursday:
            day -= timedelta(days=(day.weekday() - THURSDAY) % 7)
        return day.isoformat()

    def _call(self, *calls: tuple[str, Mapping[str, str]]) -> list[Any]:
        """Call tools in one turn; their results."""
        made: list[ToolCall] = [
            {
                "id": f"call_{self._session.turns + 1}_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(calls, start=1)
        ]
        return [json.loads(result) for result in self._session.act(None, made)]


def trajectory(attempt: Attempt, retrieval_id: str | None = None) -> dict[str, object]:
    """An attempt as `submit_group` takes it."""
    given = {"retrieval_id": retrieval_id} if retrieval_id else {}
    result = {"reward": attempt.reward, "feedback": attempt.feedback, "model": attempt.model}
    return {"messages": attempt.messages, **result, **given}


async def main(library: str, *, report: bool) -> None:
    """Process every unseen invoice twice, and print what that earned."""
    parameters = StdioServerParameters(  # yours: command="uvx", args=["experience-mcp", "serve"]
        command=sys.executable,
        args=["-P", "-m", "server.cli", "serve"],
        env={k: v for k, v in os.environ.items() if k == "EXPERIENCE_MCP_DATABASE"},
    )
    without: list[Attempt] = []
    informed: list[Attempt] = []
    signals = 0
    async with Client(parameters) as client:
        print("invoice   without  with   what was wrong with experiences")
        for task in UNSEEN:
            found = await call(client, "get_experiences", task=task.text, library=library)
            habits = Habits.learned_from(found["experiences"].values())
            without.append(ScriptedAgent(task, Habits()).play())
            informed.append(ScriptedAgent(task, habits).play())
            _print(without[-1], informed[-1])
            if report:
                pair = [trajectory(without[-1]), trajectory(informed[-1], found["retrieval_id"])]
                group = {"task": task.text, "group_id": task.task_id, "trajectories": pair}
                signals += (await call(client, "submit_group", library=library, **group))["signal"]
    won = [
        f"{sum(attempt.reward for attempt in arm):g} of {len(arm)}" for arm in (without, informed)
    ]
    print(f"settled   {won[0]}   {won[1]}")
    if report:
        print(f"reported  {len(UNSEEN)} groups, {signals} with signal")


def _print(without: Attempt, informed: Attempt) -> None:
    wrong = "" if informed.reward else informed.feedback.partition(": ")[2]
    line = f"{without.task_id:8}  {without.reward:<7g}  {informed.reward:<5g}  {wrong}"
    print(line.rstrip())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--library", default="payables", help="library to ask")
    parser.add_argument("--report", action="store_true", help="submit the attempts to it as well")
    options = parser.parse_args()
    asyncio.run(main(options.library, report=options.report))
