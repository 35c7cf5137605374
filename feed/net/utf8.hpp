// Whether bytes are UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
#pragma once

#include <span>

namespace upfeed::net {

[[nodiscard]] bool is_utf8(std::span<const char> text) noexcept;

}  // namespace upfeed::net
