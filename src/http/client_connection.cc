#include "http/client_connection.h"

#include <fmt/format.h>

#include "http/scan.h"

namespace insula::http {
namespace {

// Far more than any server sends before its answer; a peer that never stops is broken.
constexpr int kInterimMax = 16;

bool is_interim(int status) {
  return status >= 100 && status < 200 && status != 101;
}

/// Parses what has arrived; the parser's table is too large for a coroutine frame.
ParseStatus parse(WireReader& reader,
                  std::size_t seen,
                  const HeadLimits& limits,
                  AnswerHead& out,
                  std::string_view method) {
  ResponseHead head;
  const auto status = parse_response(reader.buffered(), seen, limits, head);
  out.refusal = head.refusal;
  if (status != ParseStatus::kComplete) return status;
  out.status = head.status;
  out.keep_alive = head.keep_alive;
  out.framer = BodyFramer::of(head, method);
  out.headers.clear();
  for (const Field& field : head.fields())
    out.headers.add(field.name, field.value);
  reader.consume(head.size);
  return status;
}

}  // namespace

PoolSlot::~PoolSlot() {
  if (pool_ == nullptr) return;
  --pool_->open;
  pool_->freed.set();
  pool_->client.forget_if_unused(*pool_);
}

Result<std::string> request_head(std::string_view host,
                                 const Request& request,
                                 std::string_view connection) {
  const char* end = request.target.data() + request.target.size();
  if (!is_token(request.method) || request.target.empty() ||
      find_control(request.target.data(), end, 0x20) != end) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot send {} {}", request.method, request.target));
  }
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.contains("Host")) text.append("Host: ").append(host).append("\r\n");
  for (const auto& [name, value] : request.headers) {
    if (token_is(name, "content-length") || token_is(name, "connection") ||
        token_is(name, "transfer-encoding")) {
      continue;
    }
    text.append(name).append(": ").append(value).append("\r\n");
  }
  const bool expects_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (expects_body || !request.body.empty()) {
    fmt::format_to(std::back_inserter(text), "Content-Length: {}\r\n", request.body.size());
  }
  if (!connection.empty()) text.append("Connection: ").append(connection).append("\r\n");
  return text += "\r\n";
}

Task<Result<AnswerHead>> read_answer_head(WireReader& reader,
                                          const HeadLimits& limits,
                                          std::string_view method,
                                          Deadline deadline) {
  AnswerHead head;
  std::size_t seen = 0;
  for (int interim = 0; interim < kInterimMax;) {
    const auto status = reader.buffered().empty() ? ParseStatus::kNeedMore
                                                  : parse(reader, seen, limits, head, method);
    if (status == ParseStatus::kRefused) co_return std::unexpected(response_error(head.refusal));
    if (status == ParseStatus::kComplete) {
      if (!is_interim(head.status)) co_return head;
      ++interim;
      seen = 0;
      continue;
    }
    seen = reader.buffered().size();
    INSULA_CO_TRY(const std::size_t size, co_await reader.fill(deadline));
    if (size == 0) co_return fail(ErrorCode::kUpstream, "connection closed before the answer");
  }
  co_return fail(ErrorCode::kUpstream, "bad response: too many interim answers");
}

}  // namespace insula::http
