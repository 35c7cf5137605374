#include "frame_decoder.hpp"

#include <algorithm>
#include <string_view>

namespace upfeed::program {
namespace {

/// The text behind the first "type" or "ty" key, for a message only.
std::string stated_type(std::string_view payload) {
  for (const std::string_view key : {"\"type\":\"", "\"ty\":\""}) {
    const std::size_t start = payload.find(key);
    if (start == std::string_view::npos) continue;
    const std::string_view rest = payload.substr(start + key.size());
    return std::string(rest.substr(0, std::min(rest.find('"'), std::size_t{32})));
  }
  return "without a type";
}

}  // namespace

std::string describe_other(const Decoded& decoded, std::span<const char> payload) {
  if (decoded.errc == DecodeErrc::unknown_type) {
    return "unsupported type " + stated_type({payload.data(), payload.size()});
  }
  if (!decoded.ok()) return "refused as " + std::string(to_string(decoded.errc));
  switch (decoded.frame_class) {
    case FrameClass::error:
      return "error frame";
    case FrameClass::status_up:
      return "status frame";
    case FrameClass::subscriptions:
    case FrameClass::event:
    case FrameClass::unknown:
      break;
  }
  return "reply to a request";
}

}  // namespace upfeed::program
