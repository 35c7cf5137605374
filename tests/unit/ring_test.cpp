#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include "plain_ring_memory.hpp"
#include "upfeed/spsc_ring.hpp"

namespace {

using upfeed::BasicSpscRing;
using upfeed::MirroredMemory;
using upfeed::SpscRing;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargest = kPage - 72;  // what a ring of one page takes

static_assert(!std::is_copy_constructible_v<SpscRing> && !std::is_move_constructible_v<SpscRing>);
static_assert(SpscRing::footprint_bytes(1) == 64 && SpscRing::footprint_bytes(56) == 64);
static_assert(SpscRing::footprint_bytes(57) == 128);

template <class Ring>
bool push(Ring& ring, std::size_t bytes, int fill) {
  std::byte* payload = ring.try_claim(bytes);
  if (payload == nullptr) return false;
  std::memset(payload, fill, bytes);
  ring.publish(bytes);
  return true;
}

bool holds(std::span<const std::byte> record, std::size_t bytes, int fill) {
  return record.size() == bytes &&
         std::all_of(record.begin(), record.end(),
                     [fill](std::byte byte) { return byte == static_cast<std::byte>(fill); });
}

template <class Ring>
bool pop(Ring& ring, std::size_t bytes, int fill) {
  const bool as_expected = holds(ring.peek(), bytes, fill);
  if (as_expected) ring.release();
  return as_expected;
}

std::string refusal(std::size_t capacity_bytes, std::size_t max_record_bytes) {
  try {
    const SpscRing ring(capacity_bytes, max_record_bytes);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

template <class Storage>
class RingOn : public testing::Test {
 protected:
  using Ring = BasicSpscRing<Storage>;
};
using Storages = testing::Types<MirroredMemory, PlainRingMemory>;
struct StorageName {
  template <class Storage>
  static std::string GetName(int) {
    return std::is_same_v<Storage, MirroredMemory> ? "mirrored" : "plain";
  }
};
TYPED_TEST_SUITE(RingOn, Storages, StorageName);

// Every unusable size is refused with a text that has the field and the value: try them all.
TEST(Ring, ring_refuses_unusable_sizes_by_name) {
  struct Case {
    std::size_t capacity_bytes, max_record_bytes;
    const char* text;
  };
  constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();
  const Case cases[] = {
      {0, 64, "capacity_bytes is 0: must be a power of two"},
      {1, 1, "capacity_bytes is 1: too small for max_record_bytes 1"},
      {3, 1, "capacity_bytes is 3: must be a power of two"},
      {4095, 64, "capacity_bytes is 4095: must be a power of two"},
      {3 * kPage, 64, "capacity_bytes is 12288: must be a power of two"},
      {kHuge, 64, "must be a power of two"},
      {kPage, 0, "max_record_bytes is 0: must be at least 1"},
      {kPage, kLargest + 1, "capacity_bytes is 4096: too small for max_record_bytes 4025"},
      {kPage, kHuge, "capacity_bytes is 4096: too small"},
      {64, 1, "capacity_bytes is 64: too small"},
      {kPage / 2, 64, "2048 bytes: must be a multiple of the page size, 4096"},
  };
  for (const Case& wrong : cases) {
    const std::string text = refusal(wrong.capacity_bytes, wrong.max_record_bytes);
    EXPECT_NE(text.find(wrong.text), std::string::npos) << text << "\nlacks: " << wrong.text;
  }
}

// Sizes are kept as given, never rounded: read them back, and ask for the largest record allowed.
TEST(Ring, ring_keeps_the_sizes_it_was_given) {
  const SpscRing ring(2 * kPage, 1000);
  EXPECT_EQ(ring.capacity_bytes(), 2 * kPage);
  EXPECT_EQ(ring.max_record_bytes(), 1000U);
  EXPECT_EQ(ring.used_bytes(), 0U);
  EXPECT_EQ(refusal(kPage, kLargest), "accepted");
}

// What the kernel refuses is a system_error: ask for more than the address space, then for a file
// when no descriptor is left.
TEST(Ring, ring_reports_memory_that_is_not_to_be_had) {
  EXPECT_THROW(SpscRing(std::size_t{1} << 62, 64), std::system_error);
  rlimit saved{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &saved), 0);
  const rlimit none{0, saved.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_THROW(SpscRing(kPage, 64), std::system_error);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &saved), 0);
}

// The two halves of mirrored memory are the same bytes: write through one, read through the other.
TEST(MirroredMemory, mirrored_memory_shows_the_same_bytes_twice) {
  const MirroredMemory memory(2 * kPage, 2 * kPage);
  for (std::size_t offset = 0; offset < 2 * kPage; offset += 61) {
    std::byte* first = memory.at(offset);
    EXPECT_EQ(*first, std::byte{0});
    first[2 * kPage] = std::byte{7};
    EXPECT_EQ(*first, std::byte{7});
  }
  EXPECT_THROW(MirroredMemory(0, 0), std::invalid_argument);
  EXPECT_THROW(MirroredMemory(kPage, kPage + 1), std::invalid_argument);
}

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

// Not instrumented: the sanitizers' notes on each access lie on pages of their own.
[[gnu::noinline, gnu::no_sanitize_address, gnu::no_sanitize_thread]] void touch_every_line(
    volatile std::byte* bytes, std::size_t size_bytes) {
  for (std::size_t i = 0; i < size_bytes; i += 64) bytes[i] = std::byte{1};
}

// All pages are there after construction: write every line of both halves and count the faults.
TEST(MirroredMemory, mirrored_memory_faults_no_page_in_later) {
  constexpr std::size_t kSize = std::size_t{1} << 20;
  const MirroredMemory memory(kSize, kSize);
  const long before = page_faults();
  touch_every_line(memory.at(0), 2 * kSize);
  EXPECT_LT(page_faults() - before, 8);  // 512 pages; a few may be the test's own
}

// A full ring declines and keeps what it has, in order: fill, see the refusal, drain, fill again.
TYPED_TEST(RingOn, ring_full_declines_and_keeps_order) {
  typename TestFixture::Ring ring(kPage, 1000);
  for (int round = 0; round < 50; ++round) {
    int count = 0;
    while (push(ring, 40 + static_cast<std::size_t>(count) % 90, count)) ++count;
    EXPECT_GE(ring.used_bytes(), kPage - 192U);
    EXPECT_LE(ring.used_bytes(), kPage - 64U);
    EXPECT_EQ(ring.try_claim(130), nullptr);
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(pop(ring, 40 + static_cast<std::size_t>(i) % 90, i)) << "record " << i;
    }
    EXPECT_TRUE(ring.peek().empty());
    EXPECT_EQ(ring.used_bytes(), 0U);
  }
}

// The largest record fits a drained ring wherever the ring stands: step through all its offsets.
TYPED_TEST(RingOn, ring_drained_takes_the_largest_record_at_every_offset) {
  typename TestFixture::Ring ring(kPage, kLargest);
  for (int step = 0; step < 3 * 64; ++step) {
    ASSERT_TRUE(push(ring, kLargest, step)) << "step " << step;
    EXPECT_EQ(ring.try_claim(1), nullptr);
    ASSERT_TRUE(pop(ring, kLargest, step));
    ASSERT_TRUE(ring.peek().empty());
    ASSERT_TRUE(push(ring, 1, step));
    ASSERT_TRUE(pop(ring, 1, step));
    ASSERT_TRUE(ring.peek().empty());
  }
}

// Space is handed back in batches, and all of it when the consumer finds nothing: watch used_bytes.
TYPED_TEST(RingOn, ring_hands_space_back_in_batches_and_when_found_empty) {
  typename TestFixture::Ring ring(kPage, kLargest);
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(push(ring, 56, i));
  EXPECT_EQ(ring.used_bytes(), 11 * 64U);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(pop(ring, 56, i));
  EXPECT_EQ(ring.used_bytes(), 11 * 64U) << "an eighth of the ring makes a batch";
  ASSERT_TRUE(pop(ring, 56, 7));
  EXPECT_EQ(ring.used_bytes(), 3 * 64U);
  for (int i = 8; i < 11; ++i) ASSERT_TRUE(pop(ring, 56, i));
  EXPECT_EQ(ring.used_bytes(), 3 * 64U);
  EXPECT_EQ(ring.try_claim(kLargest), nullptr);
  EXPECT_TRUE(ring.peek().empty());
  EXPECT_EQ(ring.used_bytes(), 0U);
  EXPECT_NE(ring.try_claim(kLargest), nullptr);
}

// A publish may be shorter than its claim and costs what it holds: count how many then fit.
TYPED_TEST(RingOn, ring_charges_what_was_published_not_what_was_claimed) {
  typename TestFixture::Ring ring(kPage, 2000);
  int count = 0;
  for (std::byte* payload; (payload = ring.try_claim(2000)) != nullptr; ++count) {
    std::memset(payload, 0xEE, 2000);  // a later commit word lies in what is cut off
    std::memset(payload, count, 100);
    ring.publish(100);
  }
  EXPECT_EQ(count, 16);
  for (int i = 0; i < count; ++i) ASSERT_TRUE(pop(ring, 100, i)) << "record " << i;
  EXPECT_TRUE(ring.peek().empty());
}

// An abandoned claim leaves no trace: claim, scribble, claim again with another size, then drop.
TYPED_TEST(RingOn, ring_forgets_an_abandoned_claim) {
  typename TestFixture::Ring ring(kPage, 1000);
  for (int i = 0; i < 500; ++i) {
    std::byte* abandoned = ring.try_claim(1000);
    ASSERT_NE(abandoned, nullptr);
    std::memset(abandoned, 0xEE, 1000);
    EXPECT_TRUE(ring.peek().empty());
    EXPECT_EQ(ring.used_bytes(), 0U);
    if (i % 3 == 0) continue;
    std::byte* payload = ring.try_claim(20);
    EXPECT_EQ(payload, abandoned);
    std::memset(payload, i, 20);
    ring.publish(20);
    ASSERT_TRUE(pop(ring, 20, i & 0xFF));
  }
}

// Payloads are aligned for all records: look at the addresses of both sides over several rounds.
TYPED_TEST(RingOn, ring_aligns_every_payload) {
  typename TestFixture::Ring ring(kPage, 1000);
  static_assert(TestFixture::Ring::kPayloadAlignment >= 8);
  const auto misalignment = [](const std::byte* address) {
    return reinterpret_cast<std::uintptr_t>(address) % TestFixture::Ring::kPayloadAlignment;
  };
  for (std::size_t bytes = 1; bytes <= 1000; ++bytes) {
    std::byte* payload = ring.try_claim(bytes);
    ASSERT_NE(payload, nullptr);
    ASSERT_EQ(misalignment(payload), 0U);
    ring.publish(bytes);
    const std::span<std::byte> record = ring.peek();
    ASSERT_EQ(record.data(), payload) << "read where it was written";
    ASSERT_EQ(record.size(), bytes);
    ring.release();
    ASSERT_TRUE(ring.peek().empty());
  }
}

// The consumer may edit what it peeked: change it, peek again, and see the change and the next one.
TYPED_TEST(RingOn, ring_shows_the_consumer_its_own_edits) {
  typename TestFixture::Ring ring(kPage, 1000);
  ASSERT_TRUE(push(ring, 300, 1));
  ASSERT_TRUE(push(ring, 300, 2));
  const std::span<std::byte> record = ring.peek();
  std::memset(record.data(), 9, record.size());
  EXPECT_TRUE(pop(ring, 300, 9));
  EXPECT_TRUE(pop(ring, 300, 2));
}

// One thread on both sides sees what a plain queue shows: random operations, both compared.
TYPED_TEST(RingOn, ring_equals_a_queue_under_random_operations) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  typename TestFixture::Ring ring(2 * kPage, 3000);
  struct Record {
    std::size_t bytes;
    int fill;
  };
  std::deque<Record> expected;
  std::size_t declined = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 2 == 0) {
      const std::size_t claimed = 1 + random() % (random() % 4 == 0 ? 3000 : 200);
      std::byte* payload = ring.try_claim(claimed);
      declined += payload == nullptr;
      if (payload == nullptr || random() % 8 == 0) continue;
      const std::size_t bytes = 1 + random() % claimed;
      std::memset(payload, 0xEE, claimed);
      std::memset(payload, i & 0xFF, bytes);
      ring.publish(bytes);
      expected.push_back({bytes, i & 0xFF});
    } else if (expected.empty()) {
      ASSERT_TRUE(ring.peek().empty());
      ASSERT_EQ(ring.used_bytes(), 0U);
    } else {
      ASSERT_TRUE(pop(ring, expected.front().bytes, expected.front().fill)) << "operation " << i;
      expected.pop_front();
    }
  }
  EXPECT_GT(declined, 0U);
}

// Misuse stops a checked build at the broken sentence: each in a child process.
TEST(RingDeathTest, ring_asserts_on_misuse) {
  SpscRing ring(kPage, 100);
  EXPECT_DEATH(ring.release(), "");
  EXPECT_DEATH(ring.publish(1), "");
  EXPECT_DEATH(static_cast<void>(ring.try_claim(101)), "");
  EXPECT_DEATH(static_cast<void>(ring.try_claim(0)), "");
  ASSERT_NE(ring.try_claim(10), nullptr);
  EXPECT_DEATH(ring.publish(11), "");
  EXPECT_DEATH(ring.publish(0), "");
  ring.publish(10);
  EXPECT_DEATH(ring.publish(10), "");
  ASSERT_FALSE(ring.peek().empty());
  ring.release();
  EXPECT_DEATH(ring.release(), "");

  ASSERT_TRUE(ring.peek().empty());
  for (int i = 0; i < 62; ++i) ASSERT_TRUE(push(ring, 10, i));
  ASSERT_NE(ring.try_claim(10), nullptr);
  ASSERT_EQ(ring.try_claim(100), nullptr);
  EXPECT_DEATH(ring.publish(10), "") << "a declined claim ends the one before";
}

}  // namespace
