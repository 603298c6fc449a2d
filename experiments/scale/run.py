"""What a bank of a given size costs on several ranks: worked out, not measured.

python experiments/scale/run.py    make the table in docs/devices.md again
"""

from pathlib import Path

from hypernas.cost import all_reduce_bytes, all_reduce_seconds, delivery_bytes, training_bytes

PAGE = Path(__file__).parents[2] / "docs" / "devices.md"
BEGIN, END = "<!-- scale begins -->", "<!-- scale ends -->"
RANKS = 8
ENTRIES = 4  # of the bank, for each weight: a base and three experts
LINKS = {  # bytes a second, one way
    "10 Gbit/s Ethernet": 10e9 / 8,
    "200 Gbit/s InfiniBand": 200e9 / 8,
    "NVLink, 900 GB/s both ways": 450e9,
}


def table() -> str:
    """Markdown: a row for each size of the bank."""
    head = ["parameters", "sent", *LINKS, "stored a rank", "moments divided by 8"]
    head += ["banks divided by 8: stored", "sent"]
    lines = [f"| {' | '.join(head)} |", f"|{'---:|' * len(head)}"]
    for exponent in (6, 7, 8, 9):
        num = 10**exponent
        times = [
            _time(all_reduce_seconds(num, num_ranks=RANKS, bytes_per_second=speed))
            for speed in LINKS.values()
        ]
        sizes = [training_bytes(num), training_bytes(num, num_shards=RANKS)]
        sizes += [training_bytes(num // RANKS), delivery_bytes(num // ENTRIES, num_ranks=RANKS)]
        sent = _bytes(all_reduce_bytes(num, num_ranks=RANKS))
        cells = [f"10{'⁶⁷⁸⁹'[exponent - 6]}", sent, *times, *map(_bytes, sizes)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _bytes(num: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if num >= size:
            return f"{num / size:.3g} {unit}"
    return f"{num / 1e3:.3g} kB"


if __name__ == "__main__":
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}")
