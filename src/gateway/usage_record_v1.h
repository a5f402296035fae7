#pragma once

#include <cstddef>
#include <type_traits>

#include "gateway/usage_record.h"

namespace insula::gateway {

/// UsageSubject as files had it before there were members.
struct UsageSubjectV1 {
  FixedText<64> tenant;
  FixedText<40> uid;
  FixedText<112> model;
  FixedText<16> key;
  FixedText<8> currency;

  /// Without a member.
  [[nodiscard]] UsageSubject present() const {
    return {.tenant = tenant,
            .uid = uid,
            .model = model,
            .key = key,
            .currency = currency,
            .member = {}};
  }
};

/// UsageRecord as files had it then.
struct UsageRecordV1 {
  std::array<std::byte, offsetof(UsageRecord, subject)> numbers{};  // as they are now
  UsageSubjectV1 subject;
  FixedText<64> request_id;

  [[nodiscard]] UsageRecord present() const {
    UsageRecord record;
    std::ranges::copy(numbers, reinterpret_cast<std::byte*>(&record));
    record.subject = subject.present();
    record.request_id = request_id;
    return record;
  }
};

static_assert(std::is_trivially_copyable_v<UsageRecordV1> && sizeof(UsageRecordV1) == 376);

}  // namespace insula::gateway
