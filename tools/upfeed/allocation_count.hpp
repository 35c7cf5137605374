#pragma once

#include <cstdint>
#include <optional>

namespace upfeed::program {

/// Calls of operator new of this process so far; nothing in a build with sanitizers, which bring an
/// allocator of their own.
[[nodiscard]] std::optional<std::uint64_t> allocation_count() noexcept;

}  // namespace upfeed::program
