#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace insula::api {

struct Kind;
struct TypeInfo;
struct ValueInfo;

/// What a value is, on the wire and in the struct.
enum class ValueKind : std::uint8_t {
  kString,
  kBool,
  kInt32,
  kInt64,
  kDouble,
  kBytes,        // std::string of raw bytes; base64 in JSON
  kTime,         // api::Time
  kMicroTime,    // api::MicroTime
  kQuantity,     // api::Quantity
  kIntOrString,  // api::IntOrString
  kRawJson,      // api::RawJson
  kStruct,       // a generated struct, described by ValueInfo::type
  kList,         // std::vector
  kMap,          // std::map<std::string, T>
  kPointer,      // std::optional of a scalar, Box of a struct: absent differs from zero
};

/// Access to a list, map or pointer whose element type the caller does not know at compile time.
struct ContainerOps {
  using Visitor = void (*)(void* context, std::string_view key, const void* element);

  std::size_t (*size)(const void* container);
  void (*clear)(void* container);
  void (*reserve)(void* container, std::size_t size);
  /// Appends to a list; finds or inserts `key` of a map; sets a pointer to a fresh value. The
  /// element stays where it is until the next change of the container.
  void* (*add)(void* container, std::string_view key);
  /// Calls `visit` for each element, maps in the order of their keys. `key` is empty but for maps.
  void (*each)(const void* container, void* context, Visitor visit);
};

/// Describes the type of one value. Constant for the life of the process.
struct ValueInfo {
  ValueKind kind = ValueKind::kString;
  const TypeInfo* type = nullptr;      // kStruct
  const ValueInfo* element = nullptr;  // kList, kMap, kPointer
  const ContainerOps* ops = nullptr;   // kList, kMap, kPointer
};

/// How server-side apply and structural merges see a list (or a struct: granular or atomic).
enum class ListType : std::uint8_t { kNone, kAtomic, kSet, kMap, kGranular };

/// Bits of FieldInfo::flags.
enum FieldFlag : std::uint8_t {
  kRequired = 1,
  kImmutable = 2,
  kPatchMerge = 4,
  kPatchRetainKeys = 8,
  kPatchReplace = 16,
  kWritten = 32,  // in JSON even when it is zero: an empty list, map or pointer as null
  // Not in JSON when it is zero, though it is a struct or a time: those always are.
  kOmitZero = 64,
};

/// One member of a struct, as JSON shows it: the members of an inline struct (a volume's source)
/// stand in its place, with their offsets in the outer struct.
struct FieldInfo {
  std::string_view name;           // in JSON
  std::string_view doc;            // one line for users
  std::string_view default_value;  // as JSON or a bare word; empty when there is none
  std::string_view merge_key;      // of a strategic merge patch
  std::string_view list_keys;      // comma separated, of a list of type map
  std::string_view enum_values;    // comma separated, of a string or those in a list or map
  const ValueInfo* value;
  std::uint32_t offset;  // in the struct, bytes
  std::uint16_t outer;   // protobuf number of the inline member this one belongs to, or 0
  std::uint16_t number;  // protobuf, 0 when there is no protobuf form
  std::uint8_t flags;    // FieldFlag
  ListType list_type;

  [[nodiscard]] bool has(FieldFlag flag) const { return (flags & flag) != 0; }

  [[nodiscard]] void* in(void* object) const { return static_cast<char*>(object) + offset; }

  [[nodiscard]] const void* in(const void* object) const {
    return static_cast<const char*>(object) + offset;
  }
};

/// Life of a struct whose type the caller does not know at compile time.
struct TypeOps {
  std::size_t size;
  void* (*create)();
  void* (*copy)(const void* object);
  void (*destroy)(void* object);
  bool (*equal)(const void* a, const void* b);
};

/// The runtime table of one struct: the only source for decoding, encoding, error paths, patches
/// and OpenAPI. Constant for the life of the process.
struct TypeInfo {
  std::string_view name;     // "PodSpec"
  std::string_view package;  // "io.k8s.api.core.v1", for OpenAPI
  std::string_view doc;
  std::span<const FieldInfo> fields;            // in the order of the schema file
  std::span<const std::uint16_t> name_order;    // indexes of fields, sorted by name
  std::span<const std::uint16_t> number_order;  // sorted by (outer, number)
  TypeOps ops;
  const Kind* kind;  // null for a struct that is only part of others

  /// The field with this JSON name, case-sensitive, or null. `hint` is the index where it is
  /// probably found (the one after the last); it is moved past the field that was found.
  [[nodiscard]] const FieldInfo* find(std::string_view json_name,
                                      std::size_t* hint = nullptr) const;

  /// The field with this protobuf number in the message of the inline member `outer` (0: in the
  /// message itself), or null.
  [[nodiscard]] const FieldInfo* find_number(std::uint32_t outer, std::uint32_t number) const;
  /// Whether an inline member has this number.
  [[nodiscard]] bool has_outer(std::uint32_t number) const;
};

/// Table of a generated struct. Specialised by the generated headers.
template <class T>
const TypeInfo& type_of();

}  // namespace insula::api
