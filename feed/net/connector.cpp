#include "net/connector.hpp"

#include <algorithm>
#include <exception>
#include <system_error>
#include <type_traits>

#include "net/http_exchange.hpp"
#include "net/quiet_thread.hpp"
#include "net/tcp_connect.hpp"

namespace upfeed::net {
namespace {

MonoTime in(std::chrono::milliseconds span) {
  return std::chrono::steady_clock::now() + span;
}

// The steps of one dial, in wire order; each returns early with its own cause.
NetError run_steps(const DialRequest& request, Resolver& resolver, TlsContextCache& contexts,
                   const CancelToken* cancel, LiveSocket& live) {
  NetError error = check_request(request.host, request.path, request.headers);
  if (!error.ok()) return error;
  error = check_login(request.login, request.host);
  if (!error.ok()) return error;
  const TlsContext context = contexts.get(request.ca_file, error);
  if (!error.ok()) return error;

  std::vector<SocketAddress> addresses;
  error =
      resolver.resolve(request.host, request.port, {in(request.dns_timeout), cancel}, addresses);
  if (!error.ok()) return error;

  UniqueFd fd;
  const auto addresses_count = static_cast<std::int64_t>(addresses.size());
  const Limits all_addresses{in(request.connect_timeout_per_address * addresses_count), cancel};
  error =
      connect_to_any(addresses, request.connect_timeout_per_address, all_addresses, fd, live.peer);
  if (!error.ok()) return error;

  live.tls = TlsSocket::create(std::move(fd), context, request.host, error);
  if (!error.ok()) return error;
  error = live.tls->handshake({in(request.tls_timeout), cancel});
  if (!error.ok()) return error;

  HttpReply reply;
  error = upgrade_to_websocket(*live.tls, request.host, request.port, request.path, request.headers,
                               request.login, {in(request.http_timeout), cancel}, reply);
  live.leftover = std::move(reply.body);
  live.remaining_req = std::move(reply.remaining_req);
  live.limit_by_ip = std::move(reply.limit_by_ip);
  return error;
}

DialResult run_dial(const DialRequest& request, Resolver& resolver, TlsContextCache& contexts,
                    const CancelToken* cancel) {
  DialResult result;
  result.id = request.id;
  auto live = std::make_unique<LiveSocket>();
  result.error = run_steps(request, resolver, contexts, cancel, *live);
  if (result.error.ok()) {
    result.socket = std::move(live);
  } else if (live->tls != nullptr) {
    live->tls->close_now(true);
  }
  return result;
}

template <class Result>
Result failed(std::uint64_t id, NetErrc code, const char* detail) {
  Result result;
  result.id = id;
  result.error.code = code;
  result.error.detail = detail;
  return result;
}

}  // namespace

template <class Result>
void Connector::Queue<Result>::push(Result result) {
  const std::lock_guard lock(mutex);
  items.push_back(std::move(result));
  count.store(items.size(), std::memory_order_relaxed);
}

template <class Result>
std::optional<Result> Connector::Queue<Result>::pop() {
  // Relaxed: only a hint to look; the mutex hands the contents over. Missed now is found next time,
  // and so is a queue whose lock is just held: the poller never waits for a descheduled dial.
  if (count.load(std::memory_order_relaxed) == 0) return std::nullopt;
  const std::unique_lock lock(mutex, std::try_to_lock);
  if (!lock.owns_lock() || items.empty()) return std::nullopt;
  std::optional<Result> result(std::move(items.front()));
  items.pop_front();
  count.store(items.size(), std::memory_order_relaxed);
  return result;
}

template <class Result>
void Connector::Queue<Result>::clear() {
  const std::lock_guard lock(mutex);
  items.clear();
  count.store(0, std::memory_order_relaxed);
}

Connector::Connector(ConnectorOptions options)
    : jobs_max_(options.jobs_max), resolver_(std::move(options.resolve)) {}

Connector::~Connector() {
  stop();
}

template <class Request, class Run, class Result>
void Connector::start(Request request, Run run, Queue<Result>& queue) {
  const std::lock_guard lock(jobs_mutex_);
  if (stopped_) return;
  reap_finished();
  const std::uint64_t id = request.id;
  if (jobs_.size() >= jobs_max_) {
    queue.push(failed<Result>(id, NetErrc::out_of_resources, "too many dials at once"));
    return;
  }
  Job& job = jobs_.emplace_back();
  job.id = id;
  if (!job.cancel.valid()) {
    jobs_.pop_back();
    queue.push(failed<Result>(id, NetErrc::out_of_descriptors, "no descriptor for the dial"));
    return;
  }
  try {
    job.thread = start_quiet_thread([run, &job, &queue, request = std::move(request)] {
      Result result;
      try {
        result = run(request, &job.cancel);
      } catch (const std::exception& failure) {  // no memory, in practice
        result = failed<Result>(job.id, NetErrc::out_of_resources, failure.what());
      }
      queue.push(std::move(result));
      job.done.store(true, std::memory_order_release);
    });
  } catch (const std::system_error&) {
    jobs_.pop_back();
    queue.push(failed<Result>(id, NetErrc::out_of_resources, "no thread for the dial"));
  }
}

void Connector::dial(DialRequest request) {
  start(
      std::move(request),
      [this](const DialRequest& r, const CancelToken* cancel) {
        return run_dial(r, resolver_, contexts_, cancel);
      },
      dials_);
}

void Connector::get(RestRequest request) {
  start(
      std::move(request),
      [this](const RestRequest& r, const CancelToken* cancel) {
        return rest_get(r, resolver_, contexts_, cancel);
      },
      rests_);
}

std::optional<DialResult> Connector::poll_dial() {
  return dials_.pop();
}

std::optional<RestResult> Connector::poll_rest() {
  return rests_.pop();
}

void Connector::cancel(std::uint64_t id) {
  const std::lock_guard lock(jobs_mutex_);
  for (Job& job : jobs_) {
    if (job.id == id) job.cancel.cancel();
  }
}

void Connector::reap_finished() {
  jobs_.remove_if([](Job& job) {
    if (!job.done.load(std::memory_order_acquire)) return false;
    job.thread.join();
    return true;
  });
}

void Connector::stop() {
  const std::lock_guard lock(jobs_mutex_);
  stopped_ = true;
  for (Job& job : jobs_) job.cancel.cancel();
  for (Job& job : jobs_) job.thread.join();
  jobs_.clear();
  dials_.clear();
  rests_.clear();
}

}  // namespace upfeed::net
