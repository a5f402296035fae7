#include "http/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "base/check.h"
#include "http/client_connection.h"
#include "http/scan.h"
#include "http/url.h"

namespace insula::http {
namespace {

constexpr std::size_t kReadBytes = 16uz * 1024;
// Body of an answer that is not the upgrade asked for.
constexpr std::size_t kRefusalBytesMax = 64uz * 1024;
// A writer that makes no progress is ended by the request's deadline, not by this.
constexpr auto kWritePatience = std::chrono::hours(1);

/// RFC 9110 section 9.2.2, and what the requester says itself.
bool is_replayable(const Request& request) {
  constexpr std::array<std::string_view, 6> kIdempotent = {"GET",    "HEAD",    "PUT",
                                                           "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(kIdempotent, request.method) != kIdempotent.end() ||
         request.headers.contains("Idempotency-Key");
}

}  // namespace

Result<Origin> Origin::parse(std::string_view text) {
  Origin origin;
  if (text.starts_with("unix:")) {
    INSULA_TRY(origin.address, net::Address::parse(text));
    origin.host = "localhost";
    return origin;
  }
  INSULA_TRY(const Url url, Url::parse(text));
  const std::string host = url.host.contains(':') ? fmt::format("[{}]", url.host) : url.host;
  INSULA_TRY(origin.address, net::Address::parse(fmt::format("{}:{}", host, url.port)));
  origin.host = url.authority();
  origin.tls = url.secure();
  return origin;
}

ResponseStream::ResponseStream(std::unique_ptr<ClientConnection> connection, AnswerHead head)
    : connection_(std::move(connection)), head_(std::make_unique<AnswerHead>(std::move(head))) {}

int ResponseStream::status() const {
  return head_->status;
}

const Headers& ResponseStream::headers() const {
  return head_->headers;
}

ResponseStream::~ResponseStream() {
  if (connection_ != nullptr && head_->framer.done()) give_back();
}

void ResponseStream::give_back() {
  auto connection = std::move(connection_);
  // Bytes after the answer belong to nothing we asked for.
  if (!head_->keep_alive || !connection->reader.buffered().empty()) return;
  Client& client = connection->pool().client;
  client.keep(std::move(connection));
}

Task<Result<std::size_t>> ResponseStream::read(std::span<char> out, Deadline deadline) {
  if (connection_ == nullptr) co_return std::size_t{0};
  const auto size = co_await connection_->reader.read_body(head_->framer, out, deadline);
  if (head_->framer.done()) {
    give_back();
  } else if (!size || *size == 0) {
    connection_.reset();  // broken, or ended by the server's closing
  }
  co_return size;
}

Task<Result<std::string>> ResponseStream::read_all(std::size_t bytes_max, Deadline deadline) {
  std::string body;
  std::size_t size = 0;
  for (;;) {
    body.resize(size + std::max(kReadBytes, size));
    INSULA_CO_TRY(const std::size_t got, co_await read(std::span(body).subspan(size), deadline));
    if (got == 0) break;
    size += got;
    if (size > bytes_max) {
      co_return fail(ErrorCode::kTooLarge,
                     fmt::format("the answer is larger than {} bytes", bytes_max));
    }
  }
  body.resize(size);
  body.shrink_to_fit();
  co_return body;
}

Client::Client(ClientOptions options) : options_(std::move(options)) {}

Client::~Client() {
  tasks_.cancel();
  for (auto& [key, pool] : pools_) {
    // Their slots find the pool alive and the map without interest in it.
    ++pool->waiting;
    pool->idle.clear();
    INSULA_CHECK(pool->open == 0, "an http client ended before a response stream of its own");
  }
}

ConnectionPool& Client::pool_of(const Origin& origin) {
  std::string key =
      fmt::format("{} {} {}", origin.tls ? "tls" : "plain", origin.address.text(), origin.host);
  auto& pool = pools_[key];
  if (pool == nullptr) pool = std::make_unique<ConnectionPool>(*this, std::move(key));
  return *pool;
}

void Client::forget_if_unused(ConnectionPool& pool) {
  if (pool.open == 0 && pool.waiting == 0) pools_.erase(pools_.find(pool.key));
}

void Client::keep(std::unique_ptr<ClientConnection> connection) {
  ConnectionPool& pool = connection->pool();
  connection->reused = true;
  connection->idle_since = connection->stream->loop().now();
  pool.idle.push_back(std::move(connection));
  if (pool.idle.size() > options_.idle_per_origin) {
    const auto oldest = std::move(pool.idle.front());
    pool.idle.pop_front();
  }
  if (!pool.idle.empty()) pool.freed.set();
  if (!std::exchange(sweeping_, true)) tasks_.spawn(sweep_idle());
}

Task<> Client::sweep_idle() {
  for (bool any = true; any;) {
    co_await sleep_for(options_.idle_timeout);
    any = false;
    const SteadyTime now = Loop::current().now();
    std::list<std::unique_ptr<ClientConnection>> expired;
    for (auto& [key, pool] : pools_) {
      while (!pool->idle.empty() && now - pool->idle.front()->idle_since >= options_.idle_timeout) {
        expired.splice(expired.end(), pool->idle, pool->idle.begin());
      }
      any = any || !pool->idle.empty();
    }
  }
  sweeping_ = false;
}

Task<Result<std::unique_ptr<net::Stream>>> Client::dial(Origin origin, Deadline deadline) {
  deadline = std::min(deadline, Loop::current().now() + options_.connect_timeout);
  INSULA_CO_TRY(auto stream, co_await net::dial(origin.address, deadline));
  ++counters_.connections_opened;
  if (!origin.tls) co_return stream;
  if (options_.tls == nullptr)
    co_return fail(ErrorCode::kInvalid, "an https origin, and no TLS settings for it");
  INSULA_CO_TRY(const Url url, Url::parse(fmt::format("https://{}", origin.host)));
  co_return co_await net::tls_connect(options_.tls, std::move(stream), url.host, deadline);
}

std::unique_ptr<ClientConnection> Client::take_idle(ConnectionPool& pool) {
  // Newest first: the pool shrinks to what is needed.
  std::unique_ptr<ClientConnection> connection = std::move(pool.idle.back());
  pool.idle.pop_back();
  const SteadyTime now = connection->stream->loop().now();
  if (connection->stream->has_unread() || now - connection->idle_since >= options_.idle_timeout)
    return nullptr;
  ++counters_.connections_reused;
  return connection;
}

namespace {

struct Waiting {
  explicit Waiting(ConnectionPool& awaited) : pool(awaited) { ++pool.waiting; }

  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  ~Waiting() { --pool.waiting; }

  ConnectionPool& pool;
};

Task<Result<>> wait_for(Event& event) {
  event.reset();
  co_await event.wait();
  co_return Result<>();
}

}  // namespace

Task<Result<std::unique_ptr<ClientConnection>>> Client::acquire(Origin origin, Deadline deadline) {
  ConnectionPool& pool = pool_of(origin);
  std::optional<PoolSlot> slot;
  {
    const Waiting waiting(pool);
    for (;;) {
      while (!pool.idle.empty()) {
        if (auto connection = take_idle(pool)) co_return connection;
      }
      if (pool.open < options_.connections_per_origin) break;
      INSULA_CO_TRY_VOID(co_await with_deadline(deadline, wait_for(pool.freed)));
    }
    slot.emplace(pool);
  }
  INSULA_CO_TRY(auto stream, co_await dial(std::move(origin), deadline));
  co_return std::make_unique<ClientConnection>(*std::move(slot), std::move(stream));
}

namespace {

Task<Result<>> write_all(net::Stream& stream, std::string_view head, std::string_view body) {
  co_return co_await write_patiently(stream, head, body, kWritePatience);
}

}  // namespace

Task<Result<AnswerHead>> Client::exchange(ClientConnection& connection,
                                          const Request& request,
                                          std::string_view head,
                                          Deadline deadline) const {
  net::Stream& stream = *connection.stream;
  WireReader& reader = connection.reader;
  // A server may refuse a large body before it has read it, so we listen while we send. Cancelling
  // the listener loses nothing: what it has received is in the reader.
  auto outcome = co_await race(write_all(stream, head, request.body),
                               read_answer_head(reader, options_.head, request.method, deadline));
  if (outcome.index() == 1) {
    auto early = std::get<1>(std::move(outcome));
    if (early) early->keep_alive = false;
    co_return early;
  }
  const auto written = std::get<0>(std::move(outcome));
  auto answer = co_await read_answer_head(reader, options_.head, request.method, deadline);
  if (!written) {
    if (!answer) co_return std::unexpected(written.error());
    answer->keep_alive = false;
  }
  co_return answer;
}

Task<Result<std::unique_ptr<ResponseStream>>> Client::open(Origin origin,
                                                           Request request,
                                                           Deadline deadline) {
  INSULA_CO_TRY(const std::string head, request_head(origin.host, request, {}));
  for (bool first = true;; first = false) {
    INSULA_CO_TRY(auto connection, co_await acquire(origin, deadline));
    const bool reused = connection->reused;
    auto answer = co_await exchange(*connection, request, head, deadline);
    if (answer)
      co_return std::make_unique<ResponseStream>(std::move(connection), *std::move(answer));
    Error error = std::move(answer).error();
    const bool silent = connection->reader.buffered().empty();
    const bool stale = reused && silent && error.code() == ErrorCode::kUpstream;
    if (!first || !stale || !is_replayable(request)) {
      const Retry retry = is_replayable(request) && silent ? Retry::kSafe : Retry::kNever;
      co_return std::unexpected(std::move(error).in(origin.address.text()).with_retry(retry));
    }
    ++counters_.retries;
    // Connections of the same age are likely to be gone as well.
    connection->pool().idle.clear();
  }
}

Task<Result<Response>> Client::send(Origin origin, Request request, Deadline deadline) {
  INSULA_CO_TRY(auto stream, co_await open(std::move(origin), std::move(request), deadline));
  Response response;
  INSULA_CO_TRY(response.body, co_await stream->read_all(options_.body_bytes, deadline));
  response.status = stream->status();
  response.headers = stream->headers();
  co_return response;
}

namespace {

Task<Result<std::string>> collect(WireReader& reader,
                                  BodyFramer framer,
                                  std::size_t bytes_max,
                                  Deadline deadline) {
  std::string body;
  std::array<char, 4096> piece{};
  for (;;) {
    INSULA_CO_TRY(const std::size_t size, co_await reader.read_body(framer, piece, deadline));
    if (size == 0) co_return body;
    body.append(piece.data(), size);
    if (body.size() > bytes_max)
      co_return fail(ErrorCode::kTooLarge, "the refusal of an upgrade is too large");
  }
}

}  // namespace

Task<Result<Upgraded>> Client::upgrade(Origin origin, Request request, Deadline deadline) {
  INSULA_CO_TRY(const std::string head, request_head(origin.host, request, "Upgrade"));
  INSULA_CO_TRY(auto stream, co_await dial(std::move(origin), deadline));
  INSULA_CO_TRY_VOID(co_await with_deadline(deadline, write_all(*stream, head, request.body)));
  WireReader reader(*stream, Side::kClient);
  INSULA_CO_TRY(auto answer,
                co_await read_answer_head(reader, options_.head, request.method, deadline));
  Upgraded upgraded;
  upgraded.response.status = answer.status;
  upgraded.response.headers = std::move(answer.headers);
  if (answer.status == 101) {
    upgraded.received = reader.buffered();
    upgraded.stream = std::move(stream);
  } else {
    INSULA_CO_TRY(upgraded.response.body,
                  co_await collect(reader, answer.framer, kRefusalBytesMax, deadline));
  }
  co_return upgraded;
}

}  // namespace insula::http
