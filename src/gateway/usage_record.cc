#include "gateway/usage_record.h"

#include <utility>

#include <fmt/format.h>

#include "api/time.h"
#include "gateway/csv.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

constexpr double kMicrosPerSecond = 1e6;

std::string seconds_text(std::int64_t micros) {
  return micros == UsageRecord::kUnknown
             ? std::string()
             : fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

std::string time_text(std::int64_t micros) {
  return api::MicroTime{micros}.text();
}

}  // namespace

std::string_view name_of(UsageOutcome outcome) {
  switch (outcome) {
    case UsageOutcome::kOk:
      return "ok";
    case UsageOutcome::kRefused:
      return "refused";
    case UsageOutcome::kUpstreamFailed:
      return "upstream_failed";
    case UsageOutcome::kClientGone:
      return "client_gone";
    case UsageOutcome::kEndedByLimit:
      return "ended_by_limit";
    case UsageOutcome::kGatewayFailed:
      return "gateway_failed";
    case UsageOutcome::kGatewayCrashed:
      return "gateway_crashed";
  }
  return "unknown";  // Of a newer version's file.
}

UsageOutcome outcome_of(int status) {
  if (status == 499) return UsageOutcome::kClientGone;
  if (status >= 500) return UsageOutcome::kUpstreamFailed;
  return status >= 400 ? UsageOutcome::kRefused : UsageOutcome::kOk;
}

std::string_view name_of(llm::Operation operation) {
  switch (operation) {
    case llm::Operation::kChatCompletions:
      return "chat.completions";
    case llm::Operation::kCompletions:
      return "completions";
    case llm::Operation::kEmbeddings:
      return "embeddings";
    case llm::Operation::kResponses:
      return "responses";
    case llm::Operation::kMessages:
      return "messages";
    case llm::Operation::kModels:
      return "models";
    case llm::Operation::kUnmetered:
    case llm::Operation::kOther:
      break;
  }
  return "other";
}

std::int64_t micros_of(WallTime time) {
  return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
}

void UsageRecord::set_usage(const llm::Usage& usage) {
  prompt_tokens = usage.prompt_tokens;
  cached_tokens = usage.cached_tokens;
  completion_tokens = usage.completion_tokens;
  reasoning_tokens = usage.reasoning_tokens;
  estimated = usage.estimated;
}

llm::Usage UsageRecord::usage() const {
  return {.prompt_tokens = prompt_tokens,
          .completion_tokens = completion_tokens,
          .estimated = estimated,
          .cached_tokens = cached_tokens,
          .reasoning_tokens = reasoning_tokens};
}

UsageCounts UsageRecord::counts() const {
  const bool began = first_token_us != kUnknown;
  return {.requests = 1,
          .failed = status >= 400 ? 1 : 0,
          .prompt_tokens = prompt_tokens,
          .completion_tokens = completion_tokens,
          .estimated = estimated ? 1 : 0,
          .cached_tokens = cached_tokens,
          .reasoning_tokens = reasoning_tokens,
          .duration_us = duration_us == kUnknown ? 0 : duration_us,
          .first_token_us = began ? first_token_us : 0,
          .first_tokens = began ? 1 : 0,
          .cost = cost};
}

std::optional<double> UsageRecord::token_gap_us() const {
  if (!streamed || first_token_us == kUnknown || duration_us == kUnknown || completion_tokens < 2)
    return std::nullopt;
  return static_cast<double>(duration_us - first_token_us) /
         static_cast<double>(completion_tokens - 1);
}

void append_json(std::string& out, const UsageRecord& record) {
  const auto text = [&](std::string_view name, std::string_view value) {
    out.append(1, '"').append(name).append("\":");
    json::append_string(out, value);
    out += ',';
  };
  const auto number = [&](std::string_view name, auto value) {
    fmt::format_to(std::back_inserter(out), "\"{}\":{},", name, value);
  };
  const auto seconds = [&](std::string_view name, std::int64_t micros) {
    const std::string value = seconds_text(micros);
    number(name, value.empty() ? "null" : value);
  };
  const UsageSubject& subject = record.subject;
  out += '{';
  text("time", time_text(record.ended_us));
  text("requestId", record.request_id.view());
  text("tenant", subject.tenant.view());
  text("uid", subject.uid.view());
  text("key", subject.key.view());
  text("member", subject.member.view());
  text("model", subject.model.view());
  text("operation", name_of(record.operation));
  number("status", record.status);
  text("outcome", name_of(record.outcome));
  number("promptTokens", record.prompt_tokens);
  number("cachedTokens", record.cached_tokens);
  number("completionTokens", record.completion_tokens);
  number("reasoningTokens", record.reasoning_tokens);
  number("estimated", record.estimated);
  number("streamed", record.streamed);
  seconds("firstTokenSeconds", record.first_token_us);
  seconds("durationSeconds", record.duration_us);
  const auto gap = record.token_gap_us();
  number("tokenGapSeconds", gap ? fmt::format("{:.6f}", *gap / kMicrosPerSecond) : "null");
  text("cost", cost_text(record.cost));
  text("currency", subject.currency.view());
  out.back() = '}';
}

std::string_view usage_record_csv_header() {
  return "time,request_id,tenant,uid,key,member,model,operation,status,outcome,prompt_tokens,"
         "cached_"
         "tokens,"
         "completion_tokens,reasoning_tokens,estimated,streamed,first_token_seconds,"
         "duration_seconds,token_gap_seconds,cost,currency\r\n";
}

void append_csv(std::string& out, const UsageRecord& record) {
  const UsageSubject& subject = record.subject;
  CsvLine line(out);
  line.field(time_text(record.ended_us))
      .field(record.request_id.view())
      .field(subject.tenant.view())
      .field(subject.uid.view())
      .field(subject.key.view())
      .field(subject.member.view())
      .field(subject.model.view())
      .field(name_of(record.operation))
      .field(std::to_string(record.status))
      .field(name_of(record.outcome));
  for (const std::int64_t tokens : {record.prompt_tokens, record.cached_tokens,
                                    record.completion_tokens, record.reasoning_tokens})
    line.field(std::to_string(tokens));
  const auto gap = record.token_gap_us();
  line.field(record.estimated ? "true" : "false")
      .field(record.streamed ? "true" : "false")
      .field(seconds_text(record.first_token_us))
      .field(seconds_text(record.duration_us))
      .field(gap ? fmt::format("{:.6f}", *gap / kMicrosPerSecond) : "")
      .field(cost_text(record.cost))
      .field(subject.currency.view());
  line.end();
}

}  // namespace insula::gateway
