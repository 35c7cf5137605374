#include "sim_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace upfeed::program {
namespace {

/// Between fork and exec: nothing that could need a lock.
[[noreturn]] void become_simulator(char* const* arguments, int output, int cpu, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have gone before it was asked for.
  if (::getppid() != parent) ::_exit(1);
  // Ctrl-C is for the parent, which then ends the simulator in good order.
  ::setpgid(0, 0);
  ::dup2(output, STDOUT_FILENO);
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) ::_exit(1);
  }
  ::execv("/proc/self/exe", arguments);
  ::_exit(1);
}

Error failure(const std::string& what) {
  return {Errc::system, "cannot start the simulator: " + what};
}

}  // namespace

Result<SimProcess> SimProcess::start(const std::vector<std::string>& arguments, int cpu) {
  std::vector<std::string> words{"upfeed", "sim", "--json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return failure(std::strerror(errno));
  SimProcess process;
  const pid_t parent = ::getpid();
  process.child_ = ::fork();
  if (process.child_ == 0) become_simulator(pointers.data(), pipe[1], cpu, parent);
  ::close(pipe[1]);
  process.output_ = pipe[0];
  if (process.child_ < 0) return failure(std::strerror(errno));
  const Status ready = process.read_ready(process.read_line());
  if (!ready) return ready.error();
  return process;
}

SimProcess::SimProcess(SimProcess&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      output_(std::exchange(other.output_, -1)),
      endpoint_(std::move(other.endpoint_)),
      clock_offset_(other.clock_offset_) {}

SimProcess::~SimProcess() {
  if (child_ > 0) {
    ::kill(child_, SIGTERM);
    // It prints a summary, which fits the pipe, and ends.
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (output_ >= 0) ::close(output_);
}

std::string SimProcess::read_line() {
  std::string line;
  for (char c = 0;;) {
    const ssize_t got = ::read(output_, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || c == '\n') return line;
    line += c;
  }
}

Status SimProcess::read_ready(const std::string& line) {
  const auto ready = nlohmann::json::parse(line, nullptr, false);
  if (!ready.is_object() || !ready.contains("clock_offset_us")) {
    return failure("it ended before it was ready");
  }
  endpoint_.host = "localhost";
  endpoint_.port = ready["port"].get<std::uint16_t>();
  endpoint_.ca_file = ready["ca_file"].get<std::string>();
  clock_offset_ = std::chrono::microseconds(ready["clock_offset_us"].get<std::int64_t>());
  return Done{};
}

double SimProcess::cpu_seconds() const noexcept {
  clockid_t clock{};
  timespec used{};
  if (child_ <= 0 || ::clock_getcpuclockid(child_, &clock) != 0) return 0;
  if (::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace upfeed::program
