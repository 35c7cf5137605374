#!/usr/bin/env python3
"""The generator refuses a header whose mutants would prove less than they seem to.

usage: generate_ring_mutants_test.py spsc_ring.hpp
"""

import sys
import unittest

sys.dont_write_bytecode = True
import generate_ring_mutants as generator

HEADER = sys.argv.pop()


class GeneratorTest(unittest.TestCase):
    def setUp(self):
        with open(HEADER, encoding="utf-8") as file:
            self.text = file.read()

    def refuses(self, present, absent):
        self.assertIn(present, self.text)
        with self.assertRaises(SystemExit):
            generator.mutants_of(self.text.replace(present, absent, 1))

    def test_each_mutant_differs_from_the_header_and_from_the_others(self):
        mutants = [mutant for _, mutant in generator.mutants_of(self.text)]
        self.assertEqual(len(set(mutants + [self.text])), len(mutants) + 1)

    def test_each_weakened_order_is_the_only_change(self):
        for name, mutant in generator.mutants_of(self.text):
            if "weakened" in name:
                self.assertEqual(mutant.count("memory_order_relaxed"),
                                 self.text.count("memory_order_relaxed") + 1)

    def test_refuses_an_access_without_an_order(self):
        self.refuses(".load(std::memory_order_acquire)", ".load()")

    def test_refuses_another_spelling_of_an_order(self):
        self.refuses("std::memory_order_acquire", "std::memory_order::acquire")

    def test_refuses_a_fence(self):
        self.refuses("handed_back_last_ = read_;",
                     "std::atomic_thread_fence(std::memory_order_seq_cst);")

    def test_refuses_a_header_without_the_zero_store(self):
        self.refuses("commit_word_at(end).store(0, std::memory_order_relaxed);", "")

    def test_refuses_fewer_orders_than_the_algorithm_has(self):
        self.refuses("std::memory_order_acquire", "std::memory_order_relaxed")


if __name__ == "__main__":
    unittest.main()
