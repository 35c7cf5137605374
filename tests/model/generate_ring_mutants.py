#!/usr/bin/env python3
"""Writes weakened copies of the shipped ring header, for the model to find fault with.

usage: generate_ring_mutants.py spsc_ring.hpp mutants.hpp

One copy, in a namespace of its own, for each memory order stronger than relaxed (weakened to
relaxed), one without the zero-store, and one for each other sentence of the algorithm that must not
be left out. Fails, so that the build fails, when the header has an atomic access whose order it
cannot see, or lacks a sentence it should leave out: then the model would pass without proof.
"""

import re
import sys

STRONG_ORDER = re.compile(r"std::memory_order_(acquire|release|acq_rel|seq_cst|consume)\b")
# What is left out (by name), the text, what stands in its place. Each text occurs exactly once.
OMISSIONS = [
    ("zero-store left out", "commit_word_at(end).store(0, std::memory_order_relaxed);", ""),
    ("no room kept for the next commit word", "footprint_bytes(bytes) + kLineBytes;",
     "footprint_bytes(bytes);"),
    ("nothing handed back when found empty", "if (read_ != handed_back_last_) hand_back();", ""),
    ("full ring not noticed", "if (needed_end - handed_back_seen_ > capacity_bytes()) {\n"
     "        claimed_bytes_ = 0;", "if (false) {\n        claimed_bytes_ = 0;"),
]


def blank_comments(text):
    """The same text with comments blanked out, so that offsets stay as they are."""
    return re.sub(r"//[^\n]*", lambda comment: " " * len(comment.group()), text)


def check_orders_are_visible(code):
    accesses = re.findall(r"\.(?:load|store|exchange|compare_exchange\w*|fetch_\w+)\(", code)
    named = re.findall(r"std::memory_order_\w+", code)
    if len(accesses) != len(named):
        sys.exit(f"{len(accesses)} atomic accesses but {len(named)} memory orders are named")
    if len(re.findall(r"\bmemory_order", code)) != len(named):
        sys.exit("a memory order is spelled in a way that would not be weakened")
    if re.search(r"\batomic_(thread|signal)_fence\b|__atomic|__sync", code):
        sys.exit("a fence or builtin would not be weakened")


def mutants_of(text):
    """All (name, text of the mutated header); ends the program where they would prove nothing."""
    code = blank_comments(text)
    check_orders_are_visible(code)
    strong_orders = list(STRONG_ORDER.finditer(code))
    if len(strong_orders) < 4:
        sys.exit(f"{len(strong_orders)} orders to weaken: commit and hand-back take two each")
    mutants = []
    for order in strong_orders:
        line = code.count("\n", 0, order.start()) + 1
        mutants.append((f"line {line}: {order.group(1)} weakened to relaxed",
                        text[:order.start()] + "std::memory_order_relaxed" + text[order.end():]))
    for name, present, absent in OMISSIONS:
        if code.count(present) != 1:
            sys.exit(f"{name}: expected once, found {code.count(present)} times: {present}")
        mutants.append((name, text.replace(present, absent)))
    return mutants


def main():
    header, output = sys.argv[1:]
    with open(header, encoding="utf-8") as file:
        mutants = mutants_of(file.read())
    with open(output, "w", encoding="utf-8") as file:
        for index, (_, mutant) in enumerate(mutants):
            # Nested, so that what the copy does not define itself is still found in upfeed.
            file.write(re.sub(r"^namespace upfeed\b", f"namespace upfeed::mutant_{index}", mutant,
                              flags=re.MULTILINE))
        file.write("\n#define UPFEED_FOR_EACH_RING_MUTANT(X)")
        for index, (name, _) in enumerate(mutants):
            file.write(f' \\\n  X(mutant_{index}, "{name}")')
        file.write("\n")


if __name__ == "__main__":
    main()
