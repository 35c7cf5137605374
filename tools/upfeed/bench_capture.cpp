// upfeed bench, the capture half: a file in memory through the feed as fast as it goes, several
// times.

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bench_run.hpp"
#include "signals.hpp"
#include "tally.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::program {
namespace {

using Clock = std::chrono::steady_clock;

// Enough for a median, however large the file.
constexpr std::size_t kPassesMin = 3;

/// A copy of a file that no disk can slow down.
class MemoryFile {
 public:
  [[nodiscard]] static Result<MemoryFile> copy_of(const std::string& path) {
    std::ifstream from(path, std::ios::binary);
    if (!from) return Error{Errc::no_such_file, path + ": " + std::strerror(errno)};
    MemoryFile file(::memfd_create("upfeed-bench", MFD_CLOEXEC));
    if (file.fd_ < 0) return Error{Errc::system, std::string("memfd: ") + std::strerror(errno)};
    std::vector<char> block(std::size_t{1} << 20);
    while (from.read(block.data(), static_cast<std::streamsize>(block.size())), from.gcount() > 0) {
      if (!file.append(block.data(), static_cast<std::size_t>(from.gcount()))) {
        return Error{Errc::system, path + " does not fit into memory: " + std::strerror(errno)};
      }
    }
    if (from.bad()) return Error{Errc::no_such_file, path + ": cannot be read to its end"};
    return file;
  }
  MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}
  bool append(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(fd_, data, size);
      if (written <= 0) return false;
      data += written;
      size -= static_cast<std::size_t>(written);
    }
    return true;
  }
  int fd_;
};

/// Takes every event of one pass; the work of a client that looks at each.
class Taker {
 public:
  void operator()(const OrderbookEvent& event, const Book& book) {
    spreads_ += book.spread().has_value() ? 1 : 0;
    take(event);
  }
  void operator()(const StatusEvent& event) {
    if (event.cause == StatusCause::bad_frames) ++bad_lines_;
    if (event.cause != StatusCause::end_of_capture) return;
    end_ns_ = Now::read().mono.ns;
    is_over_.store(true, std::memory_order_release);
  }
  template <class Event>
  requires(is_stream(Event::kKind)) void operator()(const Event& event) { take(event); }

  [[nodiscard]] bool is_over() const { return is_over_.load(std::memory_order_acquire); }
  // Once it is over:
  [[nodiscard]] double seconds() const { return static_cast<double>(end_ns_ - start_ns_) / 1e9; }
  [[nodiscard]] std::uint64_t bad_lines() const { return bad_lines_; }

 private:
  void take(const EventHeader&) {
    if (start_ns_ == 0) start_ns_ = Now::read().mono.ns;
  }
  std::int64_t start_ns_ = 0;
  std::int64_t end_ns_ = 0;
  std::uint64_t spreads_ = 0;
  std::uint64_t bad_lines_ = 0;
  std::atomic<bool> is_over_{false};
};

/// Which books a capture has; a subscription names them.
struct CodeFinder {
  template <class Event>
  requires(is_stream(Event::kKind)) void operator()(const Event& event) {
    if (Event::kKind == EventKind::orderbook) books.emplace(event.code.view());
  }
  std::set<std::string> books;
};

struct Pass {
  double seconds = 0;
  FeedMetrics metrics;
  Costs costs;
  std::uint64_t bad_lines = 0;
};

class CaptureBench {
 public:
  CaptureBench(const BenchOptions& options, std::string path)
      : config_(options.config), seconds_(options.seconds), path_(std::move(path)) {
    config_.stage_stamps = true;
  }

  /// Goes over all of it twice: learns which books there are, and what reading alone costs.
  Status look() {
    Result<Feed> feed = Feed::replay(path_, config_);
    if (!feed) return feed.error();
    CodeFinder finder;
    while (!feed->finished() && !stop_requested()) {
      feed->step_io();
      while (feed->poll(finder) > 0) {
      }
    }
    codes_.assign(finder.books.begin(), finder.books.end());
    return time_reader();
  }

  Status run() {
    const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                     std::chrono::duration<double>(seconds_));
    while ((passes_.size() < kPassesMin || Clock::now() < end) && !stop_requested()) {
      const Status passed = run_pass();
      if (!passed) return passed;
    }
    return Done{};
  }

  [[nodiscard]] BenchReport report() {
    BenchReport report;
    report.mode = "capture";
    report.complete = !stop_requested();
    report.passes = static_cast<unsigned>(passes_.size());
    if (passes_.empty()) return report;
    const auto middle = passes_.begin() + static_cast<std::ptrdiff_t>(passes_.size() / 2);
    std::nth_element(passes_.begin(), middle, passes_.end(),
                     [](const Pass& a, const Pass& b) { return a.seconds < b.seconds; });
    const Pass& pass = *middle;
    report.seconds = pass.seconds;
    report.frames = pass.metrics.frames;
    report.bytes = pass.metrics.bytes;
    report.fallback_frames = pass.metrics.fallback_frames;
    report.counts = pass.metrics.total();
    report.damaged = pass.bad_lines;
    for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
      if (refusal_name(i) != "unknown_type") report.damaged += pass.metrics.refused_by_cause[i];
    }
    report.costs = pass.costs;
    add_stages(pass, report);
    return report;
  }

 private:
  Status time_reader() {
    auto reader = CaptureReader::open(path_);
    if (!reader) return reader.error();
    const double before = thread_cpu_seconds();
    CapturedFrame frame;
    while (reader->next(frame) != CaptureStep::end) {
    }
    read_seconds_ = thread_cpu_seconds() - before;
    return Done{};
  }
  static double thread_cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }

  Status run_pass() {
    Result<Feed> feed = Feed::replay(path_, config_);
    if (!feed) return feed.error();
    Client client = feed->client("bench");
    if (!codes_.empty()) {
      const auto subscribed = client.subscribe_orderbook(codes_, {});
      if (!subscribed) return subscribed.error();
    }
    const auto taker = std::make_unique<Taker>();
    {
      const SignalsBlocked blocked;
      const Status started = feed->start(*taker);
      if (!started) return started.error();
    }
    while (!taker->is_over() && !stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    Pass pass;
    pass.costs = Costs::read();
    const Status stopped = feed->stop();
    if (!stopped) return stopped.error();
    if (!taker->is_over()) return Done{};  // cut short
    pass.seconds = taker->seconds();
    pass.metrics = feed->metrics();
    pass.bad_lines = taker->bad_lines();
    passes_.push_back(std::move(pass));
    return Done{};
  }

  void add_stages(const Pass& pass, BenchReport& report) const {
    constexpr std::pair<Stage, const char*> kStages[]{
        {Stage::user_to_decoded, "user > decoded"},
        {Stage::decoded_to_dispatch, "decoded > dispatched"},
        {Stage::dispatch_to_done, "dispatched > done"}};
    for (const auto& [stage, name] : kStages) {
      const auto i = static_cast<std::size_t>(stage);
      if (i >= pass.metrics.stages.size()) continue;
      report.latencies.push_back(
          {std::string(to_string(stage)), name, false, pass.metrics.stages[i]});
    }
    const double io = pass.costs.io.cpu_seconds;
    report.shares = {{"read the file", std::min(read_seconds_, io)},
                     {"decode into the ring", std::max(0.0, io - read_seconds_)},
                     {"dispatch, book, callback", pass.costs.dispatcher.cpu_seconds}};
  }

  FeedConfig config_;
  double seconds_;
  std::string path_;
  std::vector<std::string> codes_;
  double read_seconds_ = 0;
  std::vector<Pass> passes_;
};

}  // namespace

Result<BenchReport> bench_capture(const std::string& path, const BenchOptions& options) {
  Result<MemoryFile> file = MemoryFile::copy_of(path);
  if (!file) return file.error();
  CaptureBench bench(options, file->path());
  Status status = bench.look();
  if (!status) {
    // The copy's path means nothing to anybody.
    std::string message = status.error().message;
    const std::size_t at = message.find(file->path());
    if (at != std::string::npos) message.replace(at, file->path().size(), path);
    return Error{status.error().code, message};
  }
  status = bench.run();
  if (!status) return status.error();
  return bench.report();
}

}  // namespace upfeed::program
