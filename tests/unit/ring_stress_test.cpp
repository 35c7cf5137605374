// Two threads push and pull records of random sizes through small rings; the reader checks every
// byte and the order. Built as is over both storages, and once per compiler under ThreadSanitizer
// (tests "*plain*" only, see CMakeLists.txt).

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "plain_ring_memory.hpp"
#include "upfeed/spsc_ring.hpp"

namespace {

constexpr std::size_t kCapacity = 8192;
constexpr std::size_t kLargest = 6000;
constexpr std::uint64_t kRecordCount = 100'000;

struct Pace {
  // Once in this many records a side sleeps; 0: never.
  std::uint64_t producer_sleeps_every;
  std::uint64_t consumer_sleeps_every;
};

// What the n-th record is, known to both threads without talking to each other.
struct Plan {
  std::size_t claimed_bytes;
  std::size_t bytes;
  bool abandon_first;
  std::uint64_t pattern;

  Plan(std::uint64_t seed, std::uint64_t index) {
    std::minstd_rand random(static_cast<std::uint_fast32_t>((seed + index * 2654435761U) >> 3));
    random.discard(2);
    claimed_bytes = 1 + random() % (random() % 16 == 0 ? kLargest : 400);
    bytes = random() % 2 == 0 ? claimed_bytes : 1 + random() % claimed_bytes;
    abandon_first = random() % 8 == 0;
    pattern = (index + 1) * 0x9E3779B97F4A7C15U;
  }
};

// Whole words of pattern + i, then single bytes.
template <class Word>
void write_pattern(std::byte* payload, std::size_t bytes, Word pattern) {
  std::size_t offset = 0;
  for (; offset + sizeof(Word) <= bytes; offset += sizeof(Word)) {
    const Word word = pattern + offset;
    std::memcpy(payload + offset, &word, sizeof(word));
  }
  for (; offset < bytes; ++offset) payload[offset] = static_cast<std::byte>(pattern);
}

template <class Word>
bool has_pattern(std::span<const std::byte> record, Word pattern) {
  std::size_t offset = 0;
  for (; offset + sizeof(Word) <= record.size(); offset += sizeof(Word)) {
    Word word;
    std::memcpy(&word, record.data() + offset, sizeof(word));
    if (word != pattern + offset) return false;
  }
  for (; offset < record.size(); ++offset) {
    if (record[offset] != static_cast<std::byte>(pattern)) return false;
  }
  return true;
}

void sleep_sometimes(std::uint64_t index, std::uint64_t every) {
  if (every != 0 && index % every == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
}

template <class Ring>
void produce(Ring& ring, std::uint64_t seed, Pace pace, const std::atomic<bool>& failed) {
  for (std::uint64_t index = 0; index < kRecordCount && !failed.load(); ++index) {
    const Plan plan(seed, index);
    sleep_sometimes(index, pace.producer_sleeps_every);
    if (plan.abandon_first) {
      std::byte* abandoned = ring.try_claim(kLargest);
      // Every word of it would pass for a commit word.
      if (abandoned != nullptr) write_pattern(abandoned, kLargest, std::uint64_t{64});
    }
    std::byte* payload;
    while ((payload = ring.try_claim(plan.claimed_bytes)) == nullptr) {
      if (failed.load()) return;
      std::this_thread::yield();
    }
    write_pattern(payload, plan.claimed_bytes, std::uint64_t{64});
    write_pattern(payload, plan.bytes, plan.pattern);
    ring.publish(plan.bytes);
  }
}

// Returns the number of good records: kRecordCount, or the index of the first bad one.
template <class Ring>
std::uint64_t consume(Ring& ring, std::uint64_t seed, Pace pace) {
  for (std::uint64_t index = 0; index < kRecordCount; ++index) {
    const Plan plan(seed, index);
    sleep_sometimes(index, pace.consumer_sleeps_every);
    std::span<std::byte> record;
    while ((record = ring.peek()).empty()) std::this_thread::yield();
    if (record.size() != plan.bytes || !has_pattern(record, plan.pattern)) return index;
    write_pattern(record.data(), record.size(), ~plan.pattern);
    if (!has_pattern(ring.peek(), ~plan.pattern)) return index;
    ring.release();
  }
  return kRecordCount;
}

template <class Storage>
void stress(Pace pace) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  upfeed::BasicSpscRing<Storage> ring(kCapacity, kLargest);
  std::atomic<bool> failed{false};
  std::thread producer([&] { produce(ring, seed, pace, failed); });
  const std::uint64_t good = consume(ring, seed, pace);
  failed.store(good != kRecordCount);
  producer.join();
  EXPECT_EQ(good, kRecordCount) << "the first record that is not as it was published";
  EXPECT_TRUE(failed || ring.peek().empty());
  EXPECT_TRUE(failed || ring.used_bytes() == 0);
}

class RingStress : public testing::TestWithParam<Pace> {};

// Records survive the ring on one mapping, whichever side is slower: compare each with its plan.
TEST_P(RingStress, ring_keeps_every_record_on_plain_memory) {
  stress<PlainRingMemory>(GetParam());
}

// The same on the storage that ships.
TEST_P(RingStress, ring_keeps_every_record_on_mirrored_memory) {
  stress<upfeed::MirroredMemory>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Paces, RingStress,
                         testing::Values(Pace{0, 0}, Pace{100, 0}, Pace{0, 100}, Pace{97, 101}),
                         [](const testing::TestParamInfo<Pace>& pace) {
                           return "pauses_" + std::to_string(pace.param.producer_sleeps_every) +
                                  "_" + std::to_string(pace.param.consumer_sleeps_every);
                         });

}  // namespace
