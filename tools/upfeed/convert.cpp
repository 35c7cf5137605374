// upfeed convert: captured frames written in another of the exchange's formats.

#include <array>
#include <map>
#include <memory>
#include <new>

#include "commands.hpp"
#include "decode/decode.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "stream_choice.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/encode.hpp"

namespace upfeed::program {
namespace {

constexpr std::uint32_t kMarketsMax = 65'536;
constexpr std::size_t kWriteBytes = std::size_t{1} << 18;

struct ConvertArguments {
  std::string file;
  std::string to;
};

/// Frames that are not written, by what they are; told at the end.
class LeftOut {
 public:
  void add(const std::string& what, std::uint64_t line) {
    Entry& entry = entries_.try_emplace(what, Entry{0, line}).first->second;
    ++entry.count;
  }
  void tell() const {
    for (const auto& [what, entry] : entries_) {
      say("upfeed convert: not converted: " + std::to_string(entry.count) + " x " + what +
          ", first in line " + std::to_string(entry.first_line));
    }
  }

 private:
  struct Entry {
    std::uint64_t count;
    std::uint64_t first_line;
  };
  std::map<std::string, Entry> entries_;
};

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

class Conversion {
 public:
  Conversion(CaptureReader reader, WireFormat format)
      : reader_(std::move(reader)), format_(format) {}

  int run() {
    CapturedFrame frame;
    while (!stop_requested() && !output_.closed()) {
      const CaptureStep step = reader_.next(frame);
      if (step == CaptureStep::end) break;
      if (step == CaptureStep::bad_line) {
        damaged_ = true;
        say("upfeed convert: line " + std::to_string(reader_.bad_line().line) + ": " +
            std::string(reader_.bad_line().reason));
      } else {
        convert(frame);
      }
      if (text_.size() >= kWriteBytes) write();
    }
    write();
    left_out_.tell();
    return output_.exit_code(damaged_ ? kExitData : kExitOk);
  }

 private:
  void convert(const CapturedFrame& frame) {
    const Decoded decoded = decoder_.decode(frame.payload, {}, slot_);
    if (decoded.is_event()) {
      const auto& event = *std::launder(reinterpret_cast<const EventHeader*>(slot_.data()));
      if (encode(event, format_, text_) == 0) {
        left_out_.add(std::string(to_string(event.kind)) + " frame, known under its own names only",
                      frame.line);
      } else {
        text_ += '\n';
      }
      return;
    }
    const std::string_view payload(frame.payload.data(), frame.payload.size());
    if (decoded.errc == DecodeErrc::unknown_type) {
      left_out_.add("unsupported type " + stated_type(payload), frame.line);
    } else if (!decoded.ok()) {
      damaged_ = true;
      left_out_.add("refused as " + std::string(to_string(decoded.errc)), frame.line);
    } else {
      left_out_.add(decoded.frame_class == FrameClass::error       ? "error frame"
                    : decoded.frame_class == FrameClass::status_up ? "status frame"
                                                                   : "reply to a request",
                    frame.line);
    }
  }
  void write() {
    output_.append(text_);
    output_.flush();
    text_.clear();
  }

  CaptureReader reader_;
  const WireFormat format_;
  MarketTable markets_{kMarketsMax};
  Decoder decoder_{markets_, UnknownMarkets::intern};
  alignas(16) std::array<std::byte, kEventBytesMax> slot_{};
  std::string text_;
  Output output_;
  LeftOut left_out_;
  bool damaged_ = false;
};

int run_convert(const ConvertArguments& arguments) {
  const Result<WireFormat> format = parse_format("--to", arguments.to);
  if (!format) {
    say("upfeed convert: " + format.error().message);
    return kExitUsage;
  }
  Result<CaptureReader> reader = CaptureReader::open(arguments.file);
  if (!reader) {
    say("upfeed convert: " + reader.error().message);
    return kExitUsage;
  }
  return std::make_unique<Conversion>(std::move(*reader), format.value())->run();
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand(
      "convert", "Write the frames of a captured file in another format, one a line");
  command->add_option("FILE", arguments->file, "As for replay")->required();
  command->add_option("--to", arguments->to, "default, simple, json_list or simple_list")
      ->required();
  command->callback([arguments, &exit_code] { exit_code = run_convert(*arguments); });
}

}  // namespace upfeed::program
