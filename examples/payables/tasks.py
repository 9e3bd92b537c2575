"""The yard's people, suppliers and earlier invoices, and the invoices to process.

SPOILERS: the comment above each task names the conventions in ``verifier.py`` that decide it.
"""

from datetime import date
from decimal import Decimal

from .records import Credit, Delivery, Invoice, Line, Order, Person, Supplier, Task, Voucher

PEOPLE = (
    Person("Maja Lind", "rigger", "Per Holm"),
    Person("Per Holm", "head of rigging", "Ingrid Saar"),
    Person("Tomas Reyes", "electrician", "Anika Vogt"),
    Person("Anika Vogt", "head of fitting-out", "Ingrid Saar"),
    Person("Elin Dahl", "yard foreman", "Jonas Berg"),
    Person("Jonas Berg", "yard manager", "Ingrid Saar"),
    Person("Ingrid Saar", "managing director", None),
)

SUPPLIERS = (
    Supplier("S-104", "Halden Timber", "Halden", "NO 1503 4471 208", date(2016, 4, 11)),
    Supplier("S-118", "Brekke Fasteners", "Moss", "NO 3315 9020 774", date(2018, 9, 3)),
    Supplier("S-131", "Corvin Paints", "Hull", "GB 2291 6604 318", date(2019, 1, 21)),
    Supplier("S-140", "Ostrava Sailcloth", "Ostrava", "CZ 0710 5528 940", date(2019, 6, 17)),
    Supplier("S-163", "Marsh Crane Hire", "Hull", "GB 4417 0093 562", date(2021, 2, 8)),
    Supplier("S-177", "Quayside Waste", "Karlstad", "SE 5120 7738 419", date(2021, 8, 30)),
    Supplier("S-185", "Tarn Ropes", "Kendal", "GB 6038 2217 745", date(2022, 3, 14)),
    Supplier("S-209", "Tarn Ropes Export", "Kendal", "GB 6038 5904 113", date(2024, 10, 7)),
    Supplier("S-221", "Halden Timber", "Sarpsborg", "NO 6021 1180 556", date(2025, 1, 20)),
    Supplier("S-226", "Lumen Electric", "Karlstad", "SE 8890 2416 035", date(2025, 3, 3)),
)

_ROWS = """
S-104 HT-1866 2024-09-30 2024-10-30 O-502 1180.00 1180.00 2024-10 - 2024-10-24
S-104 HT-1902 2024-10-29 2024-11-28 O-531 640.00 640.00 2024-10 - 2024-11-28
S-118 BF-4188 2024-11-29 2024-12-16 O-544 310.00 310.00 2024-12 - 2024-12-12
S-118 BF-4263 2025-01-09 2025-01-28 O-561 425.00 387.50 2025-01 - 2025-01-23
S-118 BF-4330 2025-02-04 2025-02-21 O-577 198.00 198.00 2025-02 - 2025-02-20
S-131 CP-0844 2024-12-03 2024-12-18 O-547 276.00 276.00 2024-11 - 2024-12-12
S-131 CP-0902 2025-01-31 2025-02-18 O-569 519.20 519.20 2025-01 - 2025-02-13
S-140 OS-7515 2024-11-14 2024-12-05 O-539 877.50 877.50 2024-11 - 2024-12-05
S-140 OS-7598 2025-01-15 2025-02-05 O-563 1402.00 1365.00 2025-01 - 2025-01-30
S-163 MC-092 2024-10-31 2024-11-14 - 1140.00 1140.00 2024-10 Jonas_Berg 2024-11-14
S-163 MC-107 2025-01-02 2025-01-21 - 380.00 380.00 2024-12 Jonas_Berg 2025-01-16
S-177 QW-2131 2025-01-10 2025-01-24 - 135.00 135.00 2025-01 Jonas_Berg 2025-01-23
S-185 TR-5127 2024-06-12 2024-07-12 O-466 704.00 704.00 2024-06 - 2024-07-11
S-209 TR-5402 2024-12-10 2025-01-09 O-551 352.00 352.00 2024-12 - 2025-01-09
S-221 HT-2190 2025-02-06 2025-03-05 O-580 736.00 736.00 2025-02 - 2025-02-27
"""


VOUCHERS = tuple(
    Voucher(*(cell.replace("_", " ") for cell in row.split())) for row in _ROWS.strip().split("\n")
)


def _line(item: str, quantity: int, price: str) -> Line:
    return Line(item, quantity, Decimal(price))


TASKS = (
    # Decided by 1 (Thursdays) and 3 (what arrived).
    Task(
        "bolts",
        Invoice(
            invoice_id="BF-4410",
            supplier="Brekke Fasteners",
            contact="Maja Lind",
            invoiced=date(2025, 3, 5),
            due=date(2025, 3, 18),
            lines=(_line("Hex bolts, box", 40, "12.50"), _line("Washers, box", 10, "4.00")),
            account="NO 3315 9020 774",
            order=Order(
                "O-611",
                "S-118",
                (_line("Hex bolts, box", 40, "12.50"), _line("Washers, box", 10, "4.00")),
                (
                    Delivery(date(2025, 3, 4), "Hex bolts, box", 32),
                    Delivery(date(2025, 3, 4), "Washers, box", 10),
                ),
            ),
        ),
    ),
    # Decided by 2 (month of supply) and 4 (credit notes).
    Task(
        "paint",
        Invoice(
            invoice_id="CP-0931",
            supplier="Corvin Paints",
            contact="Anika Vogt",
            invoiced=date(2025, 3, 3),
            due=date(2025, 3, 13),
            lines=(_line("Antifouling, tin", 24, "18.40"),),
            account="GB 2291 6604 318",
            order=Order(
                "O-604",
                "S-131",
                (_line("Antifouling, tin", 24, "18.40"),),
                (Delivery(date(2025, 2, 26), "Antifouling, tin", 24),),
            ),
        ),
        (Credit("CN-877", "S-131", "credit note, 3 dented tins of January", Decimal("55.20")),),
    ),
    # Decided by 2 (month of supply) and 3 (ordered price).
    Task(
        "screws",
        Invoice(
            invoice_id="BF-4437",
            supplier="Brekke Fasteners",
            contact="Elin Dahl",
            invoiced=date(2025, 3, 4),
            due=date(2025, 3, 13),
            lines=(_line("Deck screws, box", 60, "7.80"),),
            account="NO 3315 9020 774",
            order=Order(
                "O-615",
                "S-118",
                (_line("Deck screws, box", 60, "7.20"),),
                (Delivery(date(2025, 2, 27), "Deck screws, box", 60),),
            ),
        ),
    ),
    # Decided by 1 (Thursdays) and 5 (account).
    Task(
        "timber",
        Invoice(
            invoice_id="HT-2231",
            supplier="Halden Timber",
            contact="Anika Vogt",
            invoiced=date(2025, 3, 6),
            due=date(2025, 3, 31),
            lines=(_line("Oak plank 3 m", 18, "46.00"),),
            account="NO 6021 1180 556",
            order=Order(
                "O-620",
                "S-104",
                (_line("Oak plank 3 m", 18, "46.00"),),
                (Delivery(date(2025, 3, 5), "Oak plank 3 m", 18),),
            ),
        ),
    ),
    # Decided by 2 (month of supply) and 6 (sign-off).
    Task(
        "crane",
        Invoice(
            invoice_id="MC-118",
            supplier="Marsh Crane Hire",
            contact="Elin Dahl",
            invoiced=date(2025, 3, 4),
            due=date(2025, 3, 13),
            lines=(_line("Mobile crane with driver, day, 24 and 25 February", 2, "380.00"),),
            account="GB 4417 0093 562",
            work_done=date(2025, 2, 25),
        ),
    ),
    # Decided by 1 (Thursdays) and 4 (credit notes).
    Task(
        "cloth",
        Invoice(
            invoice_id="OS-7702",
            supplier="Ostrava Sailcloth",
            contact="Per Holm",
            invoiced=date(2025, 3, 5),
            due=date(2025, 3, 26),
            lines=(_line("Sailcloth 380 g, metre", 120, "9.75"),),
            account="CZ 0710 5528 940",
            order=Order(
                "O-598",
                "S-140",
                (_line("Sailcloth 380 g, metre", 120, "9.75"),),
                (Delivery(date(2025, 3, 3), "Sailcloth 380 g, metre", 120),),
            ),
        ),
        (Credit("CN-310", "S-140", "credit note, roll returned in December", Decimal("140.00")),),
    ),
    # Decided by 1 (Thursdays) and 6 (sign-off).
    Task(
        "wiring",
        Invoice(
            invoice_id="LE-5093",
            supplier="Lumen Electric",
            contact="Tomas Reyes",
            invoiced=date(2025, 3, 7),
            due=date(2025, 3, 21),
            lines=(_line("Fault search in switchboard, hour, 5 March", 6, "72.00"),),
            account="SE 8890 2416 035",
            work_done=date(2025, 3, 5),
        ),
    ),
    # Decided by 5 (account).
    Task(
        "varnish",
        Invoice(
            invoice_id="CP-0946",
            supplier="Corvin Paints",
            contact="Anika Vogt",
            invoiced=date(2025, 3, 7),
            due=date(2025, 3, 27),
            lines=(_line("Varnish, can", 12, "26.50"),),
            account="GB 2291 6640 805",
            order=Order(
                "O-617",
                "S-131",
                (_line("Varnish, can", 12, "26.50"),),
                (Delivery(date(2025, 3, 6), "Varnish, can", 12),),
            ),
        ),
    ),
    # Decided by 4 (credit notes) and 5 (account).
    Task(
        "ropes",
        Invoice(
            invoice_id="TR-5520",
            supplier="Tarn Ropes",
            contact="Maja Lind",
            invoiced=date(2025, 3, 5),
            due=date(2025, 3, 13),
            lines=(_line("Mooring line 24 mm, coil", 6, "88.00"),),
            account="GB 6038 5904 113",
            order=Order(
                "O-609",
                "S-185",
                (_line("Mooring line 24 mm, coil", 6, "88.00"),),
                (Delivery(date(2025, 3, 4), "Mooring line 24 mm, coil", 6),),
            ),
        ),
        (Credit("CN-41", "S-209", "credit note, frayed coil", Decimal("66.00")),),
    ),
    # Decided by 1 (Thursdays) and 2 (month of supply).
    Task(
        "anchors",
        Invoice(
            invoice_id="BF-4391",
            supplier="Brekke Fasteners",
            contact="Per Holm",
            invoiced=date(2025, 2, 27),
            due=date(2025, 3, 24),
            lines=(_line("Anchor shackle", 25, "14.20"),),
            account="NO 3315 9020 774",
            order=Order(
                "O-590",
                "S-118",
                (_line("Anchor shackle", 25, "14.20"),),
                (Delivery(date(2025, 3, 5), "Anchor shackle", 25),),
            ),
        ),
    ),
    # Decided by 3 (what arrived) and 4 (credit notes).
    Task(
        "sails",
        Invoice(
            invoice_id="OS-7719",
            supplier="Ostrava Sailcloth",
            contact="Maja Lind",
            invoiced=date(2025, 3, 6),
            due=date(2025, 3, 13),
            lines=(_line("Batten", 30, "6.40"), _line("Waxed thread, spool", 20, "5.10")),
            account="CZ 0710 5528 940",
            order=Order(
                "O-622",
                "S-140",
                (_line("Batten", 30, "6.40"), _line("Waxed thread, spool", 20, "5.10")),
                (
                    Delivery(date(2025, 3, 5), "Batten", 30),
                    Delivery(date(2025, 3, 5), "Waxed thread, spool", 15),
                ),
            ),
        ),
        (Credit("CN-316", "S-140", "credit note, price of order O-563", Decimal("48.00")),),
    ),
    # Decided by 4 (credit notes) and 6 (sign-off).
    Task(
        "skips",
        Invoice(
            invoice_id="QW-2260",
            supplier="Quayside Waste",
            contact="Elin Dahl",
            invoiced=date(2025, 3, 7),
            due=date(2025, 3, 13),
            lines=(_line("Skip emptied, 3 and 6 March", 2, "135.00"),),
            account="SE 5120 7738 419",
            work_done=date(2025, 3, 6),
        ),
        (Credit("CN-52", "S-177", "credit note, missed collection", Decimal("45.00")),),
    ),
    # Decided by 1 (Thursdays), 2 (month of supply) and 3 (what arrived).
    Task(
        "resin",
        Invoice(
            invoice_id="CP-0958",
            supplier="Corvin Paints",
            contact="Anika Vogt",
            invoiced=date(2025, 3, 5),
            due=date(2025, 3, 31),
            lines=(_line("Epoxy resin, drum", 20, "31.00"), _line("Hardener, can", 20, "12.00")),
            account="GB 2291 6604 318",
            order=Order(
                "O-601",
                "S-131",
                (_line("Epoxy resin, drum", 20, "31.00"), _line("Hardener, can", 20, "12.00")),
                (
                    Delivery(date(2025, 2, 25), "Epoxy resin, drum", 20),
                    Delivery(date(2025, 2, 25), "Hardener, can", 16),
                ),
            ),
        ),
    ),
)
