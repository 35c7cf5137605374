// Looks into every block of the heap and every mapping that is given back (operator delete, munmap,
// in the whole program), for text that should have been wiped before. Link freed_memory.cpp.
#pragma once

#include <cstddef>
#include <string_view>

namespace upfeed::test::freed_memory {

/// From now on each freed block with this text in it is counted; at most 64 bytes. Empty: stop.
void watch_for(std::string_view text);
[[nodiscard]] std::size_t hits();
/// Blocks freed by this thread are not looked at, for the peer's side of a test.
void exempt_this_thread();

}  // namespace upfeed::test::freed_memory
