// The keys and their tokens in no memory that a core dump would hold, while a feed is logged in.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "dumpable_memory.hpp"
#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

// 40 characters like the exchange's; under a mask, for the search must not find its own pattern.
constexpr test::Masked kSecret("Nq7vTz0PcXw4LbR9sHd2KmYf6JgUe1AaQo8iVtB3");
// base64 of it at each of the three places in a group; the characters at the ends, which depend on
// the neighbours, are left out.
constexpr test::Masked kBase64("TnE3dlR6MFBjWHc0TGJSOXNIZDJLbVlmNkpnVWUxQWFRbzhpVnRCM");
constexpr test::Masked kBase64Second("5xN3ZUejBQY1h3NExiUjlzSGQyS21ZZjZKZ1VlMUFhUW84aVZ0Qj");
constexpr test::Masked kBase64Third("OcTd2VHowUGNYdzRMYlI5c0hkMkttWWY2SmdVZTFBYVFvOGlWdEIz");
// The access key, and what of it is in each login token, whose claims have it behind 15 bytes.
constexpr test::Masked kAccess("hR5kZw8nYt2GbVx7McPq4TsLd9EuJf3QaKo6iWv");
constexpr test::Masked kAccessBase64("aFI1a1p3OG5ZdDJHYlZ4N01jUHE0VHNMZDlFdUpmM1FhS282aVd2");

test::MemoryHits find_keys() {
  return test::find_in_memory({kSecret.view(), kBase64.view(), kBase64Second.view(),
                               kBase64Third.view(), kAccess.view(), kAccessBase64.view()},
                              kSecret.kMask);
}

/// What the client's process tells: its hits, and whether it was logged in.
struct Report {
  bool works = false;  ///< a plain copy on the heap is found, as long as it is there
  bool logged_in = false;
  test::MemoryHits before;  ///< with the keys loaded
  test::MemoryHits after;   ///< with data of the account's connection here
  bool child_is_refused = false;
};

/// Where the exchange is; sent to the client's process.
struct Place {
  std::uint16_t port = 0;
  std::array<char, 256> ca_file{};
  std::array<char, 256> key_file{};
};

/// A child of fork() that starts a feed with this configuration's keys, which are zeros there.
bool forked_child_is_refused(const FeedConfig& config) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string_view text = config.keys->secret_key.reveal();
    if (text.find_first_not_of('\0') != std::string_view::npos) ::_exit(1);
    const auto feed = Feed::create(config);
    ::_exit(!feed && feed.error().message.find("fork()") != std::string::npos ? 0 : 2);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

Report use_keys(const Place& place) {
  Report report;
  {
    auto copy = std::make_unique<std::string>(kSecret.plain());
    report.works = find_keys().dumpable > 0;
    ::explicit_bzero(copy->data(), copy->size());
  }
  auto keys = ApiKeys::from_file(place.key_file.data());
  if (!keys) return report;
  report.before = find_keys();
  FeedConfig config;
  config.endpoint.host = "localhost";
  config.endpoint.port = place.port;
  config.endpoint.ca_file = place.ca_file.data();
  config.keys_host = "localhost";
  config.keys = *keys;
  report.child_is_refused = forked_child_is_refused(config);
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("account");
  std::atomic<bool> live = false;
  const auto status = client.on_status([&](const StatusEvent& event) {
    if (event.state == SessionState::live) live = true;
  });
  const auto assets = client.subscribe_my_asset([](const MyAssetEvent&) {});
  if (!status.ok() || !assets.ok() || !feed.start().ok()) return report;
  report.logged_in = eventually([&] { return live.load(); });
  std::this_thread::sleep_for(200ms);  // the dial's thread ends
  report.after = find_keys();
  return report;
}

/// The client in a process of its own, which has never had the keys but from its key file.
class ClientProcess {
 public:
  ClientProcess() {
    if (::pipe(to_.data()) != 0 || ::pipe(from_.data()) != 0) std::abort();
    child_ = ::fork();
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Place place;
    if (::read(to_[0], &place, sizeof place) != sizeof place) ::_exit(1);
    const Report report = use_keys(place);
    ::_exit(::write(from_[1], &report, sizeof report) == sizeof report ? 0 : 1);
  }
  ~ClientProcess() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  [[nodiscard]] Report run(const Place& place) const {
    Report report;
    pollfd wait{.fd = from_[0], .events = POLLIN, .revents = 0};
    EXPECT_EQ(::write(to_[1], &place, sizeof place), static_cast<ssize_t>(sizeof place));
    EXPECT_EQ(::poll(&wait, 1, 60'000), 1) << "no report";
    if (wait.revents == 0) return report;
    EXPECT_EQ(::read(from_[0], &report, sizeof report), static_cast<ssize_t>(sizeof report));
    return report;
  }

 private:
  std::array<int, 2> to_{};
  std::array<int, 2> from_{};
  pid_t child_ = -1;
};

// Goal: after a login with keys from a file neither key nor their base64 lies in memory that a
// core dump would hold; a child of fork() sees zeros in their place, and its feed is refused.
// Method: the client's process searches each of its mappings that is not excluded from dumps. That
// the search finds what is there is shown with a plain copy, and with the pages of the keys
// themselves.
TEST(FeedSecrets, keys_are_in_no_dumpable_memory) {
  const ClientProcess client;  // before the keys are anywhere
  sim::SimConfig config = LiveHarness::small(200);
  config.keys = {{kAccess.plain(), kSecret.plain()}};
  const LiveHarness live(config);
  const std::string key_file = testing::TempDir() + "keys-" + std::to_string(::getpid());
  {
    std::ofstream file(key_file);
    ::chmod(key_file.c_str(), 0600);
    file << "access_key = " << kAccess.plain() << "\nsecret_key = " << kSecret.plain() << '\n';
  }
  Place place{.port = live.server->port()};
  live.config().endpoint.ca_file.copy(place.ca_file.data(), place.ca_file.size() - 1);
  key_file.copy(place.key_file.data(), place.key_file.size() - 1);
  const Report report = client.run(place);
  ::unlink(key_file.c_str());
  EXPECT_TRUE(report.works);
  EXPECT_TRUE(report.logged_in);
  EXPECT_EQ(report.before.dumpable, 0U);
  EXPECT_GT(report.before.excluded, 0U) << "they are somewhere";
  EXPECT_EQ(report.after.dumpable, 0U);
  EXPECT_GT(report.after.excluded, 0U);
  EXPECT_TRUE(report.child_is_refused);
  std::cout << report.after.scanned_bytes / 1024
            << " KiB searched after the login: " << report.after.dumpable
            << " hits in dumpable memory, " << report.after.excluded
            << " in the pages of the keys\n";
}

}  // namespace
