#include <bit>
#include <map>

#include "api/custom/custom_object.h"
#include "api/int_or_string.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "api/quantity.h"
#include "api/raw_json.h"
#include "api/time.h"
#include "base/check.h"

namespace insula::api {
namespace {

constexpr std::string_view kMagic{"k8s\0", 4};
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

/// Writes values as fields of the message at the end of `out_`.
class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  void write_struct(const TypeInfo& type, const void* object) {
    std::size_t at = 0;
    write_members(type, object, at, {});
  }

 private:
  /// The message of an inline member, and how deep it is. FieldInfo::outer has a byte for each
  /// level, the outermost lowest.
  struct Message {
    std::uint32_t outer = 0;
    unsigned bits = 0;

    [[nodiscard]] bool holds(const FieldInfo& field) const {
      return (field.outer & ((1U << bits) - 1)) == outer;
    }
  };

  /// The members from `at` on that are in the message; they follow each other.
  void write_members(const TypeInfo& type,
                     const void* object,
                     std::size_t& at,
                     const Message& message) {
    constexpr unsigned kLevelBits = 8;
    while (at < type.fields.size() && message.holds(type.fields[at])) {
      const std::uint32_t below = type.fields[at].outer >> message.bits;
      if (below == 0) {
        write_field(type.fields[at++], object);
        continue;
      }
      const std::uint32_t number = below & ((1U << kLevelBits) - 1);
      const std::size_t before = out_.size();
      bool empty = true;
      {
        const wire::MessageField nested(out_, number);
        const std::size_t start = out_.size();
        write_members(type, object, at,
                      {message.outer | (number << message.bits), message.bits + kLevelBits});
        empty = out_.size() == start;
      }
      if (empty) out_.resize(before);
    }
  }

  void write_field(const FieldInfo& field, const void* object) {
    if (field.number != 0) write(*field.value, field.in(object), field.number);
  }

  /// Leaves out what is empty.
  void write(const ValueInfo& info, const void* value, std::uint32_t tag) {
    if (info.ops != nullptr) {
      write_elements(info, value, tag);
      return;
    }
    switch (info.kind) {
      case ValueKind::kString:
      case ValueKind::kBytes:
        if (static_cast<const std::string*>(value)->empty()) return;
        break;
      case ValueKind::kBool:
        if (!*static_cast<const bool*>(value)) return;
        break;
      case ValueKind::kInt32:
        if (*static_cast<const std::int32_t*>(value) == 0) return;
        break;
      case ValueKind::kInt64:
        if (*static_cast<const std::int64_t*>(value) == 0) return;
        break;
      case ValueKind::kTime:
        if (static_cast<const Time*>(value)->is_zero()) return;
        break;
      case ValueKind::kMicroTime:
        if (static_cast<const MicroTime*>(value)->is_zero()) return;
        break;
      case ValueKind::kRawJson:
        if (static_cast<const RawJson*>(value)->empty()) return;
        break;
      default:
        break;
    }
    write_present(info, value, tag);
  }

  struct Elements {
    Encoder* encoder;
    const ValueInfo* container;
    std::uint32_t tag;
  };

  void write_elements(const ValueInfo& info, const void* value, std::uint32_t tag) {
    Elements elements{this, &info, tag};
    info.ops->each(value, &elements, [](void* context, std::string_view key, const void* element) {
      const auto& to = *static_cast<Elements*>(context);
      const ValueInfo& inner = *to.container->element;
      std::string& out = to.encoder->out_;
      if (to.container->kind != ValueKind::kMap) {
        to.encoder->write_present(inner, element, to.tag);
        return;
      }
      const wire::MessageField entry(out, to.tag);
      wire::append_bytes_field(out, 1, key);
      if (inner.kind == ValueKind::kList) {
        const wire::MessageField list(out, 2);
        to.encoder->write_elements(inner, element, 1);
      } else {
        to.encoder->write_present(inner, element, 2);
      }
    });
  }

  void write_present(const ValueInfo& info, const void* value, std::uint32_t tag) {
    switch (info.kind) {
      case ValueKind::kString:
      case ValueKind::kBytes:
        wire::append_bytes_field(out_, tag, *static_cast<const std::string*>(value));
        return;
      case ValueKind::kBool:
        wire::append_varint_field(out_, tag, *static_cast<const bool*>(value) ? 1 : 0);
        return;
      case ValueKind::kInt32:
        write_int(tag, *static_cast<const std::int32_t*>(value));
        return;
      case ValueKind::kInt64:
        write_int(tag, *static_cast<const std::int64_t*>(value));
        return;
      case ValueKind::kDouble:
        wire::append_fixed64_field(
            out_, tag, std::bit_cast<std::uint64_t>(*static_cast<const double*>(value)));
        return;
      case ValueKind::kList:
      case ValueKind::kMap:
      case ValueKind::kPointer:
        write_elements(info, value, tag);
        return;
      default:
        break;
    }
    const wire::MessageField message(out_, tag);
    switch (info.kind) {
      case ValueKind::kTime:
        write_time(static_cast<const Time*>(value)->seconds, 0);
        return;
      case ValueKind::kMicroTime: {
        const std::int64_t micros = static_cast<const MicroTime*>(value)->micros;
        const std::int64_t seconds =
            micros / kMicrosPerSecond - (micros % kMicrosPerSecond < 0 ? 1 : 0);
        write_time(seconds, (micros - seconds * kMicrosPerSecond) * 1000);
        return;
      }
      case ValueKind::kQuantity:
        wire::append_bytes_field(out_, 1, static_cast<const Quantity*>(value)->text());
        return;
      case ValueKind::kIntOrString:
        write_int_or_string(*static_cast<const IntOrString*>(value));
        return;
      case ValueKind::kRawJson:
        wire::append_bytes_field(out_, 1, static_cast<const RawJson*>(value)->text);
        return;
      default:
        write_struct(*info.type, value);
        return;
    }
  }

  void write_int(std::uint32_t tag, std::int64_t value) {
    wire::append_varint_field(out_, tag, static_cast<std::uint64_t>(value));
  }

  /// 0 is no time at all, an empty message.
  void write_time(std::int64_t seconds, std::int64_t nanos) {
    if (seconds == 0 && nanos == 0) return;
    write_int(1, seconds);
    write_int(2, nanos);
  }

  void write_int_or_string(const IntOrString& value) {
    write_int(1, value.is_string() ? 1 : 0);
    write_int(2, value.number());
    wire::append_bytes_field(out_, 3, value.name());
  }

  std::string& out_;
};

}  // namespace

void encode_protobuf_message(const TypeInfo& type, const void* object, std::string& out) {
  Encoder(out).write_struct(type, object);
}

bool has_protobuf(const TypeInfo& type) {
  return !is_custom(type) && type.package.starts_with("io.k8s.");
}

std::string protobuf_envelope_head(std::string_view api_version,
                                   std::string_view kind,
                                   std::size_t message_bytes) {
  std::string out(kMagic);
  {
    const wire::MessageField meta(out, 1);
    wire::append_bytes_field(out, 1, api_version);
    wire::append_bytes_field(out, 2, kind);
  }
  wire::append_bytes_head(out, 2, message_bytes);
  return out;
}

std::string protobuf_envelope(std::string_view api_version,
                              std::string_view kind,
                              std::string_view message) {
  std::string out = protobuf_envelope_head(api_version, kind, message.size());
  out += message;
  // No encoding and no content type: the message is protobuf as it is.
  return out += kProtobufEnvelopeTail;
}

std::string encode_protobuf(const TypeInfo& type, const void* object) {
  INSULA_CHECK(type.kind != nullptr, type.name);
  std::string message;
  encode_protobuf_message(type, object, message);
  return protobuf_envelope(type.kind->api_version(), type.kind->kind, message);
}

}  // namespace insula::api
