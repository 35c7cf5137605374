#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "output.hpp"
#include "summary.hpp"

namespace upfeed::program {
namespace {

constexpr std::chrono::milliseconds kPeriod(200);

std::string format(const char* pattern, auto... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

}  // namespace

Progress::Progress(bool quiet) : shown_(!quiet && stderr_is_terminal()) {}

bool Progress::due() {
  if (!shown_) return false;
  const Clock::time_point now = Clock::now();
  if (now - last_ < kPeriod) return false;
  last_ = now;
  return true;
}

void Progress::show(const std::string& text) {
  if (!shown_) return;
  // A line that wraps could not be taken back.
  struct winsize size {};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const std::size_t columns = known ? size.ws_col - 1U : 79U;
  std::fprintf(stderr, "\r%s\033[K", text.substr(0, columns).c_str());
  std::fflush(stderr);
  dirty_ = true;
}

void Progress::clear() {
  if (!dirty_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  dirty_ = false;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::string progress_text(const ReadPosition& position, std::uint64_t frames, double seconds) {
  const auto per_second = [seconds](std::uint64_t count) {
    return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) / seconds) : 0;
  };
  std::string text;
  if (position.size_bytes > 0) {
    text += format("%3.0f %%  ", 100.0 * static_cast<double>(position.read_bytes) /
                                     static_cast<double>(position.size_bytes));
  }
  text += grouped(frames) + " frames  " + grouped(per_second(frames)) + "/s  " +
          bytes_text(per_second(position.read_bytes)) + "/s";
  if (position.read_bytes > 0 && position.size_bytes > position.read_bytes) {
    const auto left = static_cast<double>(position.size_bytes - position.read_bytes);
    text += "  " + clock_text(left / static_cast<double>(position.read_bytes) * seconds) + " left";
  }
  return text;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole < 3600) return format("%lld:%02lld", whole / 60, whole % 60);
  return format("%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 10'000) return std::to_string(bytes) + " B";
  if (bytes < 10'000'000) return format("%.1f kB", value / 1e3);
  if (bytes < 10'000'000'000) return format("%.1f MB", value / 1e6);
  return format("%.1f GB", value / 1e9);
}

}  // namespace upfeed::program
