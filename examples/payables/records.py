"""The records of the payables desk. They do not change while a task is played."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Person:
    """Somebody who works at the yard."""

    name: str
    role: str
    reports_to: str | None


@dataclass(frozen=True)
class Supplier:
    """One record of the supplier list; a supplier may have more than one."""

    supplier_id: str
    name: str
    city: str
    account: str
    created: date


@dataclass(frozen=True)
class Voucher:
    """An earlier invoice, as it was booked and paid; all text, because it is only shown."""

    supplier_id: str
    invoice_id: str
    invoiced: str
    due: str
    order: str
    billed: str
    booked: str
    period: str
    approved_by: str
    paid: str


@dataclass(frozen=True)
class Line:
    """A line of an invoice or of an order."""

    item: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Delivery:
    """Goods that the warehouse booked in."""

    received: date
    item: str
    quantity: int


@dataclass(frozen=True)
class Order:
    """A purchase order and what has arrived for it."""

    order_id: str
    supplier_id: str
    lines: tuple[Line, ...]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True)
class Invoice:
    """An invoice as received; without an order, ``work_done`` is the date its text gives."""

    invoice_id: str
    supplier: str
    contact: str
    invoiced: date
    due: date
    lines: tuple[Line, ...]
    account: str
    order: Order | None = None
    work_done: date | None = None

    @property
    def total(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.quantity * line.price for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Credit:
    """An open credit note: money the supplier owes the yard."""

    item_id: str
    supplier_id: str
    text: str
    amount: Decimal


@dataclass(frozen=True)
class Task:
    """One invoice to process, and the credit notes open on that day."""

    task_id: str
    invoice: Invoice
    credits: tuple[Credit, ...] = ()

    @property
    def text(self) -> str:
        """What the user asks for."""
        invoice = self.invoice
        return f"Please process invoice {invoice.invoice_id} from {invoice.supplier}."
