#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frame_samples.hpp"

namespace upfeed {

/// Makes frames and damages them.
class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string pick_frame() {
    const WireFormat format = kAllFormats[below(4)];
    static const std::vector<SampleFrame> kSamples = all_samples();
    SampleFrame frame = kSamples[below(kSamples.size())];
    if (below(3) == 0) std::shuffle(frame.begin(), frame.end(), random_);
    if (below(4) == 0) frame = with(frame, frame[below(frame.size())].name, pick_value());
    if (below(20) == 0) return pick_control();
    return sample_text(frame, format);
  }

  std::string mutate(std::string text) {
    for (std::size_t edits = below(3) + (below(8) == 0 ? 3 : 0); edits > 0 && !text.empty();
         --edits) {
      edit(text);
    }
    return text;
  }

  std::string tail() {
    std::string tail;
    for (std::size_t i = 0; i < 1 + below(4); ++i) tail += pick_char();
    return tail;
  }

  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  void edit(std::string& text) {
    const std::size_t at = below(text.size());
    switch (below(8)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        text.insert(at, 1, pick_char());
        break;
      case 2:
        text[at] = pick_char();
        break;
      case 3:
        text.erase(at, 1 + below(4));
        break;
      case 4:
        text.resize(at);
        break;
      case 5:  // a piece of the frame once more, somewhere
        text.insert(below(text.size()), text.substr(at, below(40)));
        break;
      case 6:
        text.insert(at, pick_value());
        break;
      case 7: {  // another value behind a colon
        const std::size_t colon = text.find(':', at);
        const std::size_t end = text.find_first_of(",}]", colon);
        if (end != std::string::npos) text.replace(colon + 1, end - colon - 1, pick_value());
        break;
      }
    }
  }

  char pick_char() {
    static constexpr std::string_view kChars = "0123456789eE+-.\"\"\\{}[]:,, \n\tantru\xC3\x80/";
    return kChars[below(kChars.size())];
  }

  std::string pick_value() {
    static const std::vector<std::string> kValues = {"0",
                                                     "-0",
                                                     "0E-8",
                                                     "1.5E3",
                                                     "1E8",
                                                     "92233720368.54775807",
                                                     "92233720368.54775808",
                                                     "1E-9",
                                                     "18446744073709551615",
                                                     "18446744073709551616",
                                                     "1e999",
                                                     "-1",
                                                     "null",
                                                     "true",
                                                     "false",
                                                     "\"\"",
                                                     "\"KRW-BTC\"",
                                                     "\"BID\"",
                                                     "\"EVEN\"",
                                                     "\"REALTIME\"",
                                                     "\"\\u0041\"",
                                                     "\"\\ud83d\\ude00\"",
                                                     "\"\\ud83d\"",
                                                     "[]",
                                                     "{}",
                                                     "[{}]",
                                                     "[[1],{\"a\":null}]",
                                                     "{\"type\":\"trade\"}",
                                                     "\"orderbook\"",
                                                     "\"ticker\"",
                                                     "\"candle.1s\"",
                                                     "\"myOrder\"",
                                                     "\"indicator\"",
                                                     "\"12.50\"",
                                                     '"' + std::string(300, 'x') + '"',
                                                     "123456789012345678901234567890123456789",
                                                     "1E64",
                                                     "1E65",
                                                     "1E26"};
    return kValues[below(kValues.size())];
  }

  std::string pick_control() {
    static const std::vector<std::string> kFrames = {
        R"({"status":"UP"})", R"({"error":{"name":"NO_TICKET","message":"x"}})",
        R"([{"error":{"message":"x","name":404,"y":[1]}}])",
        R"({"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}]})",
        R"({"mthd":"LIST_SUBSCRIPTIONS","rslt":[]})"};
    return kFrames[below(kFrames.size())];
  }

  std::mt19937_64 random_;
};

}  // namespace upfeed
