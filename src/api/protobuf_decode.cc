#include <bit>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "api/body_version.h"
#include "api/decode_budget.h"
#include "api/int_or_string.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "api/quantity.h"
#include "api/raw_json.h"
#include "api/time.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

constexpr std::string_view kMagic{"k8s\0", 4};
constexpr std::int64_t kNanosPerMicro = 1000;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
/// Seconds whose microseconds still fit, and every year that RFC 3339 can write.
constexpr std::int64_t kSecondsMin = -62'135'596'800, kSecondsMax = 253'402'300'799;

std::unexpected<Error> refuse(std::string_view where, std::string_view what) {
  return fail(ErrorCode::kBadRequest, fmt::format("protobuf: {}: {}", where, what));
}

/// Calls `each(field)` for every field of a message; `each` returns Result<>.
template <class Each>
Result<> each_field(std::string_view message, std::string_view where, Each each) {
  wire::Reader reader(message);
  wire::Field field;
  while (!reader.at_end()) {
    if (!reader.next(field)) return refuse(where, "unexpected end or wrong field");
    INSULA_TRY_VOID(each(std::as_const(field)));
  }
  return {};
}

class Decoder {
 public:
  /// `outer` selects the members that stand in the message of an inline member
  /// (FieldInfo::outer), 0 those of the message itself.
  Result<> read_struct(const TypeInfo& type,
                       void* object,
                       std::string_view message,
                       std::uint32_t outer) {
    return each_field(message, type.name, [&](const wire::Field& field) -> Result<> {
      if (const FieldInfo* info = type.find_number(outer, field.tag)) {
        return read_field(*info->value, info->in(object), field, info->name);
      }
      constexpr std::uint32_t kLevel = 256;
      const bool can_nest =
          field.type == wire::Type::kBytes && field.tag < kLevel && outer < kLevel;
      const std::uint32_t inner = outer == 0 ? field.tag : outer + kLevel * field.tag;
      if (!can_nest || !type.has_outer(inner)) return {};
      return read_struct(type, object, field.bytes, inner);
    });
  }

 private:
  Result<> read_field(const ValueInfo& info,
                      void* target,
                      const wire::Field& field,
                      std::string_view name) {
    switch (info.kind) {
      case ValueKind::kPointer:
        return read_field(*info.element, info.ops->add(target, {}), field, name);
      case ValueKind::kList:
        return read_element(info, target, field, name);
      case ValueKind::kMap:
        return read_entry(info, target, field, name);
      default:
        return read_value(info, target, field, name);
    }
  }

  Result<> read_element(const ValueInfo& info,
                        void* target,
                        const wire::Field& field,
                        std::string_view name) {
    const bool number =
        info.element->kind == ValueKind::kInt32 || info.element->kind == ValueKind::kInt64;
    if (number && field.type == wire::Type::kBytes)
      return read_packed(info, target, field.bytes, name);
    INSULA_TRY_VOID(budget_.spend(*info.element));
    return read_value(*info.element, info.ops->add(target, {}), field, name);
  }

  Result<> read_packed(const ValueInfo& info,
                       void* target,
                       std::string_view bytes,
                       std::string_view name) {
    wire::Reader reader(bytes);
    while (!reader.at_end()) {
      wire::Field element;
      if (!reader.varint(element.number)) return refuse(name, "broken packed list");
      INSULA_TRY_VOID(budget_.spend(*info.element));
      INSULA_TRY_VOID(read_value(*info.element, info.ops->add(target, {}), element, name));
    }
    return {};
  }

  Result<> read_entry(const ValueInfo& info,
                      void* target,
                      const wire::Field& entry,
                      std::string_view name) {
    if (entry.type != wire::Type::kBytes) return refuse(name, "not a map entry");
    std::string_view key;
    wire::Field value;
    INSULA_TRY_VOID(each_field(entry.bytes, name, [&](const wire::Field& field) -> Result<> {
      if (field.tag == 1) key = field.bytes;
      if (field.tag == 2) value = field;
      return {};
    }));
    if (!json::is_utf8(key)) return refuse(name, "a key is not UTF-8");
    INSULA_TRY_VOID(budget_.spend(*info.element));
    void* element = info.ops->add(target, key);
    if (value.tag == 0) return {};
    if (info.element->kind != ValueKind::kList)
      return read_value(*info.element, element, value, name);
    // A list as the value of a map is a message of its own, with the list in field 1.
    return each_field(value.bytes, name, [&](const wire::Field& field) -> Result<> {
      return field.tag == 1 ? read_element(*info.element, element, field, name) : Result<>{};
    });
  }

  Result<> read_value(const ValueInfo& info,
                      void* target,
                      const wire::Field& field,
                      std::string_view name) {
    const bool by_number = info.kind == ValueKind::kBool || info.kind == ValueKind::kInt32 ||
                           info.kind == ValueKind::kInt64;
    const wire::Type wanted = by_number                         ? wire::Type::kVarint
                              : info.kind == ValueKind::kDouble ? wire::Type::kFixed64
                                                                : wire::Type::kBytes;
    if (field.type != wanted) return refuse(name, "wrong wire type");
    switch (info.kind) {
      case ValueKind::kBool:
        *static_cast<bool*>(target) = field.number != 0;
        return {};
      case ValueKind::kInt32:
        *static_cast<std::int32_t*>(target) = static_cast<std::int32_t>(field.number);
        return {};
      case ValueKind::kInt64:
        *static_cast<std::int64_t*>(target) = static_cast<std::int64_t>(field.number);
        return {};
      case ValueKind::kDouble:
        *static_cast<double*>(target) = std::bit_cast<double>(field.number);
        return {};
      case ValueKind::kBytes:
        *static_cast<std::string*>(target) = field.bytes;
        return {};
      case ValueKind::kString:
        if (!json::is_utf8(field.bytes)) return refuse(name, "not UTF-8");
        *static_cast<std::string*>(target) = field.bytes;
        return {};
      case ValueKind::kStruct:
        return read_struct(*info.type, target, field.bytes, 0);
      default:
        return read_scalar_message(info.kind, target, field.bytes, name);
    }
  }

  /// Scalars of ours that are messages on the wire.
  static Result<> read_scalar_message(ValueKind kind,
                                      void* target,
                                      std::string_view message,
                                      std::string_view name) {
    // By field number; no such message has a number above 3.
    std::uint64_t numbers[4] = {};
    std::string_view texts[4];
    INSULA_TRY_VOID(each_field(message, name, [&](const wire::Field& field) -> Result<> {
      if (field.tag > 3) return {};
      numbers[field.tag] = field.number;
      texts[field.tag] = field.bytes;
      return {};
    }));
    if (kind == ValueKind::kTime || kind == ValueKind::kMicroTime) {
      return read_time(kind, target, static_cast<std::int64_t>(numbers[1]),
                       static_cast<std::int32_t>(numbers[2]), name);
    }
    if (kind == ValueKind::kQuantity) {
      if (texts[1].empty()) return {};
      auto parsed = Quantity::parse(texts[1]);
      if (!parsed) return std::unexpected(std::move(parsed).error().in(name));
      *static_cast<Quantity*>(target) = *parsed;
      return {};
    }
    if (kind == ValueKind::kIntOrString) {
      if (!json::is_utf8(texts[3])) return refuse(name, "not UTF-8");
      auto& value = *static_cast<IntOrString*>(target);
      value = numbers[1] == 0 ? IntOrString(static_cast<std::int32_t>(numbers[2]))
                              : IntOrString(std::string(texts[3]));
      return {};
    }
    if (texts[1].empty()) return {};
    const auto parsed = json::parse(texts[1]);
    if (!parsed) return refuse(name, "the JSON inside is broken");
    static_cast<RawJson*>(target)->text = json::write(*parsed);
    return {};
  }

  static Result<> read_time(ValueKind kind,
                            void* target,
                            std::int64_t seconds,
                            std::int32_t nanos,
                            std::string_view name) {
    if (seconds < kSecondsMin || seconds > kSecondsMax || nanos < 0 || nanos > 999'999'999)
      return refuse(name, "no time of this calendar");
    if (kind == ValueKind::kTime) {
      static_cast<Time*>(target)->seconds = seconds;
    } else {
      static_cast<MicroTime*>(target)->micros = seconds * kMicrosPerSecond + nanos / kNanosPerMicro;
    }
    return {};
  }

  DecodeBudget budget_;
};

}  // namespace

Result<ProtobufEnvelope> read_protobuf_envelope(std::string_view bytes) {
  if (!bytes.starts_with(kMagic))
    return fail(ErrorCode::kBadRequest,
                "provided data does not appear to be a protobuf message, expected prefix [107 56 "
                "115 0]");
  ProtobufEnvelope envelope;
  std::string_view encoding, content_type;
  INSULA_TRY_VOID(each_field(
      bytes.substr(kMagic.size()), "envelope", [&](const wire::Field& field) -> Result<> {
        if (field.tag == 2) envelope.message = field.bytes;
        if (field.tag == 3) encoding = field.bytes;
        if (field.tag == 4) content_type = field.bytes;
        if (field.tag != 1) return {};
        return each_field(field.bytes, "envelope", [&](const wire::Field& meta) -> Result<> {
          if (meta.tag == 1) envelope.api_version = meta.bytes;
          if (meta.tag == 2) envelope.kind = meta.bytes;
          return {};
        });
      }));
  if (!encoding.empty() || (!content_type.empty() && content_type != kProtobufContentType)) {
    return fail(ErrorCode::kUnsupportedMedia,
                "protobuf: the envelope holds an object that is encoded or of another type");
  }
  return envelope;
}

Result<> decode_protobuf_message(const TypeInfo& type, void* object, std::string_view message) {
  return Decoder().read_struct(type, object, message, 0);
}

Result<> decode_protobuf(const TypeInfo& type, void* object, std::string_view bytes) {
  INSULA_CHECK(type.kind != nullptr, type.name);
  const Kind& kind = *type.kind;
  INSULA_TRY(const ProtobufEnvelope envelope, read_protobuf_envelope(bytes));
  INSULA_TRY_VOID(check_body_kind(kind, envelope.kind, envelope.api_version));
  return decode_protobuf_message(type, object, envelope.message);
}

}  // namespace insula::api
