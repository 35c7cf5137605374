// How the feed's threads sleep and are woken: no wake-up is lost, whatever it falls between.
#include "parker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace upfeed::detail {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kLongMs = 60'000;  // a wake-up that is lost shows as this
constexpr auto kSoon = std::chrono::seconds(20);

template <class Sleeper>
class ParkerTest : public testing::Test {
 protected:
  Sleeper parker_;
};
using Sleepers = testing::Types<Parker, FutexParker>;
TYPED_TEST_SUITE(ParkerTest, Sleepers);

// Goal: a wake-up between prepare() and wait() ends the wait. Method: one thread, in that order.
TYPED_TEST(ParkerTest, wake_before_the_wait_is_kept) {
  const auto start = Clock::now();
  for (int i = 0; i < 100; ++i) {
    this->parker_.prepare();
    this->parker_.wake();
    this->parker_.wait(kLongMs);
  }
  EXPECT_LT(Clock::now() - start, kSoon);
}

// Goal: the time limit holds, and a wake-up meant for nobody does not end a later wait. Method: a
// wake() without prepare(), then a wait of 50 ms.
TYPED_TEST(ParkerTest, nobody_wakes_it_until_the_time_is_over) {
  this->parker_.wake();
  this->parker_.prepare();
  const auto start = Clock::now();
  this->parker_.wait(50);
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(45));
}

// Goal: two threads that take turns, each parked while the other works, never miss each other.
// Method: 20,000 turns; each published before the wake, as the feed does.
TYPED_TEST(ParkerTest, turns_are_never_lost) {
  constexpr int kTurns = 20'000;
  TypeParam other;
  std::atomic<int> turn{0};
  const auto play = [&turn](TypeParam& mine, TypeParam& theirs, int parity) {
    for (int i = parity; i < kTurns; i += 2) {
      while (turn.load(std::memory_order_acquire) != i) {
        mine.prepare();
        if (turn.load(std::memory_order_acquire) == i) {
          mine.cancel();
        } else {
          mine.wait(kLongMs);
        }
      }
      turn.store(i + 1, std::memory_order_release);
      theirs.wake();
    }
  };
  const auto start = Clock::now();
  std::thread second([&] { play(other, this->parker_, 1); });
  play(this->parker_, other, 0);
  second.join();
  EXPECT_EQ(turn.load(), kTurns);
  EXPECT_LT(Clock::now() - start, std::chrono::milliseconds(kLongMs));
}

}  // namespace
}  // namespace upfeed::detail
