#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "llm/openai_error.h"

namespace insula::gateway {

/// Shows the request to the tenant's filters, now that all of it is there.
Task<Result<>> Exchange::filter_request(Request& request) {
  const bool has_body = request.has_body && !request.is_head;
  // What came with its head is in a buffer of the loop, which others use while this waits.
  if (has_body && payload_.data() != body_.text().data()) {
    body_.copy(payload_);
    payload_ = body_.text();
  }
  auto refusal =
      co_await request.filters->on_request({.operation = request.operation,
                                            .tenant = request.tenant->name,
                                            .body = has_body ? payload_ : std::string_view(),
                                            .client_gone = client_gone_,
                                            .prompts = worker_.prompts(),
                                            .memory = worker_.body_memory(),
                                            .pool = worker_.pool_for_filters()});
  if (!refusal) co_return Result<>();
  request.tenant->metrics->filter_refused->add();
  request.refusal_code = refusal->error;
  co_return fail(refusal->code, std::move(refusal->message));
}

/// Lets the tenant's filters change what this server is sent.
void Exchange::filter_attempt(const Request& request, std::string& head) {
  reply_edits_.clear();
  FilterAttempt attempt{.head = head, .reply_edits = reply_edits_};
  request.filters->on_attempt(attempt);
}

/// What filters, or the route, change in the reply; what they put in goes to its headers.
std::span<const HeaderEdits* const> Exchange::edit_reply(const Request& request) {
  if (request.site_backend != nullptr && !request.site_backend->reply.empty())
    reply_edits_.assign({&request.site_backend->reply});
  if (!reply_edits_.empty()) append_lines(own_headers_, reply_edits_);
  return reply_edits_;
}

/// Ends a stream one of whose events a filter does not let pass.
Task<Exchange::Attempt> Exchange::end_refused_stream(Request& request, BodyRelay& body) {
  upstream_.reset();
  const FilterRefusal& refusal = *body.filter_refusal();
  request.tenant->metrics->filter_refused->add();
  request.facts.error = code_of(refusal.error);
  request.settle();
  const std::string events = llm::last_events(
      request.operation,
      {.message = refusal.message, .type = type_of(refusal.code), .code = code_of(refusal.error)});
  const std::string_view last = body.end_refused(events);
  request.note_sent(last.size());
  const auto sent = client_.send(last, true);
  co_return co_await taken(sent) ? Attempt::kDone : Attempt::kClientGone;
}

}  // namespace insula::gateway
