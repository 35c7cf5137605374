// A record from one thread to another and back, and the calls of the ring on one thread.
//
//      client (this thread)                          server
//      claim, write, publish ----- requests ----->   peek, copy into a claim, publish, release
//      peek, check, release  <----- replies ------
//
// The trip goes through two rings, with one record under way at a time, so half of it is the
// latency of one hand-over. The other side is an index-published ring of equal size, Boost's
// spsc_queue, or a bare hop: one word on a cache line of its own, back and forth, below which no
// hand-over can go.

#include "upfeed/spsc_ring.hpp"

#include <sched.h>

#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstring>
#include <string>
#include <thread>

#include "gates.hpp"
#include "harness.hpp"
#include "index_ring.hpp"

namespace upfeed::bench {
namespace {

constexpr std::size_t kCapacityBytes = 64 * 1024;
constexpr std::int64_t kTripsPerRound = 2000;

template <std::size_t kBytes>
using Payload = std::array<std::uint64_t, kBytes / sizeof(std::uint64_t)>;

template <class Words>
void fill(Words& words, std::uint64_t seed) {
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = seed + i;
}
// Reads every word, so the whole record has to travel.
template <class Words>
bool holds(const Words& words, std::uint64_t seed) {
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < words.size(); ++i) difference |= words[i] ^ (seed + i);
  return difference == 0;
}

// Both rings behind the same four verbs on whole payloads.
template <std::size_t kBytes>
class Ours {
 public:
  using Words = Payload<kBytes>;
  [[nodiscard]] Words* try_claim() { return reinterpret_cast<Words*>(ring_.try_claim(kBytes)); }
  void publish() { ring_.publish(kBytes); }
  [[nodiscard]] Words* peek() {
    const std::span<std::byte> record = ring_.peek();
    return record.empty() ? nullptr : reinterpret_cast<Words*>(record.data());
  }
  void release() { ring_.release(); }

 private:
  SpscRing ring_{kCapacityBytes, kBytes};
};

template <std::size_t kBytes>
class Index : public IndexRing<Payload<kBytes>> {
 public:
  using Words = Payload<kBytes>;
  Index() : IndexRing<Words>(kCapacityBytes) {}
};

// Copies on both sides: it has no claim and no peek in place for its producer.
template <std::size_t kBytes>
class Boost {
 public:
  using Words = Payload<kBytes>;
  [[nodiscard]] Words* try_claim() { return queue_.write_available() != 0 ? &staged_ : nullptr; }
  void publish() { queue_.push(staged_); }
  [[nodiscard]] Words* peek() { return queue_.read_available() != 0 ? &queue_.front() : nullptr; }
  void release() { queue_.pop(); }

 private:
  Words staged_;
  boost::lockfree::spsc_queue<Words, boost::lockfree::capacity<kCapacityBytes / sizeof(Words)>>
      queue_;
};

// Not a ring: the one word of a record that has no payload, on a line of its own. No space to wait
// for, since one record is under way at a time.
class Hop {
 public:
  using Words = Payload<8>;
  [[nodiscard]] Words* try_claim() { return &words_; }
  void publish() { word_.store(words_[0], std::memory_order_release); }
  [[nodiscard]] Words* peek() {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    if (word == seen_) return nullptr;
    read_[0] = word;
    return &read_;
  }
  void release() { seen_ = read_[0]; }

 private:
  alignas(64) std::atomic<std::uint64_t> word_{0};
  alignas(64) Words words_{};  // producer
  alignas(64) Words read_{};   // consumer
  std::uint64_t seen_ = 0;
};

// Spins, but not for ever where both threads have to share a core.
template <class Poll>
auto spin(Poll poll) {
  for (int tries = 0;; ++tries) {
    if (const auto found = poll()) return found;
    if (tries == 10'000) {
      sched_yield();
      tries = 0;
    }
  }
}

template <class Ring>
struct Line {
  Ring requests;
  Ring replies;
  std::uint64_t seed = 0;

  // The server's part of a round.
  void echo() {
    for (std::int64_t trip = 0; trip < kTripsPerRound; ++trip) {
      const auto* const request = spin([&] { return requests.peek(); });
      auto* const reply = spin([&] { return replies.try_claim(); });
      *reply = *request;
      replies.publish();
      requests.release();
    }
  }
  // The client's part; false when a reply was wrong.
  bool call() {
    bool good = true;
    for (std::int64_t trip = 0; trip < kTripsPerRound; ++trip) {
      ++seed;
      fill(*spin([&] { return requests.try_claim(); }), seed);
      requests.publish();
      good &= holds(*spin([&] { return replies.peek(); }), seed);
      replies.release();
    }
    return good;
  }
};

enum class Order : std::uint64_t { ours = 1, other = 2, quit = 3 };

// Two lines and the thread that answers on whichever it is told to.
template <class OursRing, class OtherRing>
class Pair {
 public:
  // server_cpu  -1: not pinned.
  explicit Pair(int server_cpu) : server_([this, server_cpu] { serve(server_cpu); }) {
    spin([this] { return state_.load(std::memory_order_acquire) != State::starting; });
  }
  ~Pair() { give(Order::quit); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  [[nodiscard]] bool pinned() const noexcept { return state_.load() == State::pinned; }
  bool call_ours() {
    give(Order::ours);
    return ours_.call();
  }
  bool call_other() {
    give(Order::other);
    return other_.call();
  }

 private:
  enum class State : std::uint8_t { starting, pinned, unpinned };

  // The low two bits are the order, the rest makes each one new.
  void give(Order order) {
    orders_given_ += 4;
    order_.store(orders_given_ + static_cast<std::uint64_t>(order), std::memory_order_release);
  }
  void serve(int cpu) {
    const bool pinned = cpu >= 0 && pin_this_thread(cpu);
    state_.store(pinned ? State::pinned : State::unpinned, std::memory_order_release);
    std::uint64_t done = 0;
    for (;;) {
      done = spin([&] {
        const std::uint64_t order = order_.load(std::memory_order_acquire);
        return order != done ? order : 0;
      });
      switch (static_cast<Order>(done % 4)) {
        case Order::ours:
          ours_.echo();
          break;
        case Order::other:
          other_.echo();
          break;
        case Order::quit:
          return;
      }
    }
  }

  Line<OursRing> ours_;
  Line<OtherRing> other_;
  alignas(64) std::atomic<std::uint64_t> order_{0};
  std::uint64_t orders_given_ = 0;
  std::atomic<State> state_{State::starting};
  std::jthread server_;  // last: starts when all is there, is joined before anything goes
};

// Where the client and the server run; -1 when there are not two cores.
struct Cpus {
  int client = -1;
  int server = -1;
};

template <class OursRing, class OtherRing>
void round_trip(benchmark::State& state, Cpus cpus) {
  const bool client_pinned = cpus.client >= 0 && pin_this_thread(cpus.client);
  Pair<OursRing, OtherRing> pair(cpus.server);
  if (!client_pinned || !pair.pinned()) state.SetLabel("WARNING: not pinned");
  bool good = true;
  compare(
      state, 2 * kTripsPerRound, [&] { good &= pair.call_ours(); },
      [&] { good &= pair.call_other(); });
  if (!good) fail(state, "a reply was not what was sent");
}

template <class Ring>
void one_thread(benchmark::State& state) {
  Ring ring;
  std::uint64_t seed = 0;
  bool good = true;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    auto* const claimed = ring.try_claim();
    if (claimed == nullptr) {
      fail(state, "an empty ring had no room");
      break;
    }
    (*claimed)[0] = ++seed;
    ring.publish();
    const auto* const record = ring.peek();
    good &= record != nullptr && (*record)[0] == seed;
    ring.release();
  }
  if (!good) fail(state, "a record was lost or changed");
}

// Fills and drains a ring for several rounds of its memory: all come, whole and in order.
template <class Ring>
void verify(const std::string& name) {
  Ring ring;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  for (int turn = 0; turn < 8; ++turn) {
    while (auto* const claimed = ring.try_claim()) {
      fill(*claimed, ++written);
      ring.publish();
    }
    require(written - read > 1, name + " takes several records");
    while (const auto* const record = ring.peek()) {
      require(holds(*record, ++read), name + " gives records whole and in order");
      ring.release();
    }
    require(read == written, name + " gives every record");
  }
}

template <class OursRing, class OtherRing>
void add_round_trip(const std::string& name, Cpus cpus) {
  benchmark::RegisterBenchmark(
      ("round_trip_half/" + name).c_str(),
      [cpus](benchmark::State& state) { round_trip<OursRing, OtherRing>(state, cpus); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

template <std::size_t kBytes>
void add_size(Cpus cpus) {
  const std::string bytes = std::to_string(kBytes);
  verify<Ours<kBytes>>("upfeed's ring of " + bytes + " B");
  verify<Index<kBytes>>("the index ring of " + bytes + " B");
  verify<Boost<kBytes>>("Boost's queue of " + bytes + " B");
  add_round_trip<Ours<kBytes>, Index<kBytes>>(bytes + "/vs_index_ring", cpus);
  add_round_trip<Ours<kBytes>, Boost<kBytes>>(bytes + "/vs_boost_spsc_queue", cpus);
  benchmark::RegisterBenchmark(("one_thread/" + bytes + "/ours").c_str(), one_thread<Ours<kBytes>>);
  benchmark::RegisterBenchmark(("one_thread/" + bytes + "/index_ring").c_str(),
                               one_thread<Index<kBytes>>);
}

void prepare() {
  const std::vector<int> allowed = allowed_cpus();
  const Cpus cpus = allowed.size() < 2 ? Cpus{} : Cpus{allowed[0], allowed[1]};
  add_round_trip<Ours<8>, Hop>("8/vs_bare_hop", cpus);
  add_round_trip<Ours<56>, Hop>("56/vs_bare_hop", cpus);
  add_size<56>(cpus);  // the largest payload that shares one cache line with its commit word
  add_size<1024>(cpus);
  add_gate(Gate::ratio("G4", "round_trip_half/56/vs_index_ring", 0.80, 0.95));
  add_gate(Gate::ratio("G4", "round_trip_half/1024/vs_index_ring", 0.97, 1.05));
  add_gate(Gate::ratio("G4", "round_trip_half/8/vs_bare_hop", 1.5, 1.5));
  add_gate(Gate::ratio("G4", "round_trip_half/56/vs_bare_hop", 1.5, 1.5));
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
