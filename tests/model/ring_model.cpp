// Runs the shipped ring header under relacy, which executes two threads in many interleavings and
// with every value the C++ memory model lets a load return, and reports data races, failed
// assertions and livelocks. Then runs the mutants that generate_ring_mutants.py makes of that same
// header: the model counts only if it finds fault with each of them.
//
// usage: ring_model [iterations per scenario]
//
// The storage is mirrored like the shipped one. A cache line of it has two model objects:
//      commit   rl::atomic, what lies where a commit word may lie
//      payload  rl::var, the rest of the line; an unordered access to it is a data race
// Writing the payload of a record also writes the commit objects of the lines behind its first,
// with numbers that would pass for record sizes.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <vector>

// Relacy defines macros over keywords, memory orders and errno, for programs written for it. So
// what needs those comes before it, and for the ring, which comes as it ships, they are taken back.
#include "upfeed/mirrored_memory.hpp"
// clang-format off
#include <relacy/relacy.hpp>
// clang-format on
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert

#define UPFEED_RING_ASSERT(condition) RL_ASSERT(condition)
#include "upfeed/spsc_ring.hpp"
// Behind the original, whose includes and macros it shares.
#include "ring_mutants.hpp"

namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kLineCount = 16;  // so that a batch of the hand-back is two lines
constexpr std::size_t kCapacity = kLineCount * kLineBytes;
constexpr std::size_t kLargest = kCapacity - kLineBytes - kHeaderBytes;

rl::memory_order model_order(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
      return rl::mo_consume;
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      return rl::mo_seq_cst;
  }
  std::abort();
}

class ModelWord {
 public:
  explicit ModelWord(std::uint64_t value) { word_.store(value, rl::mo_relaxed, RL_INFO); }
  std::uint64_t load(std::memory_order order) const {
    return word_.load(model_order(order), RL_INFO);
  }
  void store(std::uint64_t value, std::memory_order order) {
    word_.store(value, model_order(order), RL_INFO);
  }

 private:
  rl::atomic<std::uint64_t> word_;
};

class ModelMemory {
 public:
  ModelMemory(std::size_t size_bytes, std::size_t contiguous_bytes) {
    RL_ASSERT(size_bytes == kCapacity && contiguous_bytes <= kCapacity);
    for (Line& line : lines_) line.payload(RL_INFO) = 0;
  }

  std::byte* at(std::size_t offset) const {
    RL_ASSERT(offset < kCapacity);
    return &bytes_[offset];
  }
  ModelWord& commit_word(std::size_t offset) const {
    RL_ASSERT(offset % kLineBytes == 0);
    return lines_[offset / kLineBytes].commit;
  }

  void write(const std::byte* payload, std::size_t bytes, unsigned value) const {
    for (std::size_t i = 0; i < line_count(bytes); ++i) {
      Line& line = line_of(payload, i);
      line.payload(RL_INFO) = value;
      // Not from the ring's side, so as weak as can be.
      if (i > 0) line.commit.store(1 + value % kLargest, std::memory_order_relaxed);
    }
  }
  bool holds(const std::byte* payload, std::size_t bytes, unsigned value) const {
    for (std::size_t i = 0; i < line_count(bytes); ++i) {
      if (line_of(payload, i).payload(RL_INFO) != value) return false;
    }
    return true;
  }

 private:
  struct Line {
    ModelWord commit{0};
    rl::var<unsigned> payload;
  };

  static std::size_t line_count(std::size_t bytes) {
    return (kHeaderBytes + bytes + kLineBytes - 1) / kLineBytes;
  }
  Line& line_of(const std::byte* payload, std::size_t index) const {
    const auto offset = static_cast<std::size_t>(payload - bytes_) - kHeaderBytes;
    return lines_[(offset / kLineBytes + index) % kLineCount];
  }

  // Only the addresses of the bytes are used.
  alignas(kLineBytes) mutable std::byte bytes_[2 * kCapacity];
  mutable Line lines_[kLineCount];
};

// The ring owns its storage; the test reaches it through this.
const ModelMemory* memory_in_use = nullptr;

class RegisteredMemory : public ModelMemory {
 public:
  RegisteredMemory(std::size_t size_bytes, std::size_t contiguous_bytes)
      : ModelMemory(size_bytes, contiguous_bytes) {
    memory_in_use = this;
  }
};

struct ModelAtomics {
  using Counter = ModelWord;
  static ModelWord& commit_word(const ModelMemory& storage, std::size_t offset) {
    return storage.commit_word(offset);
  }
};

struct Step {
  std::size_t claimed_bytes;
  std::size_t published_bytes;  // 0: the claim is abandoned
};

struct Scenario {
  const char* name;
  std::vector<Step> steps;
};

const std::vector<Scenario> kScenarios = {
    {"small records, which fill the ring and wrap",
     {{140, 140},
      {300, 300},
      {56, 1},
      {400, 160},
      {57, 57},
      {20, 20},
      {600, 0},
      {310, 200},
      {1, 1}}},
    {"the largest record between small ones, which fits only when drained",
     {{40, 40}, {kLargest, kLargest}, {100, 50}, {kLargest, 30}, {kLargest, kLargest}, {1, 1}}},
    {"short records in the largest claims, as of a decoder that learns the size last",
     {{kLargest, 10}, {kLargest, 120}, {kLargest, 0}, {kLargest, 56}, {kLargest, 450}, {100, 20}}},
};
const Scenario* scenario_in_use = nullptr;

constexpr unsigned value_of(std::size_t step) {
  return 100 + 61 * static_cast<unsigned>(step);
}
constexpr unsigned kEdited = 7;

template <class Ring>
struct RingSuite : rl::test_suite<RingSuite<Ring>, 2> {
  const std::vector<Step>& steps = scenario_in_use->steps;
  std::optional<Ring> ring;

  void before() { ring.emplace(kCapacity, kLargest); }
  void after() {
    RL_ASSERT(ring->peek().empty());
    RL_ASSERT(ring->used_bytes() == 0);
    ring.reset();
  }
  void thread(unsigned index) {
    if (index == 0) {
      produce();
    } else {
      consume();
    }
  }

  void produce() {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      std::byte* payload;
      while ((payload = ring->try_claim(step.claimed_bytes)) == nullptr) rl::yield(1, RL_INFO);
      memory_in_use->write(payload, step.claimed_bytes, value_of(i));
      if (step.published_bytes != 0) ring->publish(step.published_bytes);
    }
  }

  void consume() {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::size_t bytes = steps[i].published_bytes;
      if (bytes == 0) continue;
      std::span<std::byte> record;
      while ((record = ring->peek()).empty()) rl::yield(1, RL_INFO);
      RL_ASSERT(record.size() == bytes);
      RL_ASSERT(memory_in_use->holds(record.data(), bytes, value_of(i)));
      memory_in_use->write(record.data(), bytes, kEdited);
      RL_ASSERT(ring->used_bytes() <= kCapacity);
      ring->release();
    }
  }
};

// Runs one scenario and gives what relacy found. Its words go to `output` as they come: what it
// allocates during a run may not be freed after it, so they cannot be kept in a string.
template <class Ring>
rl::test_result_e simulate(const Scenario& scenario, rl::iteration_t iterations,
                           std::ostream& output) {
  scenario_in_use = &scenario;
  rl::test_params params;
  params.iteration_count = iterations;
  params.output_stream = &output;
  params.progress_stream = &output;
  params.progress_output_period = 1'000'000;
  params.search_type = rl::random_scheduler_type;
  rl::simulate<RingSuite<Ring>>(params);
  return params.test_result;
}

bool passes_as_shipped(rl::iteration_t iterations) {
  using Ring = upfeed::BasicSpscRing<RegisteredMemory, ModelAtomics>;
  for (const Scenario& scenario : kScenarios) {
    std::cout << "as shipped: " << scenario.name << std::endl;
    if (simulate<Ring>(scenario, iterations, std::cout) != rl::test_result_success) return false;
  }
  return true;
}

template <class Ring>
bool is_found_faulty(const char* mutation, rl::iteration_t iterations) {
  std::ostream silent(nullptr);
  for (const Scenario& scenario : kScenarios) {
    const rl::test_result_e result = simulate<Ring>(scenario, iterations, silent);
    if (result == rl::test_result_success) continue;
    std::cout << "mutant, " << mutation << ": " << rl::test_result_str(result) << " with "
              << scenario.name << std::endl;
    return true;
  }
  std::cout << "mutant, " << mutation << ": NOT FOUND" << std::endl;
  return false;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const rl::iteration_t iterations =
      argument_count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 200'000;
  bool good = passes_as_shipped(iterations);
#define UPFEED_EXPECT_FAULT(space, mutation)                                             \
  good &= is_found_faulty<upfeed::space::BasicSpscRing<RegisteredMemory, ModelAtomics>>( \
      mutation, iterations);
  UPFEED_FOR_EACH_RING_MUTANT(UPFEED_EXPECT_FAULT)
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
