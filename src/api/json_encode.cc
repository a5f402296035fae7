#include <map>

#include "api/codec.h"
#include "api/custom/custom_object.h"
#include "api/int_or_string.h"
#include "api/quantity.h"
#include "api/raw_json.h"
#include "api/time.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

void write_struct(const TypeInfo& type, const void* object, std::string& out, const Kind* as_kind);

void write_value(const ValueInfo& info, const void* value, std::string& out);

/// Where a container's elements go while its ops walk over them.
struct Elements {
  const ValueInfo* element = nullptr;
  std::string* out = nullptr;
  bool first = true;
};

void write_list(const ValueInfo& info, const void* value, std::string& out) {
  Elements elements{info.element, &out};
  out += '[';
  info.ops->each(value, &elements, [](void* context, std::string_view, const void* element) {
    auto& to = *static_cast<Elements*>(context);
    if (!to.first) *to.out += ',';
    to.first = false;
    write_value(*to.element, element, *to.out);
  });
  out += ']';
}

void write_map(const ValueInfo& info, const void* value, std::string& out) {
  Elements elements{info.element, &out};
  out += '{';
  info.ops->each(value, &elements, [](void* context, std::string_view key, const void* element) {
    auto& to = *static_cast<Elements*>(context);
    if (!to.first) *to.out += ',';
    to.first = false;
    json::append_string(*to.out, key);
    *to.out += ':';
    write_value(*to.element, element, *to.out);
  });
  out += '}';
}

void write_pointer(const ValueInfo& info, const void* value, std::string& out) {
  if (info.ops->size(value) == 0) {
    out += "null";
    return;
  }
  Elements elements{info.element, &out};
  info.ops->each(value, &elements, [](void* context, std::string_view, const void* element) {
    auto& to = *static_cast<Elements*>(context);
    write_value(*to.element, element, *to.out);
  });
}

/// A text that needs no escapes, in quotes.
void write_plain(std::string& out, std::string_view text) {
  out += '"';
  out += text;
  out += '"';
}

/// A time that is not set is null, as in Kubernetes.
template <class T>
void write_time(const T& time, std::string& out) {
  if (time.is_zero()) {
    out += "null";
  } else {
    write_plain(out, time.text());
  }
}

void write_int_or_string(const IntOrString& value, std::string& out) {
  if (value.is_string()) {
    json::append_string(out, value.name());
  } else {
    json::append_number(out, std::int64_t{value.number()});
  }
}

void write_value(const ValueInfo& info, const void* value, std::string& out) {
  switch (info.kind) {
    case ValueKind::kString:
      json::append_string(out, *static_cast<const std::string*>(value));
      return;
    case ValueKind::kBool:
      out += *static_cast<const bool*>(value) ? "true" : "false";
      return;
    case ValueKind::kInt32:
      json::append_number(out, std::int64_t{*static_cast<const std::int32_t*>(value)});
      return;
    case ValueKind::kInt64:
      json::append_number(out, *static_cast<const std::int64_t*>(value));
      return;
    case ValueKind::kDouble:
      json::append_number(out, *static_cast<const double*>(value));
      return;
    case ValueKind::kBytes:
      write_plain(out, base64_encode(*static_cast<const std::string*>(value)));
      return;
    case ValueKind::kTime:
      write_time(*static_cast<const Time*>(value), out);
      return;
    case ValueKind::kMicroTime:
      write_time(*static_cast<const MicroTime*>(value), out);
      return;
    case ValueKind::kQuantity:
      write_plain(out, static_cast<const Quantity*>(value)->text());
      return;
    case ValueKind::kIntOrString:
      write_int_or_string(*static_cast<const IntOrString*>(value), out);
      return;
    case ValueKind::kRawJson: {
      const auto& raw = *static_cast<const RawJson*>(value);
      out += raw.empty() ? std::string_view("null") : std::string_view(raw.text);
      return;
    }
    case ValueKind::kStruct:
      write_struct(*info.type, value, out, nullptr);
      return;
    case ValueKind::kList:
      write_list(info, value, out);
      return;
    case ValueKind::kMap:
      write_map(info, value, out);
      return;
    case ValueKind::kPointer:
      write_pointer(info, value, out);
      return;
  }
}

/// Structs are judged by what they write, see write_struct.
bool is_empty(const ValueInfo& info, const void* value) {
  switch (info.kind) {
    case ValueKind::kString:
    case ValueKind::kBytes:
      return static_cast<const std::string*>(value)->empty();
    case ValueKind::kBool:
      return !*static_cast<const bool*>(value);
    case ValueKind::kInt32:
      return *static_cast<const std::int32_t*>(value) == 0;
    case ValueKind::kInt64:
      return *static_cast<const std::int64_t*>(value) == 0;
    case ValueKind::kDouble:
      return *static_cast<const double*>(value) == 0;
    case ValueKind::kTime:
      return static_cast<const Time*>(value)->is_zero();
    case ValueKind::kMicroTime:
      return static_cast<const MicroTime*>(value)->is_zero();
    case ValueKind::kQuantity:
      return false;  // without a pointer it is always written, as in Kubernetes
    case ValueKind::kIntOrString:
      return static_cast<const IntOrString*>(value)->is_zero();
    case ValueKind::kRawJson:
      return static_cast<const RawJson*>(value)->empty();
    case ValueKind::kStruct:
      return false;
    case ValueKind::kList:
    case ValueKind::kMap:
    case ValueKind::kPointer:
      return info.ops->size(value) == 0;
  }
  return false;
}

/// Whether a value is there in JSON even when it is zero, as Go's encoder has it.
bool is_always_written(const FieldInfo& field) {
  if (field.has(kRequired) || field.has(kWritten)) return true;
  if (field.has(kOmitZero)) return false;
  const ValueKind kind = field.value->kind;
  return kind == ValueKind::kStruct || kind == ValueKind::kTime || kind == ValueKind::kMicroTime;
}

/// Whether nothing is worth a field: an empty struct, or a time that is there and not set, as
/// protobuf can have it; its null would be read as none.
bool says_nothing(const ValueInfo& info, std::string_view written) {
  if (info.kind == ValueKind::kStruct) return written == "{}";
  if (info.kind != ValueKind::kPointer) return false;
  const ValueKind pointee = info.element->kind;
  return (pointee == ValueKind::kTime || pointee == ValueKind::kMicroTime) && written == "null";
}

void write_field(const FieldInfo& field, const void* object, std::string& out) {
  const void* value = field.in(object);
  const bool always = is_always_written(field);
  if (!always && is_empty(*field.value, value)) return;
  const std::size_t start = out.size();
  if (out.back() != '{') out += ',';
  // Field names are plain ASCII.
  write_plain(out, field.name);
  out += ':';
  const std::size_t value_start = out.size();
  const ValueKind kind = field.value->kind;
  if ((kind == ValueKind::kList || kind == ValueKind::kMap) && is_empty(*field.value, value)) {
    out += "null";
    return;
  }
  write_value(*field.value, value, out);
  const bool nothing = says_nothing(*field.value, std::string_view(out).substr(value_start));
  if (nothing && !always) out.resize(start);
}

void write_content(const CustomObject& object, std::string& out) {
  for (const auto& [name, value] : object.content) {
    if (out.back() != '{') out += ',';
    json::append_string(out, name);
    out += ':';
    json::append(out, value);
  }
}

void write_struct(const TypeInfo& type, const void* object, std::string& out, const Kind* as_kind) {
  out += '{';
  if (as_kind != nullptr) {
    // Only the meta group's bodies are known by the bare version.
    const bool meta = as_kind->group == "meta.k8s.io";
    out += "\"apiVersion\":\"";
    out += meta ? std::string(as_kind->version) : as_kind->api_version();
    out += "\",\"kind\":\"";
    out += as_kind->kind;
    out += '"';
  }
  for (const FieldInfo& field : type.fields)
    write_field(field, object, out);
  if (is_custom(type)) write_content(*static_cast<const CustomObject*>(object), out);
  out += '}';
}

}  // namespace

void encode_json(const TypeInfo& type, const void* object, std::string& out) {
  write_struct(type, object, out, type.kind);
}

json::Value to_json(const TypeInfo& type, const void* object) {
  std::string text;
  encode_json(type, object, text);
  auto value = json::parse(text);
  INSULA_CHECK(value.has_value(), type.name);
  return *std::move(value);
}

}  // namespace insula::api
