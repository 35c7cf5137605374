#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/server.hpp"

/// The exchange simulator in a process of its own, so that its memory and threads do not count as
/// the feed's. Make it before the test starts threads; it ends with this object or the test.
class SimProcess {
 public:
  explicit SimProcess(upfeed::sim::SimConfig config)
      : ca_file_("/tmp/upfeed-sim-" + std::to_string(::getpid()) + "-ca.pem") {
    config.write_ca_to = ca_file_;
    int channel[2];
    if (::pipe(channel) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const upfeed::sim::SimServer server(config);
      const std::uint16_t port = server.port();
      if (::write(channel[1], &port, sizeof port) != sizeof port) std::_Exit(1);
      for (;;) ::pause();
    }
    if (::read(channel[0], &port_, sizeof port_) != sizeof port_) port_ = 0;
    ::close(channel[0]);
    ::close(channel[1]);
  }
  ~SimProcess() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    std::remove(ca_file_.c_str());
  }
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& ca_file() const { return ca_file_; }

 private:
  std::string ca_file_;
  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};
