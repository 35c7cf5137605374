#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "sim/server.hpp"

/// The exchange simulator in a process of its own, so that its memory and threads do not count as
/// the feed's. Make it before the test starts threads; it ends with this object or the test.
class SimProcess {
 public:
  /// What call() does in the exchange's process.
  using Serve = std::function<std::uint64_t(upfeed::sim::SimServer&, std::uint64_t)>;

  explicit SimProcess(upfeed::sim::SimConfig config, const Serve& serve = {})
      : ca_file_("/tmp/upfeed-sim-" + std::to_string(::getpid()) + "-ca.pem") {
    config.write_ca_to = ca_file_;
    int channel[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(channel[0]);
      run(config, serve, channel[1]);
    }
    ::close(channel[1]);
    channel_ = channel[0];
    port_ = static_cast<std::uint16_t>(read_number());
  }
  ~SimProcess() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(channel_);
    std::remove(ca_file_.c_str());
  }
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  /// Has serve() do `what` and returns what it answers; one thread at a time.
  [[nodiscard]] std::uint64_t call(std::uint64_t what) const {
    if (::write(channel_, &what, sizeof what) != sizeof what) std::abort();
    return read_number();
  }
  /// The process stands still: its kernel acknowledges, nobody reads or writes.
  void freeze() const { ::kill(child_, SIGSTOP); }

  [[nodiscard]] pid_t pid() const { return child_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& ca_file() const { return ca_file_; }

 private:
  [[noreturn]] static void run(const upfeed::sim::SimConfig& config, const Serve& serve,
                               int channel) {
    upfeed::sim::SimServer server(config);
    std::uint64_t number = server.port();
    while (::write(channel, &number, sizeof number) == sizeof number &&
           ::read(channel, &number, sizeof number) == sizeof number) {
      number = serve(server, number);
    }
    std::_Exit(0);
  }
  [[nodiscard]] std::uint64_t read_number() const {
    std::uint64_t number = 0;
    if (::read(channel_, &number, sizeof number) != sizeof number) number = 0;
    return number;
  }

  std::string ca_file_;
  pid_t child_ = -1;
  int channel_ = -1;
  std::uint16_t port_ = 0;
};
