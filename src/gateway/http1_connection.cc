#include "gateway/http1_connection.h"

#include <algorithm>
#include <utility>

#include "gateway/pace.h"
#include "gateway/worker.h"
#include "http/http2_session.h"
#include "http/refusal.h"
#include "llm/request.h"

namespace insula::gateway {
namespace {

/// Memory that an idle connection may keep for its next request.
constexpr std::size_t kIdleBytesMax = 4096;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Http1Connection::Http1Connection(Worker& worker,
                                 ConnectionList::Place& place,
                                 std::unique_ptr<net::Stream> client,
                                 std::string server_name)
    : Downstream(address_of(*client), std::move(server_name)),
      worker_(worker),
      place_(place),
      client_(std::move(client)),
      exchange_(worker, *this) {
  wait_for(worker_.settings().timeouts.idle);
}

void Http1Connection::wait_for(std::chrono::nanoseconds patience) {
  deadline_ = worker_.coarse_now() + patience;
}

void Http1Connection::check_deadline(SteadyTime now) {
  exchange_.check_deadline(now);
  if (deadline_ && now >= *deadline_ && client_ != nullptr) client_->shutdown();
}

void Http1Connection::begin_drain(SteadyTime now) {
  if (idle_ && deadline_) deadline_ = std::min(*deadline_, now + kDrainIdleTime);
}

Task<> Http1Connection::watch_hangup() {
  co_await client_->hangup();
  exchange_.client_left();
}

Task<Http1Connection::End> Http1Connection::serve() {
  watchers_.spawn(watch_hangup());
  auto head = Head::kPart;
  while ((head = co_await read_head()) == Head::kWhole) {
    place_.set_waiting(false);
    take_head(worker_.request_head());
    deadline_.reset();
    const bool keep_alive = co_await exchange_.answer(worker_.request_head());
    exchange_.clear();
    if (!keep_alive || exchange_.client_is_gone()) break;
    in_.erase(0, used_);
    shrink();
    first_ = false;
  }
  watchers_.cancel();
  co_return head == Head::kHttp2 ? End::kHttp2 : End::kClosed;
}

void Http1Connection::shrink() {
  exchange_.shrink(kIdleBytesMax);
  if (in_.capacity() > kIdleBytesMax) {
    std::string rest = in_;
    worker_.buffers().give(std::exchange(in_, std::move(rest)));
  }
  for (std::string* text : {&head_out_, &overflow_}) {
    if (text->capacity() > kIdleBytesMax) std::string().swap(*text);
  }
}

/// Reads until in_ begins with a whole request head.
Task<Http1Connection::Head> Http1Connection::read_head() {
  const Timeouts& timeouts = worker_.settings().timeouts;
  std::size_t seen = 0;
  idle_ = in_.empty();
  wait_for(idle_ ? timeouts.idle : timeouts.head);
  for (;;) {
    if (!in_.empty()) {
      const auto head = look_for_head(seen);
      if (head == Head::kRefused) co_await exchange_.refuse_head(worker_.request_head().refusal);
      if (head != Head::kPart) co_return head;
      seen = in_.size();
    } else if (worker_.draining()) {
      begin_drain(worker_.coarse_now());
    }
    place_.set_waiting(true);
    const auto got = co_await client_->read(worker_.buffer());
    if (!got || *got == 0 || place_.ended()) co_return Head::kPart;
    if (in_.empty()) {
      idle_ = false;
      wait_for(timeouts.head);
    }
    keep({worker_.buffer().data(), *got});
  }
}

/// With room for the padding that a body needs which is read where it came.
void Http1Connection::keep(std::string_view received) {
  const std::size_t needed = in_.size() + received.size() + llm::RequestReader::kPadding;
  if (needed > in_.capacity()) {
    std::string larger = worker_.buffers().take(std::max(needed, 2 * in_.size()));
    larger.append(in_);
    worker_.buffers().give(std::exchange(in_, std::move(larger)));
  }
  in_.append(received);
}

/// `seen`: how much of in_ an earlier call has looked at.
Http1Connection::Head Http1Connection::look_for_head(std::size_t seen) {
  const auto preface = first_ ? http::match_http2_preface(in_) : http::Preface::kNo;
  if (preface == http::Preface::kWhole) return Head::kHttp2;
  if (preface == http::Preface::kPart) return Head::kPart;
  switch (http::parse_request(in_, seen, {}, worker_.request_head())) {
    case http::ParseStatus::kComplete:
      return Head::kWhole;
    case http::ParseStatus::kNeedMore:
      return Head::kPart;
    case http::ParseStatus::kRefused:
      break;
  }
  body_pending_ = true;  // Where the next request begins is not known.
  return Head::kRefused;
}

/// Notes what the head says about the body.
void Http1Connection::take_head(const http::RequestHead& head) {
  idle_ = false;
  takes_chunks_ = head.minor_version >= 1;
  body_framer_ = http::BodyFramer::of(head);
  used_ = head_bytes_ = head.size;
  has_body_ = head.chunked || head.content_length.has_value();
  body_bytes_ = head.content_length.value_or(0);
  const std::size_t received = in_.size() - head.size;
  body_pending_ = head.chunked || body_bytes_ > received;
  if (!body_pending_) used_ += body_bytes_;
  expect_continue_ = head.expect_continue && received == 0;
}

std::optional<std::string_view> Http1Connection::received_body() {
  if (body_pending_) return std::nullopt;
  in_.reserve(in_.size() + llm::RequestReader::kPadding);
  return std::string_view(in_).substr(head_bytes_, body_bytes_);
}

Result<> Http1Connection::receive(std::span<char> bytes) {
  const http::BodyFramer::Decoded decoded = body_framer_.decode(bytes);
  if (body_framer_.refusal() != http::Refusal::kNone)
    return std::unexpected(http::request_error(body_framer_.refusal()));
  INSULA_TRY_VOID(exchange_.body().append({bytes.data(), decoded.payload}));
  // What follows the body is the next request.
  if (bytes.data() == in_.data() + used_) {
    used_ += decoded.used;
  } else if (decoded.used < bytes.size()) {
    in_.append(bytes.data() + decoded.used, bytes.size() - decoded.used);
  }
  return {};
}

Result<> Http1Connection::receive_in_place(std::size_t bytes) {
  static_cast<void>(body_framer_.next({exchange_.body().room().data(), bytes}));
  return exchange_.body().add_received(bytes);
}

Task<Result<>> Http1Connection::receive_body() {
  if (expect_continue_ && !co_await send_whole(kContinue))
    co_return fail(ErrorCode::kBadRequest, "the client left before its body");
  HeldBody& body = exchange_.body();
  if (!body_framer_.is_chunked()) body.expect(body_bytes_);
  INSULA_CO_TRY_VOID(receive(std::span(in_).subspan(used_)));
  const Pace pace(worker_.coarse_now(), worker_.settings().timeouts.body_gap, kBodyRateMin);
  while (!body_framer_.done()) {
    deadline_ = pace.deadline(worker_.coarse_now(), body.text().size());
    // A body whose length is known is read into its place.
    const bool in_place = !body.room().empty();
    const auto got = co_await client_->read(in_place ? body.room() : worker_.buffer());
    if (!got || *got == 0) co_return fail(ErrorCode::kBadRequest, "the request body ended early");
    INSULA_CO_TRY_VOID(in_place ? receive_in_place(*got) : receive(worker_.buffer().first(*got)));
  }
  deadline_.reset();
  body_pending_ = false;
  co_return Result<>();
}

/// A body that was not read makes the connection unfit for more.
Task<bool> Http1Connection::reply(const OwnReply& reply) {
  OwnReply last = reply;
  last.keep_alive = reply.keep_alive && !body_pending_;
  head_out_.clear();
  write_own_reply(head_out_, last);
  // Whoever gets it may be nobody whom we know.
  place_.set_waiting(true);
  if (!co_await send_whole(head_out_)) co_return false;
  if (body_pending_) co_await linger();
  co_return last.keep_alive;
}

/// Lets the client finish sending, so that the reply is not lost to a reset.
Task<> Http1Connection::linger() {
  client_->shutdown_write();
  wait_for(kLingerTime);
  const SteadyTime end = worker_.coarse_now() + kLingerTime;
  for (std::size_t total = 0; total < kLingerBytesMax && worker_.coarse_now() < end;) {
    const auto got = co_await client_->read(worker_.buffer());
    if (!got || *got == 0) co_return;
    total += *got;
  }
}

Downstream::Sent Http1Connection::begin(const RelayedHead& head,
                                        std::string_view first,
                                        bool /*last*/) {
  head_out_.clear();
  write_reply_head(head_out_, head);
  return send_now(head_out_, first);
}

Downstream::Sent Http1Connection::send(std::string_view piece, bool /*last*/) {
  return send_now(piece, {});
}

std::optional<RawClient> Http1Connection::hand_over() {
  return RawClient{.stream = client_.get(), .received = std::string_view(in_).substr(used_)};
}

void Http1Connection::cut_off() {
  // A reply in HTTP/1.1 has its length or its last chunk, so its end alone says that something is
  // missing (RFC 9112 §8); a reset would take with it what the client has not got yet.
  if (!takes_chunks_) client_->abort();
}

/// Sends what can be sent at once; the rest is copied to overflow_, since the caller's bytes may be
/// the worker's buffer.
Downstream::Sent Http1Connection::send_now(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const auto written = client_->try_write(first, second);
    if (!written) {
      overflow_.assign(first).append(second);
      return Sent::kPart;
    }
    if (!*written) return Sent::kGone;
    const std::size_t of_first = std::min(**written, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(**written - of_first);
  }
  return Sent::kAll;
}

/// False when the client is gone.
Task<bool> Http1Connection::send_whole(std::string_view text) {
  const Sent sent = send_now(text, {});
  if (sent == Sent::kPart) co_return co_await flush();
  co_return sent == Sent::kAll;
}

Task<bool> Http1Connection::flush() {
  wait_for(worker_.settings().timeouts.client_write);
  const auto written = co_await client_->write(overflow_);
  deadline_.reset();
  co_return written.has_value();
}

}  // namespace insula::gateway
