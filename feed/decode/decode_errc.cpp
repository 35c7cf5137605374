#include <array>

#include "decode/decode.hpp"

namespace upfeed {

std::string_view to_string(DecodeErrc errc) noexcept {
  static constexpr std::array<std::string_view, kDecodeErrcCount> kNames{"ok",
                                                                         "bad_json",
                                                                         "bad_utf8",
                                                                         "too_deep",
                                                                         "trailing_bytes",
                                                                         "not_an_object",
                                                                         "list_not_single",
                                                                         "missing_type",
                                                                         "unknown_type",
                                                                         "missing_field",
                                                                         "duplicate_key",
                                                                         "wrong_value_type",
                                                                         "unexpected_null",
                                                                         "bad_number",
                                                                         "number_range",
                                                                         "bad_code",
                                                                         "unknown_market",
                                                                         "bad_text",
                                                                         "depth_exceeded",
                                                                         "too_big"};
  static_assert(kNames.back() == "too_big" &&
                static_cast<std::size_t>(DecodeErrc::too_big) + 1 == kDecodeErrcCount);
  return kNames[static_cast<std::size_t>(errc)];
}

}  // namespace upfeed
