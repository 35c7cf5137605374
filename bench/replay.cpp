// How fast a capture is lived again: order books of 30 units from a file in the page cache through
// reader, decoder, ring, book and callback, on one thread with the share of each (by its CPU time),
// and on the feed's own two (by the clock).

#include <benchmark/benchmark.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "capture/upcap_writer.hpp"
#include "frames.hpp"
#include "harness.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of this thread alone, so that a busy machine does not count.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// A capture and what is in it; removed at the end.
struct File {
  explicit File(bool packed, const std::vector<Frame>& frames) {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    folder = std::string(memory ? "/dev/shm" : "/tmp") + "/upfeed_bench_XXXXXX";
    require(::mkdtemp(folder.data()) != nullptr, "no folder for captures");
    auto writer = capture::CaptureWriter::open(
        {.folder = folder, .endpoint = "bench", .compress = packed}, {.mono_ns = 1, .unix_ns = 1});
    require(writer.ok(), "no capture can be written");
    path = writer->path();
    std::int64_t now_ns = 1;
    for (const Frame& frame : frames) {
      now_ns += 50'000;  // 20,000 frames a second
      writer->append({.opcode = 2,
                      .epoch = 1,
                      .mono_ns = now_ns,
                      .unix_ns = now_ns,
                      .payload = frame.payload()});
      payload_bytes += frame.payload().size();
    }
    frame_count = frames.size();
    require(writer->close({now_ns, now_ns}).ok(), "the capture cannot be closed");
    bytes = std::filesystem::file_size(path);
  }
  ~File() { std::filesystem::remove_all(folder); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::string folder;
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t frame_count = 0;
};

std::vector<std::string> codes;

/// A feed with a callback on every order book.
struct Replay {
  explicit Replay(const std::string& path)
      : feed(std::move(*Feed::replay(path))), client(feed.client("bench")) {
    const auto subscribed =
        client.subscribe_orderbook(codes, [this](const OrderbookEvent&, const Book& book) {
          ++events;
          live += book.live() ? 1U : 0U;
        });
    require(subscribed.ok(), "no subscription");
  }
  Feed feed;
  Client client;
  std::uint64_t events = 0;
  std::uint64_t live = 0;
};

double read_alone(const std::string& path) {
  auto reader = CaptureReader::open(path);
  CapturedFrame frame;
  const double start_s = cpu_seconds();
  while (reader->next(frame) == CaptureStep::frame) benchmark::DoNotOptimize(frame.payload.data());
  return cpu_seconds() - start_s;
}

void count(benchmark::State& state, const File& file) {
  using benchmark::Counter;
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["frames_per_s"] =
      Counter(rounds * static_cast<double>(file.frame_count), Counter::kIsRate);
  state.counters["payload_bytes_per_s"] =
      Counter(rounds * static_cast<double>(file.payload_bytes), Counter::kIsRate);
}

void one_thread(benchmark::State& state, const File& file) {
  double read_s = 0;
  double io_s = 0;
  double poll_s = 0;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    Replay replay(file.path);
    const double start_s = cpu_seconds();
    while (!replay.feed.finished()) {
      const double before_s = cpu_seconds();
      for (int i = 0; i < 32; ++i)
        replay.feed.step_io();  // so that reading the clock costs nothing
      const double between_s = cpu_seconds();
      while (replay.feed.poll() != 0) {
      }
      poll_s += cpu_seconds() - between_s;
      io_s += between_s - before_s;
    }
    state.SetIterationTime(cpu_seconds() - start_s);
    if (replay.live != file.frame_count) fail(state, "not every book was live");
    read_s += read_alone(file.path);
  }
  count(state, file);
  const double all_s = io_s + poll_s;
  state.counters["read_share"] = read_s / all_s;
  state.counters["decode_ring_share"] = (io_s - read_s) / all_s;
  state.counters["book_callback_share"] = poll_s / all_s;
}

void two_threads(benchmark::State& state, const File& file) {
  for (auto iteration : state) {
    static_cast<void>(iteration);
    Replay replay(file.path);
    const auto start = Clock::now();
    require(replay.feed.start().ok(), "no threads");
    while (!replay.feed.finished()) ::usleep(200);
    state.SetIterationTime(seconds_since(start));
    if (!replay.feed.stop().ok() || replay.live != file.frame_count) fail(state, "frames missing");
  }
  count(state, file);
}

void read_only(benchmark::State& state, const File& file) {
  for (auto iteration : state) {
    static_cast<void>(iteration);
    state.SetIterationTime(read_alone(file.path));
  }
  count(state, file);
}

void prepare() {
  const char* const given = std::getenv("UPFEED_REPLAY_FRAMES");
  const std::size_t frame_count = given != nullptr ? std::strtoull(given, nullptr, 10) : 60'000;
  const std::vector<Frame> frames = make_book_frames(BookCorpus::default_all, frame_count);
  MarketTable markets;
  Decoder decoder(markets, UnknownMarkets::intern);
  std::vector<std::byte> slot(kEventBytesMax);
  std::set<std::string> seen;
  EventHash hash;
  for (const Frame& frame : frames) {
    require(decoder.decode(frame.payload(), {}, slot).is_event(), "a frame is refused");
    const auto& event = *std::launder(reinterpret_cast<const EventHeader*>(slot.data()));
    seen.emplace(event.code.view());
    hash.add(event);
  }
  codes.assign(seen.begin(), seen.end());
  static const File plain(false, frames);
  static const File packed(true, frames);
  for (const File* file : {&plain, &packed}) {
    EventHash replayed;
    Replay replay(file->path);
    while (!replay.feed.finished()) {
      replay.feed.step_io();
      replay.feed.poll([&](const OrderbookEvent& event, const Book&) { replayed.add(event); });
    }
    require(replayed.hex() == hash.hex(), "the capture does not hold these frames");
    const std::string name = file == &plain ? "plain" : "zstd";
    const auto add = [&](const char* what, void (*run)(benchmark::State&, const File&)) {
      benchmark::RegisterBenchmark(("replay/" + name + "/" + what).c_str(),
                                   [run, file](benchmark::State& state) { run(state, *file); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("read", &read_only);
    add("one_thread", &one_thread);
    add("two_threads", &two_threads);
    benchmark::AddCustomContext(name + " file, bytes a frame",
                                std::to_string(file->bytes / file->frame_count) + " of " +
                                    std::to_string(file->payload_bytes / file->frame_count) +
                                    " payload");
  }
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, &upfeed::bench::prepare);
}
