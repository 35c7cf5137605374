#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

/// The seed of a random test, printed so that a failure can be repeated with UPFEED_SEED=<seed>.
inline std::uint64_t test_seed() {
  const char* const given = std::getenv("UPFEED_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "UPFEED_SEED=" << seed << '\n';
  return seed;
}
