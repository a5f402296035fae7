#include <algorithm>

#include "gateway/api_key.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "http/scan.h"
#include "http/url.h"

namespace insula::gateway {
namespace {

constexpr std::size_t kRequestIdBytesMax = 128;

bool is_request_id(std::string_view id) {
  return id.size() <= kRequestIdBytesMax && http::is_token(id);
}

}  // namespace

/// Gives the request its id and its place in a trace, and the reply the header that tells the id.
/// `head`: null when it could not be read.
void Exchange::name(Request& request, const http::RequestHead* head) {
  const auto given_id = head == nullptr ? std::nullopt : head->find(http::FieldId::kXRequestId);
  if (given_id && is_request_id(*given_id)) {
    request.id = *given_id;
  } else {
    worker_.append_request_id(request.id);
  }
  own_headers_.assign("x-request-id: ").append(request.id).append("\r\n");
  RequestObserver& observer = worker_.observer();
  request.trace = observer.trace_for(head);
  trace_lines_.clear();
  if (request.trace) append_trace_lines(trace_lines_, *request.trace);
  if (!observer.is_on()) return;
  request.observer = &observer;
  RequestFacts& facts = request.facts;
  facts.client = client_.client_address();
  facts.protocol = client_.protocol();
  facts.scheme = scheme();
  if (head == nullptr) return;
  facts.method = head->method.substr(0, RequestFacts::kMethodBytesMax);
  facts.path = without_secrets(http::target_path(head->target));
  facts.path.resize(std::min(facts.path.size(), RequestFacts::kPathBytesMax));
  facts.host = head->host.substr(0, RequestFacts::kHostBytesMax);
}

}  // namespace insula::gateway
