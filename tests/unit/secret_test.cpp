// Keys: where they come from, and that they go nowhere.
#include "upfeed/secret.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <type_traits>
#include <vector>

#include "freed_memory.hpp"

namespace upfeed {
namespace {

namespace freed_memory = test::freed_memory;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(Printable<std::string> && !Printable<Secret> && !Printable<ApiKeys>);
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::equality_comparable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view> &&
              !std::is_convertible_v<std::string, Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);

const std::string kCanary = "canary-0123456789-abcdefghij-0123456789";

// Text goes in and out whole, by each way to make one; a moved-from one has none.
TEST(Secret, holds_text_until_it_is_moved) {
  Secret secret(kCanary);
  EXPECT_EQ(secret.reveal(), kCanary);
  Secret other = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): the promise
  EXPECT_EQ(secret.reveal(), "");
  EXPECT_EQ(other.reveal(), kCanary);
  secret = std::move(other);
  EXPECT_EQ(secret.reveal(), kCanary);
  EXPECT_EQ(Secret::join({"a", "", "bc"}).reveal(), "abc");
  EXPECT_TRUE(Secret::join({}).empty());
  Secret zeros = Secret::zeros(3);
  EXPECT_EQ(zeros.reveal(), std::string_view("\0\0\0", 3));
  zeros.bytes()[0] = 'x';
  zeros.shrink(1);
  EXPECT_EQ(zeros.reveal(), "x");
}

// Each way an owner lets go of the text wipes it first: freed blocks are searched for it. A string
// that is not wiped is found, so the search works.
TEST(Secret, memory_is_wiped_before_it_is_freed) {
  freed_memory::watch_for(kCanary);
  { const std::string copy = kCanary; }
  EXPECT_EQ(freed_memory::hits(), 1U);
  freed_memory::watch_for(kCanary);
  {
    Secret first(kCanary);
    Secret second = std::move(first);
    Secret third("something else that is overwritten");
    third = std::move(second);
    third = Secret(kCanary);
    const Secret joined = Secret::join({kCanary, third.reveal()});
    Secret cut = Secret::join({kCanary, "tail"});
    cut.shrink(kCanary.size());
    const ApiKeys keys{Secret(kCanary), Secret(kCanary)};
  }
  EXPECT_EQ(freed_memory::hits(), 0U);
  freed_memory::watch_for("");
}

/// What the child of a fork() says, as its exit status.
template <class Child>
int status_of_child(const Child& child) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child());
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The pages go back whole, also those of a text that was cut to nothing or moved.
TEST(Secret, pages_are_given_back) {
  std::vector<const void*> pages;
  {
    Secret cut = Secret::zeros(3 * 4096 + 1);
    for (std::size_t page = 0; page < 4; ++page) pages.push_back(cut.bytes().data() + page * 4096);
    cut.shrink(0);
    Secret first(kCanary);
    pages.push_back(first.reveal().data());
    Secret second("overwritten");
    pages.push_back(second.reveal().data());
    second = std::move(first);
  }
  for (const void* page : pages) {
    const auto address = reinterpret_cast<std::uintptr_t>(page) / 4096 * 4096;
    unsigned char resident = 0;
    EXPECT_EQ(::mincore(reinterpret_cast<void*>(address), 1, &resident), -1);
    EXPECT_EQ(errno, ENOMEM);
  }
}

// A child of fork() has zeros of the same size, which are no usable keys; the parent's stay.
TEST(Secret, forked_child_has_no_usable_keys) {
  ApiKeys keys{Secret(kCanary), Secret(kCanary)};
  ASSERT_TRUE(keys.usable());
  const int status = status_of_child([&] {
    if (keys.secret_key.reveal() != std::string(kCanary.size(), '\0')) return 1;
    if (keys.usable()) return 2;
    keys.secret_key = Secret("new");  // the child's own are as good as any
    keys.access_key = Secret("new");
    return keys.usable() ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(keys.usable());
}

// Without a byte of memory to lock, and without the right to exceed that, all works unlocked.
TEST(Secret, needs_no_locked_memory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers make mlock() do nothing and say that it did";
#endif
  const int status = status_of_child([] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 1;
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;
    alignas(4096) static std::array<char, 4096> page;
    if (::mlock(page.data(), page.size()) == 0) return 3;
    const Secret secret(kCanary);
    return secret.reveal() == kCanary ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
}

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "keysXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    unsetenv("UPBIT_ACCESS_KEY");
    unsetenv("UPBIT_SECRET_KEY");
  }

  std::string write(const std::string& text, mode_t mode = 0600) {
    const std::string path = folder_ + "/keys" + std::to_string(++files_);
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  /// The message of a refusal; none of them may hold what came behind an equals sign.
  static std::string refusal(const Result<std::shared_ptr<const ApiKeys>>& keys) {
    if (keys.ok()) {
      ADD_FAILURE() << "accepted";
      return {};
    }
    EXPECT_EQ(keys.error().message.find("canary"), std::string::npos) << keys.error().message;
    return keys.error().message;
  }
  static void expect_pair(const Result<std::shared_ptr<const ApiKeys>>& keys) {
    ASSERT_TRUE(keys.ok()) << keys.error().message;
    EXPECT_EQ(keys.value()->access_key.reveal(), "canary-access");
    EXPECT_EQ(keys.value()->secret_key.reveal(), "canary-secret");
    EXPECT_TRUE(keys.value()->usable());
  }

  std::string folder_;
  int files_ = 0;
};

// Both variables make a pair; what is missing or unusable is named, all at once.
TEST_F(Keys, environment_names_what_is_missing) {
  unsetenv("UPBIT_ACCESS_KEY");
  unsetenv("UPBIT_SECRET_KEY");
  std::string message = refusal(ApiKeys::from_environment());
  EXPECT_NE(message.find("UPBIT_ACCESS_KEY is not set, UPBIT_SECRET_KEY is not set"),
            std::string::npos)
      << message;
  setenv("UPBIT_ACCESS_KEY", "canary-access\n", 1);
  EXPECT_TRUE(refusal(ApiKeys::from_environment()).starts_with("UPBIT_ACCESS_KEY holds"));
  setenv("UPBIT_ACCESS_KEY", " canary-access ", 1);
  EXPECT_TRUE(refusal(ApiKeys::from_environment()).starts_with("UPBIT_SECRET_KEY is not set"));
  for (const char* bad :
       {"", "  ", "canary secret", "canary\"", "canary\\", "canary\x7f", "canary\xC3\xA9"}) {
    setenv("UPBIT_SECRET_KEY", bad, 1);
    EXPECT_TRUE(refusal(ApiKeys::from_environment()).starts_with("UPBIT_SECRET_KEY ")) << bad;
  }
  setenv("UPBIT_SECRET_KEY", ("canary" + std::string(251, 'x')).c_str(), 1);
  EXPECT_NE(refusal(ApiKeys::from_environment()).find("longer"), std::string::npos);
  setenv("UPBIT_SECRET_KEY", "canary-secret", 1);
  expect_pair(ApiKeys::from_environment());
}

// The forms a key file may have: either order, quotes, blanks, comments, line ends, no last one.
TEST_F(Keys, file_forms_are_read) {
  for (const char* text :
       {"access_key=canary-access\nsecret_key=canary-secret\n",
        "secret_key=canary-secret\naccess_key=canary-access",
        "# keys\r\n\r\naccess_key = \"canary-access\"\r\n  secret_key\t= canary-secret \r\n\n"}) {
    expect_pair(ApiKeys::from_file(write(text)));
    expect_pair(ApiKeys::from_file(write(text, 0400)));
  }
  const std::string link = folder_ + "/link";
  std::filesystem::create_symlink(write("access_key=canary-access\nsecret_key=canary-secret"),
                                  link);
  expect_pair(ApiKeys::from_file(link));
}

// What a file may not hold: the message has the line or the field, never a piece of the text.
TEST_F(Keys, file_faults_are_named) {
  const auto refused = [&](const std::string& text, const char* said) {
    const std::string message = refusal(ApiKeys::from_file(write(text)));
    EXPECT_NE(message.find(said), std::string::npos) << message;
    EXPECT_NE(message.find(folder_), std::string::npos) << message;
  };
  const std::string good = "access_key=canary-access\nsecret_key=canary-secret\n";
  refused("", "no access_key");
  refused("secret_key=canary-secret\n", "no access_key");
  refused("access_key=canary-access\n", "no secret_key");
  refused(good + "canary-pasted-without-a-name", "line 3: neither");
  refused("access_key\n" + good, "line 1: neither");
  refused("[canary]\n" + good, "line 1: neither");
  refused(good + "access_key=canary-again\n", "line 3: access_key is there twice");
  refused("access_key=\n" + good, "line 1: access_key is empty");
  refused("access_key=\"\"\n" + good, "line 1: access_key is empty");
  refused("access_key=\"canary\n" + good, "line 1: access_key holds");
  refused("access_key=canary canary\n" + good, "line 1: access_key holds");
  refused("access_key=" + std::string(257, 'x') + "\n" + good, "longer than 256");
  refused(good + std::string(4096, '\n'), "larger than 4096");
}

// Whose eyes may be on the file: any mode beyond 0600, and anything that is no file, is refused.
TEST_F(Keys, file_must_be_a_file_for_its_owner_only) {
  const std::string good = "access_key=canary-access\nsecret_key=canary-secret\n";
  for (const mode_t mode : {0644U, 0640U, 0604U, 0620U, 0602U, 0700U, 0610U, 04600U}) {
    const std::string message = refusal(ApiKeys::from_file(write(good, mode)));
    EXPECT_NE(message.find("chmod 600"), std::string::npos) << message;
  }
  EXPECT_NE(refusal(ApiKeys::from_file(folder_)).find("not a regular file"), std::string::npos);
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(refusal(ApiKeys::from_file(pipe)).find("not a regular file"), std::string::npos);
  const auto missing = ApiKeys::from_file(folder_ + "/none");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Errc::no_such_file);
  if (::geteuid() == 0) {
    const std::string path = write(good);
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    EXPECT_NE(refusal(ApiKeys::from_file(path)).find("another user"), std::string::npos);
  }
}

// Loading, good and bad, leaves no key in freed memory.
TEST_F(Keys, loading_leaves_nothing_behind) {
  const std::string path = write("access_key=\"canary-access\"\nsecret_key=canary-secret\n");
  const std::string bad =
      write("access_key=canary-access\nsecret_key=canary-secret canary-secret\n");
  freed_memory::watch_for("canary-secret");
  { expect_pair(ApiKeys::from_file(path)); }
  EXPECT_FALSE(ApiKeys::from_file(bad).ok());
  setenv("UPBIT_ACCESS_KEY", "canary-access", 1);
  setenv("UPBIT_SECRET_KEY", "canary-secret", 1);
  { expect_pair(ApiKeys::from_environment()); }
  EXPECT_EQ(freed_memory::hits(), 0U);
  freed_memory::watch_for("");
}

}  // namespace
}  // namespace upfeed
