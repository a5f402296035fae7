#include "gateway/http2_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "gateway/http2_connection.h"
#include "gateway/worker.h"
#include "http/refusal.h"

namespace insula::gateway {
namespace {

/// Bytes of a reply that wait for the client's window before the upstream has to.
constexpr std::size_t kUnreadMax = std::size_t{64} << 10U;
/// Bytes a second that a client must read of them while the upstream waits, or has nothing more.
constexpr std::size_t kReadRateMin = std::size_t{1} << 10U;

std::string text_of(std::int64_t number) {
  std::string text;
  append_number(text, number);
  return text;
}

/// `name: value` lines as fields.
void append_lines(std::vector<http::Http2Field>& fields, std::string_view lines) {
  for (std::size_t end = lines.find("\r\n"); end != lines.npos; end = lines.find("\r\n")) {
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(": ");
    fields.push_back({.name = line.substr(0, colon), .value = line.substr(colon + 2)});
    lines.remove_prefix(end + 2);
  }
}

}  // namespace

Http2Stream::Http2Stream(Http2Connection& connection,
                         http::StreamId id,
                         http::Http2Head head,
                         bool ended)
    : Downstream(std::string(connection.client_address()), std::string(connection.server_name())),
      connection_(connection),
      id_(id),
      head_(std::move(head)),
      exchange_(connection.worker(), *this),
      has_body_(!ended),
      ended_(ended) {
  connection_.worker().count_stream(1);
}

Http2Stream::~Http2Stream() {
  connection_.worker().count_stream(-1);
}

Task<> Http2Stream::run() {
  http::RequestHead& head = connection_.worker().request_head();
  if (head_.fill(head) == http::Refusal::kNone) {
    expect_continue_ = head.expect_continue;
    co_await exchange_.answer(head);
  } else {
    co_await exchange_.refuse_head(head.refusal);
  }
  exchange_.clear();
  // What a client does not read is not kept for ever.
  wait_for_reader();
  answered_ = true;
  connection_.forget_if_over(*this);
}

void Http2Stream::leave() {
  closed_ = true;
  exchange_.client_left();
  arrived_.set();
  drained_.set();
}

void Http2Stream::on_close() {
  if (untaken_ > 0) connection_.session().take(id_, std::exchange(untaken_, 0));
  leave();
  connection_.forget_if_over(*this);
}

const Timeouts& Http2Stream::timeouts() const {
  return connection_.worker().settings().timeouts;
}

void Http2Stream::wait_for_reader() {
  const SteadyTime now = connection_.worker().coarse_now();
  reading_.emplace(now, timeouts().client_write, kReadRateMin);
  read_since_ = 0;
  deadline_ = reading_->deadline(now, 0);
}

void Http2Stream::check_deadline(SteadyTime now) {
  exchange_.check_deadline(now);
  if (!deadline_ || now < *deadline_) return;
  deadline_.reset();
  const bool read = answered_ && unread() == 0;
  connection_.session().reset(id_, read ? http::Http2Error::kNone : http::Http2Error::kCancel);
  connection_.wake();
}

// The request's body.

void Http2Stream::on_body(std::string_view piece) {
  untaken_ += piece.size();
  if (begun_) return drop(piece.size());
  if (received_) received_ = exchange_.body().append(piece);
  if (receiving_) take_body();
  arrived_.set();
}

void Http2Stream::on_body_end() {
  ended_ = true;
  arrived_.set();
}

/// A piece of the body after the reply has begun: nobody's any more.
void Http2Stream::drop(std::size_t bytes) {
  dropped_ += bytes;
  take_body();
  if (dropped_ > kLingerBytesMax) connection_.session().reset(id_, http::Http2Error::kNone);
}

/// Lets the client send as much more as has come.
void Http2Stream::take_body() {
  connection_.session().take(id_, std::exchange(untaken_, 0));
  connection_.wake();
}

std::optional<std::string_view> Http2Stream::received_body() {
  if (!ended_ || !received_) return std::nullopt;
  if (untaken_ > 0) take_body();
  return exchange_.body().text();
}

Task<Result<>> Http2Stream::receive_body() {
  if (expect_continue_ && exchange_.body().text().empty()) {
    connection_.session().send_continue(id_);
    connection_.wake();
  }
  receiving_ = true;
  take_body();
  const Pace pace(connection_.worker().coarse_now(), timeouts().body_gap, kBodyRateMin);
  while (!ended_ && received_ && !closed_) {
    deadline_ = pace.deadline(connection_.worker().coarse_now(), exchange_.body().text().size());
    co_await arrived_.wait();
    arrived_.reset();
  }
  deadline_.reset();
  if (closed_) co_return fail(ErrorCode::kBadRequest, "the request body ended early");
  co_return received_;
}

// The reply.

http::Http2Piece Http2Stream::read(std::span<char> into) {
  const std::size_t size = std::min(into.size(), unread());
  std::memcpy(into.data(), out_.data() + out_read_, size);
  out_read_ += size;
  if (unread() == 0) {
    out_.clear();
    out_read_ = 0;
  }
  read_since_ += size;
  if (size > 0 && deadline_ && reading_)
    deadline_ = reading_->deadline(connection_.worker().coarse_now(), read_since_);
  drained_.set();
  return {.bytes = size, .last = out_last_ && unread() == 0};
}

void Http2Stream::respond(int status,
                          std::vector<http::Http2Field> fields,
                          std::string_view own_headers) {
  begun_ = true;
  const std::string code = text_of(status);
  fields.front() = {.name = ":status", .value = code};
  append_lines(fields, own_headers);
  connection_.session().respond(id_, fields, !out_last_ || unread() > 0);
  connection_.wake();
}

Task<bool> Http2Stream::reply(const OwnReply& reply) {
  if (closed_) co_return false;
  const std::string body = body_of(reply);
  const std::string size = text_of(static_cast<std::int64_t>(body.size()));
  if (!reply.without_body) out_ = body;
  out_last_ = true;
  std::vector<http::Http2Field> fields(1);
  if (has_content(reply)) {
    fields.push_back({"content-type", "application/json"});
    fields.push_back({"content-length", size});
  }
  if (reply.status == 401) fields.push_back({"www-authenticate", kChallenge});
  respond(reply.status, std::move(fields), reply.own_headers);
  co_return true;
}

Downstream::Sent Http2Stream::begin(const RelayedHead& head, std::string_view first, bool last) {
  if (closed_) return Sent::kGone;
  out_.append(first);
  out_last_ = last;
  std::vector<http::Http2Field> fields(1);
  fields.reserve(head.head.field_count + 8);
  for (const http::Field& field : head.head.fields()) {
    if (field.id != http::FieldId::kTransferEncoding && is_for_client(head, field)) {
      fields.push_back({.name = field.name, .value = field.value});
    }
  }
  respond(head.head.status, std::move(fields), head.own_headers);
  return unread() > kUnreadMax ? Sent::kPart : Sent::kAll;
}

Downstream::Sent Http2Stream::send(std::string_view piece, bool last) {
  if (closed_) return Sent::kGone;
  out_.append(piece);
  out_last_ = last;
  connection_.session().resume(id_);
  connection_.wake();
  return unread() > kUnreadMax ? Sent::kPart : Sent::kAll;
}

Task<bool> Http2Stream::flush() {
  wait_for_reader();
  while (!closed_ && unread() > kUnreadMax) {
    drained_.reset();
    co_await drained_.wait();
  }
  deadline_.reset();
  reading_.reset();
  co_return !closed_;
}

void Http2Stream::cut_off() {
  connection_.session().reset(id_, http::Http2Error::kInternal);
  connection_.wake();
}

}  // namespace insula::gateway
