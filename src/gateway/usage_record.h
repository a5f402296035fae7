#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/prices.h"
#include "gateway/usage_counts.h"
#include "llm/request.h"
#include "llm/usage.h"

namespace insula::gateway {

/// How an admitted request ended. The numbers are in files; append only.
enum class UsageOutcome : std::uint8_t {
  kOk,
  kRefused,         // answered with a 4xx by its upstream
  kUpstreamFailed,  // a 5xx, no answer, or one that broke off
  kClientGone,
  kEndedByLimit,    // a stream that a limit of tokens had no more room for
  kGatewayFailed,   // for want of something at the gateway
  kGatewayCrashed,  // the gateway was killed while it ran
};

/// `ok`, `refused`, `upstream_failed` ...: what documents and answers call it.
[[nodiscard]] std::string_view name_of(UsageOutcome outcome);

/// How a reply with this status has ended, when nothing else is known. 499: the client left.
[[nodiscard]] UsageOutcome outcome_of(int status);

/// Text of up to N - 1 bytes in a fixed place; longer ones are cut.
template <std::size_t N>
struct FixedText {
  std::array<char, N> bytes{};

  static constexpr std::size_t kBytesMax = N - 1;

  void set(std::string_view text) {
    bytes.fill('\0');
    std::size_t size = std::min(text.size(), kBytesMax);
    // Not in the middle of a character of UTF-8.
    while (size < text.size() && size > 0 && (text[size] & 0xc0) == 0x80)
      --size;
    std::ranges::copy(text.substr(0, size), bytes.begin());
  }

  [[nodiscard]] std::string_view view() const {
    const auto end = std::ranges::find(bytes, '\0');
    return {bytes.begin(), end};
  }

  bool operator==(const FixedText&) const = default;
};

/// Whose usage it is, and of what.
struct UsageSubject {
  FixedText<64> tenant;
  FixedText<40> uid;  // of the Tenant object; empty: not known
  FixedText<112> model;
  FixedText<16> key;
  FixedText<8> currency;  // of its cost; empty: there were no prices
  FixedText<64> member;   // the subject of its token; empty: it had none, or was a key's

  bool operator==(const UsageSubject&) const = default;
};

/// One admitted request: what it was and what it used. No word of its prompt or reply.
///
/// Plain bytes: files have it as it is.
struct UsageRecord {
  static constexpr std::int64_t kUnknown = -1;

  /// Microseconds since 1970 at which it was settled, and what it took until then; kUnknown for
  /// what a crash left nothing of.
  std::int64_t ended_us = 0;
  std::int64_t duration_us = kUnknown;
  /// From its head to the first token of a stream, or the first byte of another reply's body;
  /// kUnknown when there was none.
  std::int64_t first_token_us = kUnknown;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  /// Nano-units of its currency, by the prices that held when it began.
  std::int64_t cost = 0;
  std::uint16_t status = 0;
  llm::Operation operation = llm::Operation::kOther;
  UsageOutcome outcome = UsageOutcome::kOk;
  bool estimated = false;
  bool streamed = false;
  std::array<char, 2> unused{};
  UsageSubject subject;
  FixedText<64> request_id;

  void set_usage(const llm::Usage& usage);
  [[nodiscard]] llm::Usage usage() const;

  /// What it adds to sums.
  [[nodiscard]] UsageCounts counts() const;

  /// Mean time between two tokens of a stream, in microseconds; nothing for what has less than two.
  [[nodiscard]] std::optional<double> token_gap_us() const;

  bool operator==(const UsageRecord&) const = default;
};

static_assert(std::is_trivially_copyable_v<UsageRecord> && sizeof(UsageRecord) == 440);

/// `chat.completions`, `embeddings` ...; `other`.
[[nodiscard]] std::string_view name_of(llm::Operation operation);

[[nodiscard]] std::int64_t micros_of(WallTime time);

/// One line of JSON, without its end.
void append_json(std::string& out, const UsageRecord& record);

/// A line of CSV, with its end. Spec: RFC 4180.
void append_csv(std::string& out, const UsageRecord& record);
/// The line that names the columns.
[[nodiscard]] std::string_view usage_record_csv_header();

}  // namespace insula::gateway
