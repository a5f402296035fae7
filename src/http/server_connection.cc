#include "http/server_connection.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

namespace insula::http {
namespace {

// What is left of a body that nobody reads: below it skipping costs less than a new connection.
constexpr std::uint64_t kSkippedBytesMax = 256uz * 1024;
constexpr auto kSkipTimeout = std::chrono::seconds(2);
// Closing a socket with unread bytes resets it, and the reset can overtake our answer.
constexpr std::uint64_t kLingerBytesMax = 1024uz * 1024;
constexpr auto kLingerTimeout = std::chrono::seconds(1);

/// Counts a request as long as its handler lives, whatever ends it.
class InFlight {
 public:
  explicit InFlight(ServerCounters& counters) : counters_(counters) {
    ++counters_.requests;
    ++counters_.requests_in_flight;
  }

  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  ~InFlight() { --counters_.requests_in_flight; }

 private:
  ServerCounters& counters_;
};

}  // namespace

ServerConnection::ServerConnection(Server& server, std::unique_ptr<net::Stream> stream)
    : server_(server), stream_(std::move(stream)), reader_(*stream_, Side::kServer) {}

ServerConnection::~ServerConnection() {
  set_idle(false);
}

void ServerConnection::set_idle(bool idle) {
  if (idle == idle_) return;
  idle_ = idle;
  if (idle) {
    idle_position_ = server_.idle_.insert(server_.idle_.end(), this);
    server_.room_.set();
  } else {
    server_.idle_.erase(idle_position_);
  }
}

void ServerConnection::stop_reading() {
  ::shutdown(stream_->fd(), SHUT_RD);
}

Task<> ServerConnection::run() {
  for (;;) {
    Request request;
    if (co_await read_request(request) == Next::kClose) co_return;
    if (!co_await answer(std::move(request))) co_return;
  }
}

Task<bool> ServerConnection::wait_for_bytes() {
  if (auto ready = reader_.try_fill()) co_return *ready && **ready > 0;
  if (server_.draining_) co_return false;
  set_idle(true);
  const auto filled = co_await reader_.fill(loop().now() + server_.options_.limits.idle_timeout);
  set_idle(false);
  co_return filled && *filled > 0;
}

ParseStatus ServerConnection::parse(std::size_t seen, Request& request, Refusal& refusal) {
  RequestHead head;
  const auto status = parse_request(reader_.buffered(), seen, server_.options_.limits.head, head);
  refusal = head.refusal;
  if (status != ParseStatus::kComplete) return status;
  request.method = head.method;
  request.target = head.target;
  for (const Field& field : head.fields())
    request.headers.add(field.name, field.value);
  current_.framer = BodyFramer::of(head);
  current_.keep_alive = head.keep_alive;
  current_.old_version = head.minor_version == 0;
  current_.expect_continue = head.expect_continue && !current_.framer.done();
  current_.upgrade = head.upgrade;
  reader_.consume(head.size);
  return status;
}

Task<ServerConnection::Next> ServerConnection::read_request(Request& request) {
  current_ = {};
  if (reader_.buffered().empty() && !co_await wait_for_bytes()) co_return Next::kClose;
  const Deadline deadline = loop().now() + server_.options_.limits.head_timeout;
  for (std::size_t seen = 0;;) {
    auto refusal = Refusal::kNone;
    const auto status = parse(seen, request, refusal);
    if (status == ParseStatus::kComplete) break;
    if (status == ParseStatus::kRefused) {
      co_await refuse(status_of(refusal), describe(refusal));
      co_return Next::kClose;
    }
    seen = reader_.buffered().size();
    const auto filled = co_await reader_.fill(deadline);
    if (!filled && filled.error().code() == ErrorCode::kTimeout) {
      ++server_.counters_.head_timeouts;
      co_await refuse(408, "the head took too long");
    }
    if (!filled || *filled == 0) co_return Next::kClose;
  }
  if (!current_.framer.is_chunked() &&
      current_.framer.left() > server_.options_.limits.body_bytes) {
    co_await refuse(413, "the body is too large");
    co_return Next::kClose;
  }
  co_return Next::kRequest;
}

Task<> ServerConnection::refuse(int status, std::string_view why) {
  ++server_.counters_.requests_refused;
  const std::string body = fmt::format("{}\n", why);
  const std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      status, reason_phrase(status), server_.date(), body.size(), body);
  if (co_await write_patiently(*stream_, text, {}, server_.options_.limits.write_timeout))
    co_await linger();
}

Task<bool> ServerConnection::answer(Request request) {
  const InFlight in_flight(server_.counters_);
  Exchange exchange(*this, std::move(request));
  co_await server_.handler_.handle(exchange);
  co_return co_await settle(exchange);
}

Task<bool> ServerConnection::settle(Exchange& exchange) {
  if (stream_ == nullptr) co_return false;  // upgraded
  if (exchange.state_ == Exchange::State::kUnanswered && !stream_->hung_up()) {
    ++server_.counters_.unanswered;
    current_.keep_alive = false;
    Response response = make_response(500, "text/plain", "the request was not answered\n");
    (void)co_await exchange.respond(std::move(response));
  }
  if (exchange.state_ != Exchange::State::kDone) co_return false;
  if (current_.framer.done()) co_return current_.keep_alive;
  if (current_.keep_alive && !current_.expect_continue && co_await skip_body()) co_return true;
  co_await linger();
  co_return false;
}

Task<bool> ServerConnection::skip_body() {
  std::array<char, 4096> scratch{};
  const Deadline deadline = loop().now() + kSkipTimeout;
  for (std::uint64_t skipped = 0; skipped < kSkippedBytesMax;) {
    const auto size = co_await reader_.read_body(current_.framer, scratch, deadline);
    if (!size) co_return false;
    if (*size == 0) co_return true;
    skipped += *size;
  }
  co_return false;
}

Task<> ServerConnection::linger() {
  stream_->shutdown_write();
  const Deadline deadline = loop().now() + kLingerTimeout;
  for (std::uint64_t discarded = 0; discarded < kLingerBytesMax;) {
    const std::size_t ready = reader_.buffered().size();
    reader_.consume(ready);
    discarded += ready;
    const auto filled = co_await reader_.fill(deadline);
    if (!filled || *filled == 0) co_return;
  }
}

Deadline ServerConnection::body_deadline() {
  if (!current_.body_started) current_.body_started = loop().now();
  const ServerLimits& limits = server_.options_.limits;
  const std::chrono::seconds earned(current_.body_received / limits.body_bytes_per_second);
  return *current_.body_started + limits.body_grace + earned;
}

}  // namespace insula::http
