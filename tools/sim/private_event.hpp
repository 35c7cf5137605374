#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sim/request.hpp"

/// Events of the streams behind a login, as text.
///
/// There is one form inside: the frame as DEFAULT writes it. The other three are made from that
/// text, key by key, so a number leaves exactly as it came (myAsset has 27 digits).
namespace upfeed::sim {

struct PrivateEvent {
  std::size_t stream = 0;
  std::string code;       ///< empty where the stream has none
  std::string category;   ///< of announcement
  std::string timeframe;  ///< of the indicator streams
  std::string indicator;
  std::string params;  ///< as nlohmann::json dumps it; empty: none
  std::string text;    ///< the frame in DEFAULT
};

/// Reads what decides about the receivers out of a frame in DEFAULT; empty when `text` is no JSON
/// object with the type of such a stream.
[[nodiscard]] std::optional<PrivateEvent> read_private_event(std::string_view text);

/// Whether a subscription wants the event.
[[nodiscard]] bool wants(const TypeRequest& subscription, const PrivateEvent& event);

/// The frame in `format`; an announcement's body only with `includes_body`.
[[nodiscard]] std::string write_private_event(const PrivateEvent& event, Format format,
                                              bool includes_body);

}  // namespace upfeed::sim
