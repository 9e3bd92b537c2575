"""The payables desk: what an agent can look up and do while it processes one invoice.

Every public method of ``Desk`` is a tool: its docstring and the names of its arguments are what
the agent is told. How an invoice should be processed is not in here but in ``verifier.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from .records import Credit, Invoice, Order, Supplier, Task
from .tasks import PEOPLE, SUPPLIERS, VOUCHERS

TODAY = date(2025, 3, 10)
MAX_TURNS = 8
OPEN_PERIODS = ("2025-02", "2025-03")
THURSDAY = 3
SYSTEM = (
    "You are the accounts-payable assistant of Norrfell Boatyard. "
    f"Today is {TODAY:%A %Y-%m-%d}. Process the invoice that the user names, with the tools. "
    "At the end it is either booked with its payment planned, or on hold. "
    f"Nobody can answer questions meanwhile, and the system ends your session after {MAX_TURNS} "
    "calls, so choose what you look up. "
    "When you are done, tell the user in a sentence or two what you did."
)
ERRORS = {
    "E001": "unknown function ",
    "E002": "arguments are not a JSON object",
    "E003": "arguments needed: ",
    "E104": "record not found",
    "E214": "amount not accepted",
    "E217": "period not open",
    "E221": "date not accepted",
    "E301": "wrong document status",
    "E322": "item cannot be set off",
}

Row = Mapping[str, object]
Result = Row | Sequence[Row]


class ToolError(Exception):
    """A refusal of the system; the agent sees it as the result of its call."""

    def __init__(self, code: str, detail: str = "") -> None:
        """Compose the message from the code."""
        super().__init__(f"{code} {ERRORS[code]}{detail}")


@dataclass(frozen=True)
class Booking:
    """What has been done with the invoice so far."""

    approver: str = ""
    supplier_id: str = ""
    amount: Decimal = Decimal(0)
    period: str = ""
    set_off: tuple[Credit, ...] = ()
    planned: date | None = None
    payment: Decimal = Decimal(0)
    on_hold: bool = False

    @property
    def open_amount(self) -> Decimal:
        """The booked amount less the credit notes set off."""
        return self.amount - sum(credit.amount for credit in self.set_off)


class Desk:
    """The system of the yard during one task."""

    def __init__(self, task: Task) -> None:
        """Start with the task's invoice unprocessed."""
        self.task = task
        self.booking = Booking()

    def get_invoice(self, invoice_id: str) -> Result:
        """Show an invoice."""
        invoice = self._invoice(invoice_id)
        shown = asdict(invoice) | {"order": invoice.order and invoice.order.order_id}
        return {k: v for k, v in shown.items() if k != "work_done"} | {"total": invoice.total}

    def get_order(self, order_id: str) -> Result:
        """Show a purchase order."""
        order = self._order(order_id)
        lines = [asdict(line) for line in order.lines]
        return {"order_id": order_id, "supplier_id": order.supplier_id, "lines": lines}

    def list_deliveries(self, order_id: str) -> Result:
        """List the goods received for an order."""
        return [asdict(delivery) for delivery in self._order(order_id).deliveries]

    def find_supplier(self, name: str) -> Result:
        """Search the supplier list."""
        word = name.casefold().split()[:1]
        found = [s for s in SUPPLIERS if s.name.casefold().split()[:1] == word]
        return [{"supplier_id": s.supplier_id, "name": s.name, "city": s.city} for s in found]

    def get_supplier(self, supplier_id: str) -> Result:
        """Show a supplier record."""
        return asdict(_supplier(supplier_id))

    def list_vouchers(self, supplier_id: str) -> Result:
        """List earlier invoices of a supplier."""
        record = _supplier(supplier_id)
        earlier = [asdict(v) for v in VOUCHERS if v.supplier_id == record.supplier_id]
        return [{k: v for k, v in voucher.items() if k != "paid"} for voucher in earlier]

    def list_open_items(self, supplier_id: str) -> Result:
        """List the open items of a supplier."""
        record = _supplier(supplier_id)
        rows: list[Row] = [
            {"item_id": credit.item_id, "text": credit.text, "amount": -credit.amount}
            for credit in self._credits(record.supplier_id)
        ]
        if self.booking.supplier_id == record.supplier_id:
            item = self.task.invoice.invoice_id
            rows.append({"item_id": item, "text": "invoice", "amount": self.booking.open_amount})
        return rows

    def find_person(self, name: str) -> Result:
        """Search the staff directory."""
        return [asdict(person) for person in PEOPLE if name.casefold() in person.name.casefold()]

    def request_approval(self, invoice_id: str, person: str) -> Result:
        """Have an invoice signed off."""
        self._invoice(invoice_id, booked=False)
        if person not in {known.name for known in PEOPLE}:
            raise ToolError("E104")
        self.booking = replace(self.booking, approver=person)
        return {"invoice_id": invoice_id, "status": f"signed off by {person}"}

    def book_invoice(self, invoice_id: str, supplier_id: str, amount: str, period: str) -> Result:
        """Enter an invoice in the ledger. Cannot be undone."""
        invoice = self._invoice(invoice_id, booked=False)
        record, value = _supplier(supplier_id).supplier_id, _amount(amount)
        if period not in OPEN_PERIODS:
            raise ToolError("E217")
        if value > invoice.total:
            raise ToolError("E214")
        self.booking = replace(self.booking, supplier_id=record, amount=value, period=period)
        return {"invoice_id": invoice_id, "status": "booked", "open": value}

    def set_off(self, invoice_id: str, item_id: str) -> Result:
        """Set an open item off against a booked invoice."""
        self._invoice(invoice_id, booked=True)
        booking = self.booking
        credit = next((c for c in self._credits(booking.supplier_id) if c.item_id == item_id), None)
        if credit is None:
            raise ToolError("E322")
        self.booking = replace(booking, set_off=(*booking.set_off, credit))
        return {"invoice_id": invoice_id, "open": self.booking.open_amount}

    def plan_payment(self, invoice_id: str, day: str) -> Result:
        """Plan the payment of a booked invoice, or plan it anew."""
        self._invoice(invoice_id, booked=True)
        planned = _day(day)
        self.booking = replace(self.booking, planned=planned, payment=self.booking.open_amount)
        file = f"BF{leaves(planned):%y%m%d}"
        return {"planned": planned, "amount": self.booking.payment, "bank_file": file}

    def hold_invoice(self, invoice_id: str, reason: str) -> Result:
        """Put an invoice on hold instead of booking it. Cannot be undone."""
        self._invoice(invoice_id, booked=False)
        self.booking = replace(self.booking, on_hold=True)
        return {"invoice_id": invoice_id, "status": f"on hold: {reason}"}

    def _invoice(self, invoice_id: str, *, booked: bool | None = None) -> Invoice:
        """Return the invoice; refuse if ``booked`` is given and does not match its status."""
        if invoice_id != self.task.invoice.invoice_id:
            raise ToolError("E104")
        if booked is not None and (self.booking.on_hold or booked != bool(self.booking.period)):
            raise ToolError("E301")
        return self.task.invoice

    def _order(self, order_id: str) -> Order:
        order = self.task.invoice.order
        if order is None or order.order_id != order_id:
            raise ToolError("E104")
        return order

    def _credits(self, supplier_id: str) -> list[Credit]:
        mine = [c for c in self.task.credits if c.supplier_id == supplier_id]
        return [credit for credit in mine if credit not in self.booking.set_off]


def _supplier(supplier_id: str) -> Supplier:
    for supplier in SUPPLIERS:
        if supplier.supplier_id == supplier_id:
            return supplier
    raise ToolError("E104")


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise ToolError("E214") from error
    if not amount.is_finite() or amount <= 0:
        raise ToolError("E214")
    return amount


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ToolError("E221") from error
    if not TODAY <= day <= TODAY + timedelta(days=365):
        raise ToolError("E221")
    return day


def leaves(planned: date) -> date:
    """Return the date of the bank file that includes a payment planned for ``planned``."""
    return planned + timedelta(days=(THURSDAY - planned.weekday()) % 7)
