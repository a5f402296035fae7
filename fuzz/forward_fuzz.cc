// What the gateway makes of a request for its upstream: whatever the client's head says, the new
// one has one meaning, one host, no field of the client's hop and no credential.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "gateway/message_text.h"
#include "http/parser.h"

namespace {

using namespace insula;

void expect_plain(std::string_view text, const gateway::TenantTarget& target) {
  http::HeadLimits limits;
  limits.head_bytes *= 2;  // The gateway adds fields.
  limits.target_bytes *= 2;
  http::RequestHead head;
  const auto status = http::parse_request(text, 0, limits, head);
  if (head.refusal == http::Refusal::kTooManyFields) return;
  INSULA_CHECK(status == http::ParseStatus::kComplete, text);
  INSULA_CHECK(head.size == text.size() && head.target == target.target && !head.chunked);
  INSULA_CHECK(head.host == "service" && head.content_length == 7 && !head.expect_continue);
  for (const http::Field& field : head.fields()) {
    INSULA_CHECK(!http::is_hop_by_hop(head, field), field.name);
    INSULA_CHECK(field.id != http::FieldId::kAuthorization, field.name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  http::RequestHead head;
  if (http::parse_request(text, 0, {}, head) != http::ParseStatus::kComplete) return 0;
  const auto target = gateway::split_target(head.target);
  if (!target) return 0;
  INSULA_CHECK(target->path.starts_with("/v1/") && target->target.starts_with(target->path));
  std::string out;
  gateway::write_upstream_head(out, {.head = head,
                                     .target = *target,
                                     .tenant = "tenant",
                                     .client_address = "127.0.0.1",
                                     .scheme = "http",
                                     .request_id = "id"});
  gateway::finish_upstream_head(out, "service", 7);
  expect_plain(out, *target);
  return 0;
}
