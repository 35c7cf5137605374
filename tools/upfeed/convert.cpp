// upfeed convert: captured frames in another form: other tools' files, the exchange's formats,
// tables.

#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "file_output.hpp"
#include "frame_decoder.hpp"
#include "frame_writer.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "selection.hpp"
#include "signals.hpp"
#include "stream_choice.hpp"

namespace upfeed::program {
namespace {

constexpr std::size_t kWriteBytes = std::size_t{1} << 18;

struct ConvertArguments {
  std::string file;
  std::string to;
  std::string out;
  std::size_t depth = kBookDepthMax;
  SelectionArguments selection;
};

/// What is not written, by what it is; told at the end.
class LeftOut {
 public:
  void add(std::string_view what, const CaptureFile& file, const CaptureItem& item) {
    auto found = entries_.find(what);
    if (found == entries_.end()) {
      found = entries_.emplace(std::string(what), Entry{0, file.place(item)}).first;
    }
    ++found->second.count;
  }
  void tell() const {
    for (const auto& [what, entry] : entries_) {
      say("upfeed convert: not converted: " + std::to_string(entry.count) + " x " + what +
          ", first in " + entry.first_place);
    }
  }

 private:
  struct Entry {
    std::uint64_t count;
    std::string first_place;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

/// Where the text goes: a file, or standard output.
class Sink {
 public:
  /// file  nullptr: standard output.
  explicit Sink(FileOutput* file) : file_(file) {}
  void write(std::string& text) {
    if (file_ == nullptr) {
      output_.append(text);
      output_.flush();
    } else if (status_) {
      status_ = file_->write(text);
    }
    text.clear();
  }
  void finish() {
    if (file_ != nullptr && status_) status_ = file_->finish();
  }
  [[nodiscard]] bool closed() const { return output_.closed() || !status_; }
  [[nodiscard]] int exit_code(int otherwise) const {
    if (status_) return output_.exit_code(otherwise);
    say("upfeed convert: " + status_.error().message);
    return kExitInternal;
  }

 private:
  FileOutput* file_;
  Output output_;
  Status status_ = Done{};
};

class Conversion {
 public:
  Conversion(CaptureFile file, Selection selection, std::unique_ptr<FrameWriter> writer,
             FileOutput* to_file)
      : file_(std::move(file)),
        selection_(std::move(selection)),
        writer_(std::move(writer)),
        sink_(to_file),
        progress_(to_file == nullptr && stdout_is_terminal()) {}

  int run() {
    // A bound that counts from the first record needs that one.
    const bool relative = selection_.to && selection_.to->relative;
    if (selection_.from && !selection_.from->relative && !relative) file_.seek(selection_.from->ns);
    CaptureItem item;
    while (!stop_requested() && !sink_.closed()) {
      item = file_.next();
      if (item.kind == CaptureItemKind::end) break;
      if (const auto code = take(item)) return *code;
      if (text_.size() >= kWriteBytes) sink_.write(text_);
      if (progress_.due()) {
        progress_.show(progress_text(file_.position(), frames_, progress_.seconds()));
      }
    }
    progress_.clear();
    if (stop_requested()) {
      say("upfeed convert: interrupted; what was asked for is not whole");
      sink_.write(text_);
      return sink_.exit_code(kExitOk);
    }
    begin();
    writer_->finish(text_);
    sink_.write(text_);
    if (!sink_.closed()) sink_.finish();
    left_out_.tell();
    if (taken_ == 0) selection_.tell_nothing("convert");
    return sink_.exit_code(damaged_ ? kExitData : kExitOk);
  }

 private:
  /// An exit code: it makes no sense to go on.
  std::optional<int> take(const CaptureItem& item) {
    if (item.kind == CaptureItemKind::damage) {
      damaged_ = true;
      say("upfeed convert: " + file_.path() + ": " + file_.place(item) + ": " +
          std::string(item.reason));
      return {};
    }
    if (item.kind == CaptureItemKind::frame && frames_++ == 0) {
      if (const auto code = check_times(item)) return code;
    }
    if (first_unix_ns_ == 0) first_unix_ns_ = item.record.unix_ns;
    if (selection_.wants_time(item.record.unix_ns, first_unix_ns_)) put(item);
    return {};
  }

  std::optional<int> check_times(const CaptureItem& item) {
    if (item.record.unix_ns != 0) return {};
    const std::string says_none = file_.path() + " says no receive times, which ";
    if (selection_.by_time()) {
      say("upfeed convert: " + says_none + "--from and --until go by");
      return kExitUsage;
    }
    if (writer_->needs_time()) {
      say("upfeed convert: " + says_none +
          "the lines to be written begin with; json-lines and "
          "upcap do without");
      return kExitUsage;
    }
    return {};
  }

  void put(const CaptureItem& item) {
    const EventHeader* event = nullptr;
    if (item.kind == CaptureItemKind::frame && (writer_->needs_event() || selection_.by_stream())) {
      const Decoded& decoded = decoder_.decode(item.record.payload);
      event = decoder_.event();
      if (event == nullptr) {
        damaged_ = damaged_ || is_refused(decoded);
        left_out_.add(describe_other(decoded, item.record.payload), file_, item);
        return;
      }
      if (!selection_.wants(*event)) return;
    }
    begin();
    ++taken_;
    const std::string_view left_out = writer_->put(item, event, text_);
    if (!left_out.empty()) left_out_.add(left_out, file_, item);
  }

  /// Late, because text says what it is only while it is read.
  void begin() {
    if (begun_) return;
    begun_ = true;
    writer_->begin(file_.about(), text_);
  }

  CaptureFile file_;
  const Selection selection_;
  const std::unique_ptr<FrameWriter> writer_;
  Sink sink_;
  Progress progress_;
  FrameDecoder decoder_;
  LeftOut left_out_;
  std::string text_;
  std::uint64_t frames_ = 0;
  std::uint64_t taken_ = 0;  ///< records that the selection wants
  std::int64_t first_unix_ns_ = 0;
  bool begun_ = false;
  bool damaged_ = false;
};

/// errors  bad_config: --to, or what does not go with it.
Result<std::unique_ptr<FrameWriter>> make_writer(const ConvertArguments& arguments,
                                                 const Selection& selection) {
  if (arguments.depth != kBookDepthMax && arguments.to != "csv") {
    return Error{Errc::bad_config, "--depth is for --to csv of order books"};
  }
  if (auto writer = make_raw_writer(arguments.to)) return writer;
  if (arguments.to == "csv") {
    if (selection.types.size() == 1) {
      if (auto writer = make_csv_writer(selection.types.front().kind, arguments.depth)) {
        return writer;
      }
    }
    return Error{Errc::bad_config,
                 "--to csv: a table has the columns of one stream; give --types ticker, trade, "
                 "orderbook or candle"};
  }
  const Result<WireFormat> format = parse_format("--to", arguments.to);
  if (!format) {
    return Error{Errc::bad_config,
                 format.error().message +
                     " of the exchange's formats, and upcap, cryptofeed, timestamped, json-lines "
                     "and csv"};
  }
  return make_format_writer(format.value());
}

/// Never readable by more people than the file it comes from.
std::uint32_t mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? (info.st_mode & 0666U) | 0600U
                                                                   : 0600U;
}

int run_convert(const ConvertArguments& arguments) {
  const auto refuse = [](const Error& error) {
    say("upfeed convert: " + error.message);
    return static_cast<int>(error.code == Errc::system ? kExitInternal : kExitUsage);
  };
  Result<Selection> selection = Selection::parse(arguments.selection);
  if (!selection) return refuse(selection.error());
  Result<std::unique_ptr<FrameWriter>> writer = make_writer(arguments, *selection);
  if (!writer) return refuse(writer.error());
  if (arguments.out.empty() && arguments.to == "upcap" && stdout_is_terminal()) {
    return refuse({Errc::bad_config, "an .upcap file is binary; name one: --out FILE"});
  }
  Result<CaptureFile> file = CaptureFile::open(arguments.file);
  if (!file) return refuse(file.error());
  std::optional<FileOutput> out;
  if (!arguments.out.empty()) {
    Result<FileOutput> created = FileOutput::create(arguments.out, mode_of(arguments.file));
    if (!created) return refuse(created.error());
    out = std::move(*created);
  }
  return std::make_unique<Conversion>(std::move(*file), std::move(*selection), std::move(*writer),
                                      out ? &*out : nullptr)
      ->run();
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand(
      "convert", "Write a captured file in another form: of other tools, of the exchange, as csv");
  command->add_option("FILE", arguments->file, "A captured file of any kind")->required();
  command
      ->add_option("--to", arguments->to,
                   "upcap, cryptofeed, timestamped, json-lines: the frames as received; default, "
                   "simple, json_list, simple_list: written anew; csv")
      ->required();
  command->add_option("--out", arguments->out,
                      "A new file, packed where its name ends with .gz or .zst; else standard "
                      "output");
  command->add_option("--depth", arguments->depth, "Levels in a csv row of an order book")
      ->check(CLI::Range(std::size_t{1}, kBookDepthMax))
      ->capture_default_str();
  add_selection_options(*command, arguments->selection, "");
  command->callback([arguments, &exit_code] { exit_code = run_convert(*arguments); });
}

}  // namespace upfeed::program
