#pragma once

// The files that `convert` makes: one writer per form, each appending to a text that the caller
// writes out.
//
// They are here and not in the library: it records what arrives in one form of its own and reads
// the others; writing them is a matter of moving data out, once, from a shell.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "capture_file.hpp"
#include "upfeed/encode.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"

namespace upfeed::program {

class FrameWriter {
 public:
  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;
  virtual ~FrameWriter() = default;

  /// put() wants the decoded event of each frame.
  [[nodiscard]] virtual bool needs_event() const { return false; }
  /// Lines cannot be written without a receive time.
  [[nodiscard]] virtual bool needs_time() const { return false; }
  /// Once, before the first put().
  virtual void begin(const CaptureAbout&, std::string&) {}
  /// Any item but damage and the end; `event` of a frame, when it was asked for and is one.
  /// Returns what the item is left out as; empty: it was written.
  [[nodiscard]] virtual std::string_view put(const CaptureItem& item, const EventHeader* event,
                                             std::string& out) = 0;
  /// Once, behind the last put().
  virtual void finish(std::string&) {}
};

/// upcap, cryptofeed, timestamped, json-lines: the frames as they were received.
/// nullptr: another form.
[[nodiscard]] std::unique_ptr<FrameWriter> make_raw_writer(std::string_view form);
/// The exchange's formats: each event of a stream written anew, one a line.
[[nodiscard]] std::unique_ptr<FrameWriter> make_format_writer(WireFormat format);
/// A table of one kind: ticker, trade, orderbook or candle; nullptr: another kind.
/// depth  levels of an order book's row.
[[nodiscard]] std::unique_ptr<FrameWriter> make_csv_writer(EventKind kind, std::size_t depth);

/// "1617646620.849474" as Python prints it, but to the last nanosecond.
[[nodiscard]] std::string epoch_text(std::int64_t unix_ns);

}  // namespace upfeed::program
