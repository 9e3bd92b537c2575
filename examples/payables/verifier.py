"""The verifier of the payables desk. SPOILERS: the conventions that an agent has to find out.

1. Payments leave on Thursdays. A payment leaves on the last Thursday up to the due date.
2. The period is the month in which the goods came or the work was done, whatever the invoice says.
3. Only what was ordered and has arrived is booked, at the ordered price if that is the lower one;
   the rest of the invoice is no reason to hold it.
4. Open credit notes of the supplier are set off before the payment is planned.
5. The invoice is booked on the supplier record that has the account printed on the invoice; if
   no record has it, the invoice goes on hold.
6. An invoice without an order is signed off by the manager of the contact it names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from .environment import Booking, Desk, leaves
from .records import Invoice, Task
from .tasks import PEOPLE, SUPPLIERS


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended: 1.0 or 0.0, and one line on what was wrong."""

    reward: float
    feedback: str


def verify(desk: Desk) -> Verdict:
    """Check what was done against the yard's conventions."""
    faults = "; ".join(_faults(desk.task, desk.booking))
    if not faults:
        return Verdict(1.0, "the invoice was settled correctly")
    return Verdict(0.0, f"invoice {desk.task.invoice.invoice_id}: {faults}")


def _faults(task: Task, booking: Booking) -> Iterator[str]:
    payable = any(supplier.account == task.invoice.account for supplier in SUPPLIERS)
    if booking.on_hold:
        if payable:
            yield "nothing was paid and the supplier sent a reminder"
    elif booking.planned is None:
        yield "it is neither booked with a payment planned nor on hold"
    else:
        yield from _booking_faults(task.invoice, booking)
        yield from _payment_faults(task, booking, booking.planned)


def _booking_faults(invoice: Invoice, booking: Booking) -> Iterator[str]:
    if invoice.order is None and booking.approver != _manager(invoice.contact):
        yield "the auditors do not accept the sign-off"
    owed = _owed(invoice)
    if booking.amount != owed:
        how = "more" if booking.amount > owed else "less"
        yield f"we accepted {how} than we owe for it"
    if booking.period != f"{_supplied(invoice):%Y-%m}":
        yield "the cost is in the wrong month of the management report"


def _payment_faults(task: Task, booking: Booking, planned: date) -> Iterator[str]:
    account = next(s.account for s in SUPPLIERS if s.supplier_id == booking.supplier_id)
    if account != task.invoice.account:
        yield "the supplier says that no money has arrived on its account"
    credit = [c.amount for c in task.credits if c.supplier_id == booking.supplier_id]
    if booking.payment != booking.amount - sum(credit):
        yield "the supplier kept money that it owes us"
    if leaves(planned) > task.invoice.due:
        yield "the payment was late and cost a reminder fee"
    elif leaves(planned) + timedelta(days=7) <= task.invoice.due:
        yield "the money left our account earlier than it had to"


def _manager(name: str) -> str | None:
    return next(person.reports_to for person in PEOPLE if person.name == name)


def _owed(invoice: Invoice) -> Decimal:
    if invoice.order is None:
        return invoice.total
    amount = Decimal(0)
    ordered = {line.item: line.price for line in invoice.order.lines}
    for line in invoice.lines:
        arrived = sum(d.quantity for d in invoice.order.deliveries if d.item == line.item)
        price = min(line.price, ordered.get(line.item, Decimal(0)))
        amount += min(line.quantity, arrived) * price
    return amount


def _supplied(invoice: Invoice) -> date:
    days = [delivery.received for delivery in invoice.order.deliveries] if invoice.order else []
    return max([*days, *([invoice.work_done] if invoice.work_done else [])])
