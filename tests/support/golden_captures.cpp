// Writes the captures of tests/data and prints their rows of PROVENANCE.md: the simulated exchange
// in virtual time, without a network, so that the frames are a function of the seed. The hashes are
// those of the reference decoder. Usage: golden_captures FOLDER

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "capture/status_record.hpp"
#include "capture/upcap_writer.hpp"
#include "sim/exchange.hpp"
#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;
using capture::CaptureWriter;

constexpr std::uint64_t kSeed = 20'261'128;
constexpr std::int64_t kStartMs = 1'790'134'742'000;  // 2026-09-23T02:19:02Z
constexpr std::int64_t kMonoAtStartNs = 86'400'000'000'000;

/// Everything an exchange sends, into a capture; connections of the exchange count from 1.
class Recording final : public sim::Transport {
 public:
  Recording(const std::string& folder, const std::string& name)
      : path_(folder + "/" + name + ".upcap"),
        lock_(folder + "/." + name + ".lock"),
        writer_(open(folder, name)) {}

  void send(sim::ConnectionId id, std::string_view payload) override {
    put(capture::RecordType::received_frame, capture::RecordDirection::received, 2, id, payload);
  }
  void close(sim::ConnectionId, std::uint16_t) override {}
  void drop(sim::ConnectionId) override {}
  [[nodiscard]] std::size_t queued_bytes(sim::ConnectionId) const override { return 0; }

  void say(sim::Exchange& exchange, sim::ConnectionId id, std::string_view text) {
    put(capture::RecordType::sent_request, capture::RecordDirection::sent, 1, id, text);
    exchange.on_text(id, text, now_us / 1000);
  }
  void status(sim::ConnectionId id, SessionState from, SessionState to, StatusCause cause,
              std::string_view line) {
    StatusEvent event;
    event.previous_state = from;
    event.state = to;
    event.cause = cause;
    event.text.assign(line);
    capture::StatusText text;
    const auto payload = capture::put_status(event, text);
    put(capture::RecordType::status, capture::RecordDirection::none, 0, id,
        {payload.data(), payload.size()});
  }
  void end() {
    const std::string written = writer_.path();
    if (!writer_.close(now()).ok()) std::abort();
    std::filesystem::rename(written, path_);
    std::filesystem::permissions(path_, std::filesystem::perms(0644));
    std::filesystem::remove(lock_);
    describe();
  }

  std::int64_t now_us = kStartMs * 1000;
  std::uint32_t epoch = 1;

 private:
  static CaptureWriter open(const std::string& folder, const std::string& name) {
    auto writer =
        CaptureWriter::open({.folder = folder,
                             .name = name,
                             .endpoint = "upfeed simulator, seed " + std::to_string(kSeed),
                             .block_bytes = 64 << 10,
                             .flush_interval_ns = 60'000'000'000,
                             .compress = true,
                             .zstd_level = 19},
                            {.mono_ns = kMonoAtStartNs, .unix_ns = kStartMs * 1'000'000});
    if (!writer) {
      std::fprintf(stderr, "%s\n", writer.error().message.c_str());
      std::exit(1);
    }
    return std::move(*writer);
  }
  [[nodiscard]] capture::CaptureNow now() const {
    const std::int64_t after_ns = (now_us - kStartMs * 1000) * 1000;
    return {.mono_ns = kMonoAtStartNs + after_ns, .unix_ns = now_us * 1000};
  }
  void put(capture::RecordType type, capture::RecordDirection direction, std::uint8_t opcode,
           sim::ConnectionId id, std::string_view payload) {
    writer_.append({.type = type,
                    .direction = direction,
                    .opcode = opcode,
                    .connection = static_cast<std::uint32_t>(id - 1),
                    .epoch = epoch,
                    .mono_ns = now().mono_ns,
                    .unix_ns = now().unix_ns,
                    .kernel_unix_ns = now().unix_ns - 20'000,
                    .payload = payload});
  }

  void describe() const {
    auto feed = Feed::replay(path_, {.decode_kernel = DecodeKernel::reference});
    if (!feed) std::abort();
    EventHash hash;
    const auto add = [&](const auto& event) {
      if constexpr (!std::is_same_v<decltype(event), const StatusEvent&>) hash.add(event);
    };
    while (!feed->finished()) {
      feed->step_io();
      feed->poll(add);
    }
    const std::string name = std::filesystem::path(path_).filename().string();
    std::printf("| `%s` | %llu | %llu | %llu | %s | ", name.c_str(),
                static_cast<unsigned long long>(std::filesystem::file_size(path_)),
                static_cast<unsigned long long>(feed->metrics().frames),
                static_cast<unsigned long long>(hash.event_count()), hash.hex().c_str());
    std::fflush(stdout);
    const std::string sum = "sha256sum <'" + path_ + "' | cut -c1-64 | sed 's/$/ |/'";
    if (std::system(sum.c_str()) != 0) std::abort();
  }

  std::string path_;
  std::string lock_;
  CaptureWriter writer_;
};

void run(sim::Exchange& exchange, Recording& recording, std::int64_t until_ms) {
  while (recording.now_us < until_ms * 1000) {
    const std::int64_t next_us = exchange.advance(recording.now_us);
    recording.now_us = std::clamp(next_us, recording.now_us + 1, until_ms * 1000);
  }
}

sim::ExchangeOptions options(double frames_per_second) {
  sim::ExchangeOptions options;
  options.seed = kSeed;
  options.profile.markets = {.krw = 4, .btc = 2, .usdt = 1};
  options.profile.frames_per_second = frames_per_second;
  options.start_time_ms = kStartMs;
  return options;
}

std::string request(const sim::Exchange& exchange, std::string_view format) {
  std::string codes;
  for (const std::string& code : exchange.codes()) {
    codes += (codes.empty() ? "\"" : ",\"") + code + "\"";
  }
  std::string text = R"([{"ticket":"golden"})";
  for (const char* type : {"ticker", "trade", "orderbook", "candle.1s", "candle.240m"}) {
    text += R"(,{"type":")" + std::string(type) + R"(","codes":[)" + codes + "]}";
  }
  return text + R"(,{"type":"orderbook","codes":["KRW-BTC.5"],"level":10000})" + R"(,{"format":")" +
         std::string(format) + "\"}]";
}

/// Two connections, of which the first is lost in the middle and comes back.
void record_market(const std::string& folder, const std::string& name, std::string_view format,
                   const sim::ExchangeOptions& with) {
  Recording recording(folder, name);
  sim::Exchange exchange(with, recording, kStartMs);
  for (const sim::ConnectionId id : {1U, 2U}) {
    recording.status(id, SessionState::idle, SessionState::connecting, StatusCause::requested, "");
    recording.status(id, SessionState::connecting, SessionState::live, StatusCause::none, "");
    exchange.on_open(id, kStartMs);
  }
  recording.say(exchange, 1, request(exchange, format));
  recording.say(exchange, 2,
                R"([{"ticket":"golden"},{"type":"candle.60m","codes":["KRW-BTC","BTC-ETH"]},)"
                R"({"format":")" +
                    std::string(format) + "\"}]");
  run(exchange, recording, kStartMs + 1'500);
  recording.status(1, SessionState::live, SessionState::connecting, StatusCause::closed_by_peer,
                   "close frame 1001: going away");
  exchange.on_closed(1, kStartMs + 1'500, 1001);
  run(exchange, recording, kStartMs + 1'700);
  recording.epoch = 2;
  recording.status(1, SessionState::connecting, SessionState::live, StatusCause::none, "");
  exchange.on_open(1, kStartMs + 1'700);
  recording.say(exchange, 1, request(exchange, format));
  run(exchange, recording, kStartMs + 3'000);
  recording.end();
}

void record_account(const std::string& folder) {
  Recording recording(folder, "account");
  sim::ExchangeOptions with = options(1);
  with.scenario = {.is_on = true,
                   .order_interval = std::chrono::milliseconds(100),
                   .announcement_interval = std::chrono::milliseconds(500),
                   .indicator_interval = std::chrono::milliseconds(300)};
  sim::Exchange exchange(with, recording, kStartMs);
  exchange.on_open(2, kStartMs, {.endpoint = sim::Endpoint::private_account});
  exchange.on_open(3, kStartMs, {.endpoint = sim::Endpoint::info});
  recording.say(exchange, 2,
                R"([{"ticket":"golden"},{"type":"myOrder"},{"type":"myAsset"},)"
                R"({"type":"announcement","include_body":true}])");
  recording.say(exchange, 3,
                R"([{"ticket":"golden"},{"type":"indicator","codes":["KRW-BTC"],"timeframe":"5m",)"
                R"("indicators":[{"type":"rsi"},{"type":"macd"}]},{"type":"indicator_signal",)"
                R"("codes":["KRW-BTC"],"timeframe":"5m","indicators":[{"type":"rsi"}]}])");
  run(exchange, recording, kStartMs + 6'000);
  recording.end();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  const std::string folder = argv[1];
  record_market(folder, "default", "DEFAULT", options(120));
  record_market(folder, "simple", "SIMPLE", options(60));
  record_market(folder, "json_list", "JSON_LIST", options(60));
  record_market(folder, "simple_list", "SIMPLE_LIST", options(60));
  sim::ExchangeOptions era = options(60);
  era.era = sim::Era::y2021;
  record_market(folder, "simple_2021", "SIMPLE", era);
  record_account(folder);
  return 0;
}
