#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "upfeed/units.hpp"

namespace upfeed::detail {

/// 10^0 to 10^38: all powers of ten that 128 bits hold. The first twenty fit 64 bits.
inline constexpr std::size_t kPowerMax = 38;
inline constexpr std::size_t kPowerMax64 = 19;

inline constexpr std::array<Uint128, kPowerMax + 1> kPowersOfTen = [] {
  std::array<Uint128, kPowerMax + 1> powers{};
  Uint128 power = 1;
  for (Uint128& slot : powers) {
    slot = power;
    power *= 10;
  }
  return powers;
}();

inline constexpr std::array<std::uint64_t, kPowerMax64 + 1> kPowersOfTen64 = [] {
  std::array<std::uint64_t, kPowerMax64 + 1> powers{};
  for (std::size_t i = 0; i < powers.size(); ++i) {
    powers[i] = static_cast<std::uint64_t>(kPowersOfTen[i]);
  }
  return powers;
}();

}  // namespace upfeed::detail
