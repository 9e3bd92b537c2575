"""How each task of the payables desk is won, and how it is lost. SPOILERS throughout."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from examples.payables.environment import Desk, leaves
from examples.payables.session import find_task
from examples.payables.tasks import TASKS, VOUCHERS
from examples.payables.tools import TOOLS, call_tool, tool_schemas
from examples.payables.verifier import Verdict, verify


@dataclass(frozen=True)
class Plan:
    """What an agent does with the invoice of a task; ``hold`` does away with all the rest."""

    supplier_id: str
    amount: str
    period: str
    day: str
    credit: str = ""
    approver: str = ""
    hold: bool = False
    credit_last: bool = False

    def calls(self) -> Iterator[tuple[str, dict[str, str]]]:
        """List the tool calls."""
        if self.hold:
            yield "hold_invoice", {"reason": "to be cleared up"}
            return
        if self.approver:
            yield "request_approval", {"person": self.approver}
        booking = {"supplier_id": self.supplier_id, "amount": self.amount, "period": self.period}
        yield "book_invoice", booking
        last = [("plan_payment", {"day": self.day})]
        if self.credit:
            last.insert(int(self.credit_last), ("set_off", {"item_id": self.credit}))
        yield from last


SOLUTIONS = {
    "bolts": Plan("S-118", "440.00", "2025-03", "2025-03-13"),
    "paint": Plan("S-131", "441.60", "2025-02", "2025-03-13", credit="CN-877"),
    "screws": Plan("S-118", "432.00", "2025-02", "2025-03-13"),
    "timber": Plan("S-221", "828.00", "2025-03", "2025-03-27"),
    "crane": Plan("S-163", "760.00", "2025-02", "2025-03-13", approver="Jonas Berg"),
    "cloth": Plan("S-140", "1170.00", "2025-03", "2025-03-20", credit="CN-310"),
    "wiring": Plan("S-226", "432.00", "2025-03", "2025-03-20", approver="Anika Vogt"),
    "varnish": Plan("S-131", "318.00", "2025-03", "2025-03-27", hold=True),
    "ropes": Plan("S-209", "528.00", "2025-03", "2025-03-13", credit="CN-41"),
    "anchors": Plan("S-118", "355.00", "2025-03", "2025-03-20"),
    "sails": Plan("S-140", "268.50", "2025-03", "2025-03-13", credit="CN-316"),
    "skips": Plan("S-177", "270.00", "2025-03", "2025-03-13", "CN-52", "Jonas Berg"),
    "resin": Plan("S-131", "812.00", "2025-02", "2025-03-27"),
}

LATE = "the payment was late"
EARLY = "earlier than it had to"
MONTH = "wrong month"
MORE = "we accepted more than we owe"
REMINDER = "the supplier sent a reminder"
KEPT = "the supplier kept money"
ARRIVED = "no money has arrived"
SIGNED = "do not accept the sign-off"
LOSSES: list[tuple[str, int, dict[str, str | bool], str]] = [
    ("bolts", 1, {"day": "2025-03-18"}, LATE),
    ("cloth", 1, {"day": "2025-03-26"}, LATE),
    ("cloth", 1, {"day": "2025-03-10"}, EARLY),
    ("timber", 1, {"day": "2025-03-31"}, LATE),
    ("timber", 1, {"day": "2025-03-10"}, EARLY),
    ("wiring", 1, {"day": "2025-03-21"}, LATE),
    ("anchors", 1, {"day": "2025-03-24"}, LATE),
    ("resin", 1, {"day": "2025-03-31"}, LATE),
    ("paint", 2, {"period": "2025-03"}, MONTH),
    ("screws", 2, {"period": "2025-03"}, MONTH),
    ("crane", 2, {"period": "2025-03"}, MONTH),
    ("anchors", 2, {"period": "2025-02"}, MONTH),
    ("resin", 2, {"period": "2025-03"}, MONTH),
    ("bolts", 3, {"amount": "540.00"}, MORE),
    ("bolts", 3, {"amount": "400.00"}, "we accepted less than we owe"),
    ("bolts", 3, {"hold": True}, REMINDER),
    ("screws", 3, {"amount": "468.00"}, MORE),
    ("screws", 3, {"hold": True}, REMINDER),
    ("sails", 3, {"amount": "294.00"}, MORE),
    ("resin", 3, {"amount": "860.00"}, MORE),
    ("paint", 4, {"credit": ""}, KEPT),
    ("paint", 4, {"credit_last": True}, KEPT),
    ("cloth", 4, {"credit": ""}, KEPT),
    ("ropes", 4, {"credit": ""}, KEPT),
    ("sails", 4, {"credit_last": True}, KEPT),
    ("skips", 4, {"credit": ""}, KEPT),
    ("timber", 5, {"supplier_id": "S-104"}, ARRIVED),
    ("timber", 5, {"hold": True}, REMINDER),
    ("varnish", 5, {"hold": False}, ARRIVED),
    ("ropes", 5, {"supplier_id": "S-185", "credit": ""}, ARRIVED),
    ("crane", 6, {"approver": "Elin Dahl"}, SIGNED),
    ("crane", 6, {"hold": True}, REMINDER),
    ("wiring", 6, {"approver": "Tomas Reyes"}, SIGNED),
    ("wiring", 6, {"approver": ""}, SIGNED),
    ("skips", 6, {"approver": "Ingrid Saar"}, SIGNED),
]


def outcome(task_id: str, plan: Plan) -> Verdict:
    """Carry a plan out; none of its calls is refused, whatever it breaks."""
    desk = Desk(find_task(task_id))
    invoice_id = desk.task.invoice.invoice_id
    for name, arguments in plan.calls():
        result = call_tool(desk, name, json.dumps({"invoice_id": invoice_id, **arguments}))
        assert "error" not in json.loads(result), result
    return verify(desk)


def ask(desk: Desk, tool: str, /, **arguments: str) -> str:
    """Call a tool."""
    return call_tool(desk, tool, json.dumps(arguments))


@pytest.mark.parametrize("task_id", [task.task_id for task in TASKS])
def test_every_task_can_be_won(task_id: str) -> None:
    assert outcome(task_id, SOLUTIONS[task_id]) == Verdict(1.0, "the invoice was settled correctly")


@pytest.mark.parametrize(("task_id", "rule", "change", "feedback"), LOSSES)
def test_one_broken_convention_loses_and_is_the_only_fault_in_the_feedback(
    task_id: str, rule: int, change: dict[str, str | bool], feedback: str
) -> None:
    verdict = outcome(task_id, replace(SOLUTIONS[task_id], **change))
    assert verdict.reward == 0.0, rule
    assert feedback in verdict.feedback
    assert ";" not in verdict.feedback


def test_every_convention_decides_at_least_three_tasks_and_every_task_has_one() -> None:
    decided = {(task_id, rule) for task_id, rule, _, _ in LOSSES}
    counts = Counter(rule for _, rule in decided)
    assert min(counts.values()) >= len(TASKS) // 4
    assert {task_id for task_id, _ in decided} == {task.task_id for task in TASKS}


def test_all_faults_are_named_in_one_line() -> None:
    verdict = outcome("resin", Plan("S-131", "860.00", "2025-03", "2025-03-31"))
    assert [part in verdict.feedback for part in (MORE, MONTH, LATE)] == [True] * 3
    assert "\n" not in verdict.feedback


def test_an_invoice_that_is_not_processed_loses() -> None:
    desk = Desk(find_task("bolts"))
    assert verify(desk).reward == 0.0
    ask(
        desk,
        "book_invoice",
        invoice_id="BF-4410",
        supplier_id="S-118",
        amount="440.00",
        period="2025-03",
    )
    assert "neither booked with a payment planned" in verify(desk).feedback


def test_a_new_payment_plan_replaces_the_earlier_one() -> None:
    desk = Desk(find_task("cloth"))
    booking = {"supplier_id": "S-140", "amount": "1170.00", "period": "2025-03"}
    ask(desk, "book_invoice", invoice_id="OS-7702", **booking)
    ask(desk, "plan_payment", invoice_id="OS-7702", day="2025-03-26")
    ask(desk, "set_off", invoice_id="OS-7702", item_id="CN-310")
    result = ask(desk, "plan_payment", invoice_id="OS-7702", day="2025-03-18")
    assert json.loads(result) == {
        "planned": "2025-03-18",
        "amount": "1030.00",
        "bank_file": "BF250320",
    }
    assert verify(desk).reward == 1.0


def test_earlier_vouchers_follow_the_convention_to_be_inferred() -> None:
    for voucher in VOUCHERS:
        paid, due = date.fromisoformat(voucher.paid), date.fromisoformat(voucher.due)
        assert leaves(paid) == paid <= due < paid + timedelta(days=7), voucher
        assert (voucher.order == "-") == (voucher.approved_by != "-"), voucher


def test_credit_notes_are_listed_until_they_are_set_off() -> None:
    desk = Desk(find_task("ropes"))
    assert ask(desk, "list_open_items", supplier_id="S-185") == "[]"
    booking = {"supplier_id": "S-209", "amount": "528.00", "period": "2025-03"}
    ask(desk, "book_invoice", invoice_id="TR-5520", **booking)
    items = json.loads(ask(desk, "list_open_items", supplier_id="S-209"))
    assert [item["item_id"] for item in items] == ["CN-41", "TR-5520"]
    ask(desk, "set_off", invoice_id="TR-5520", item_id="CN-41")
    items = json.loads(ask(desk, "list_open_items", supplier_id="S-209"))
    assert [(item["item_id"], item["amount"]) for item in items] == [("TR-5520", "462.00")]


def test_two_records_of_a_supplier_are_found_by_the_first_word_of_its_name() -> None:
    found = json.loads(ask(Desk(find_task("ropes")), "find_supplier", name="Tarn Ropes Ltd"))
    assert [row["supplier_id"] for row in found] == ["S-185", "S-209"]
    assert ask(Desk(find_task("ropes")), "find_supplier", name=" ") == "[]"


BOOKING = {
    "invoice_id": "BF-4410",
    "supplier_id": "S-118",
    "amount": "440.00",
    "period": "2025-03",
}


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("pay_now", "{}", "E001 unknown function pay_now"),
        ("get_invoice", "{invoice", "E002 arguments are not a JSON object: Expecting"),
        ("get_invoice", '["BF-4410"]', "E002 arguments are not a JSON object"),
        ("get_invoice", "{}", "E003 arguments needed: invoice_id"),
        ("get_invoice", '{"invoice_id": "BF-4411"}', "E104 record not found"),
        ("get_order", '{"order_id": "O-1"}', "E104 record not found"),
        ("list_vouchers", '{"supplier_id": "S-1"}', "E104 record not found"),
        (
            "request_approval",
            '{"invoice_id": "BF-4410", "person": "Nobody"}',
            "E104 record not found",
        ),
        ("book_invoice", json.dumps(BOOKING | {"amount": "540.01"}), "E214 amount not accepted"),
        ("book_invoice", json.dumps(BOOKING | {"amount": "-1"}), "E214 amount not accepted"),
        ("book_invoice", json.dumps(BOOKING | {"amount": "NaN"}), "E214 amount not accepted"),
        ("book_invoice", json.dumps(BOOKING | {"amount": "all"}), "E214 amount not accepted"),
        ("book_invoice", json.dumps(BOOKING | {"period": "2025-04"}), "E217 period not open"),
        (
            "plan_payment",
            '{"invoice_id": "BF-4410", "day": "2025-03-13"}',
            "E301 wrong document status",
        ),
    ],
)
def test_wrong_use_is_refused_in_the_words_of_the_system(
    name: str, arguments: str, error: str
) -> None:
    desk = Desk(find_task("bolts"))
    before = desk.booking
    result = json.loads(call_tool(desk, name, arguments))
    assert result["error"].startswith(error)
    assert desk.booking == before


@pytest.mark.parametrize("day", ["2025-03-09", "9999-12-31", "Thursday"])
def test_a_payment_cannot_be_planned_for_an_impossible_day(day: str) -> None:
    desk = Desk(find_task("bolts"))
    ask(desk, "book_invoice", **BOOKING)
    result = ask(desk, "plan_payment", invoice_id="BF-4410", day=day)
    assert json.loads(result) == {"error": "E221 date not accepted"}


def test_a_booked_invoice_cannot_be_signed_off_held_or_booked_again() -> None:
    desk = Desk(find_task("bolts"))
    ask(desk, "book_invoice", **BOOKING)
    refused = '{"error": "E301 wrong document status"}'
    assert ask(desk, "book_invoice", **BOOKING) == refused
    assert ask(desk, "hold_invoice", invoice_id="BF-4410", reason="short") == refused
    assert ask(desk, "request_approval", invoice_id="BF-4410", person="Per Holm") == refused
    unknown = ask(desk, "set_off", invoice_id="BF-4410", item_id="CN-1")
    assert json.loads(unknown) == {"error": "E322 item cannot be set off"}


def test_an_amount_may_be_a_number_or_a_string() -> None:
    desk = Desk(find_task("bolts"))
    result = call_tool(desk, "book_invoice", json.dumps(BOOKING | {"amount": 440}))
    assert json.loads(result)["open"] == "440.00"


def test_the_tool_schemas_are_for_function_calling_and_reveal_no_convention() -> None:
    functions = [schema["function"] for schema in tool_schemas()]
    text = json.dumps(functions)
    assert text.count('"parameters"') == len(TOOLS)
    assert "Thursday" not in text
    assert '"required": ["invoice_id", "supplier_id", "amount", "period"]' in text
